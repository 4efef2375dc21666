//! Whom the secrets of a plan are sealed for.
//!
//! A node without configured recipients gets an age identity of its own, which never lies beside the bundle it opens.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::seal::{Identities, Recipient};

use super::Args;
use crate::cli::error::io_error;
use crate::cli::input::read_secret;
use crate::cli::summary::Identity;
use crate::cli::workspace::{Workspace, is_within};
use crate::cli::{CliError, Io};
use crate::config::ValidConfig;
use crate::output;

/// Whom the sealed part is for, before an identity is made.
pub(super) enum Sealing {
    /// The configuration names them.
    Configured(Vec<Recipient>),
    /// An age identity in a file, to be read or made.
    Identity(PathBuf),
}

/// The recipients, and the identity that was read or made for them.
pub(super) struct TakenRecipients {
    /// Never empty where there is something to seal.
    pub(super) recipients: Vec<Recipient>,
    /// Absent when the configuration names recipients, or nothing is sealed.
    pub(super) identity: Option<Identity>,
}

impl TakenRecipients {
    /// For a bundle without secrets.
    pub(super) fn none() -> Self {
        Self {
            recipients: Vec::new(),
            identity: None,
        }
    }
}

impl Sealing {
    /// Finds the configured recipients or the place of an identity; writes nothing.
    pub(super) fn find(
        args: &Args,
        config: &ValidConfig,
        workspace: &Workspace,
    ) -> Result<Self, CliError> {
        if !config.node.recipients.is_empty() {
            if args.identity_out.is_some() {
                return Err(CliError::usage("--identity-out is for a node without recipients, and this node has some")
                    .hint("leave --identity-out away, or remove `nodes[0].recipients` from the Cluster document"));
            }
            let parsed = config
                .node
                .recipients
                .iter()
                .map(|text| Recipient::parse(text))
                .collect::<Result<_, _>>();
            return parsed.map(Self::Configured).map_err(|error| {
                CliError::caused(Exit::Usage, "Cluster.nodes[0].recipients", error)
            });
        }
        let path = args
            .identity_out
            .clone()
            .unwrap_or_else(|| workspace.identity(config.node.name.as_str()));
        if is_within(&path, &args.output) {
            return Err(CliError::usage(format!(
                "the identity {} would lie in the output folder {}, beside the bundle it opens",
                path.display(),
                args.output.display()
            ))
            .hint("give another place with --identity-out, and carry it to the host another way than the bundle"));
        }
        Ok(Self::Identity(path))
    }

    /// Reads or makes the identity.
    pub(super) fn take(self, io: &mut Io) -> Result<TakenRecipients, CliError> {
        let path = match self {
            Self::Configured(recipients) => {
                return Ok(TakenRecipients {
                    recipients,
                    identity: None,
                });
            }
            Self::Identity(path) => path,
        };
        let shown = path.display().to_string();
        if path.exists() {
            let text = read_secret(&path, "age identity")?;
            let recipients = Identities::parse(&text, &shown)
                .map(|identities| identities.recipients())
                .map_err(|error| {
                    CliError::caused(Exit::Usage, format!("reading age identity {shown}"), error)
                })?;
            return Ok(TakenRecipients {
                recipients,
                identity: Some(Identity {
                    file: shown,
                    created: false,
                }),
            });
        }
        let (text, recipient) = Identities::generate();
        output::create_private(&path, text.expose())
            .map_err(io_error("writing age identity", &path))?;
        io.say(&format!(
            "the node has no recipient: made an age identity for it, {shown}"
        ));
        Ok(TakenRecipients {
            recipients: vec![recipient],
            identity: Some(Identity {
                file: shown,
                created: true,
            }),
        })
    }
}

//! Whom the secrets of a plan are sealed for.
//!
//! A node without configured recipients gets an age identity of its own, which never lies beside the bundle it opens.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::seal::{Identities, Recipient};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::{CliError, Io};

use super::Args;
use crate::cli::error::io_error;
use crate::cli::input::read_secret;
use crate::cli::summary::Identity;
use crate::cli::workspace::{Workspace, is_within};
use crate::config::ValidConfig;
use crate::output;

/// Whom the sealed part of a node's bundle is for, before an identity is made.
pub(super) enum Sealing {
    /// The configuration names them.
    Configured(Vec<Recipient>),
    /// An age identity of an earlier run.
    Read(Vec<Recipient>, PathBuf),
    /// An age identity to be made there.
    Make(PathBuf),
}

/// The recipients, and the identity that was read or made for them.
pub(super) struct TakenRecipients {
    /// Never empty where there is something to seal.
    pub(super) recipients: Vec<Recipient>,
    /// Absent when the configuration names recipients, or nothing is sealed.
    pub(super) identity: Option<Identity>,
    /// The identity, if it was made and has to be written.
    pub(super) new: Option<(PathBuf, SecretBytes)>,
}

impl TakenRecipients {
    /// For a bundle without secrets.
    pub(super) fn none() -> Self {
        Self {
            recipients: Vec::new(),
            identity: None,
            new: None,
        }
    }
}

impl Sealing {
    /// Finds the configured recipients, an identity, or the place of a new one; writes nothing.
    pub(super) fn find(
        args: &Args,
        config: &ValidConfig,
        workspace: &Workspace,
    ) -> Result<Self, CliError> {
        if !config.node.recipients.is_empty() {
            if args.identity_out.is_some() {
                return Err(CliError::usage("--identity-out is for a node without recipients, and this node has some")
                    .hint("leave --identity-out away, or remove the node's `recipients` from the Cluster document"));
            }
            let parsed = config
                .node
                .recipients
                .iter()
                .map(|text| Recipient::parse(text))
                .collect::<Result<_, _>>();
            return parsed.map(Self::Configured).map_err(|error| {
                CliError::caused(Exit::Usage, "Cluster.nodes[].recipients", error)
            });
        }
        let path = match &args.identity_out {
            Some(path) => path.clone(),
            None => workspace.identity(config.node.name.as_str())?,
        };
        if is_within(&path, &args.output) {
            return Err(CliError::usage(format!(
                "the identity {} would lie in the output folder {}, beside the bundle it opens",
                path.display(),
                args.output.display()
            ))
            .hint("give another place with --identity-out, and carry it to the host another way than the bundle"));
        }
        if !path.exists() {
            return Ok(Self::Make(path));
        }
        let shown = path.display().to_string();
        let text = read_secret(&path, "age identity")?;
        let identities = Identities::parse(&text, &shown).map_err(|error| {
            CliError::caused(Exit::Usage, format!("reading age identity {shown}"), error)
        })?;
        Ok(Self::Read(identities.recipients(), path))
    }

    /// Makes the identity if there is none; writes nothing.
    pub(super) fn take(&self) -> TakenRecipients {
        let shown = |path: &PathBuf, created| {
            Some(Identity {
                file: path.display().to_string(),
                created,
            })
        };
        match self {
            Self::Configured(recipients) => TakenRecipients {
                recipients: recipients.clone(),
                identity: None,
                new: None,
            },
            Self::Read(recipients, path) => TakenRecipients {
                recipients: recipients.clone(),
                identity: shown(path, false),
                new: None,
            },
            Self::Make(path) => {
                let (text, recipient) = Identities::generate();
                TakenRecipients {
                    recipients: vec![recipient],
                    identity: shown(path, true),
                    new: Some((path.clone(), text)),
                }
            }
        }
    }
}

/// Writes the identities that were made.
pub(super) fn keep(new: &[(PathBuf, SecretBytes)], io: &mut Io) -> Result<(), CliError> {
    let files: Vec<_> = new
        .iter()
        .map(|(path, text)| (path.clone(), text))
        .collect();
    let Some((first, _)) = files.first() else {
        return Ok(());
    };
    output::create_private_files(&files).map_err(io_error("writing age identity", first))?;
    io.say(match files.len() {
        1 => format!(
            "the node has no recipient: made an age identity for it, {}",
            first.display()
        ),
        count => format!(
            "{count} nodes have no recipients: made an age identity for each, {} and so on",
            first.display()
        ),
    });
    Ok(())
}

//! Finds or makes the recipients that the secrets of a plan are sealed for.
//!
//! A node without configured recipients gets an age identity of its own, which is never written beside the bundle that it opens.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::seal::{Identities, Recipient};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::{CliError, Io};

use super::Args;
use crate::cli::error::io_error;
use crate::cli::reading::read_secret;
use crate::cli::summary::Identity;
use crate::cli::workspace::{Workspace, is_within};
use crate::config::ValidConfig;
use crate::output;

/// Where the recipients of a node's bundle come from, before an identity is made.
pub(super) enum Sealing {
    /// The configuration names the recipients.
    Configured(Vec<Recipient>),
    /// An age identity that an earlier run made, with its file.
    Read(Vec<Recipient>, PathBuf),
    /// An age identity to make and write to this file.
    Make(PathBuf),
}

/// The recipients of a bundle, and the identity that was read or made.
pub(super) struct TakenRecipients {
    /// Not empty if the bundle has something to seal.
    pub(super) recipients: Vec<Recipient>,
    /// `None` if the configuration names recipients, or nothing is sealed.
    pub(super) identity: Option<Identity>,
    /// The new identity and its file, if one was made and is not written yet.
    pub(super) new: Option<(PathBuf, SecretBytes)>,
}

impl TakenRecipients {
    /// No recipients, for a bundle without secrets.
    pub(super) fn none() -> Self {
        Self {
            recipients: Vec::new(),
            identity: None,
            new: None,
        }
    }
}

impl Sealing {
    /// Finds the configured recipients, an existing identity, or the place for a new one. Writes nothing.
    pub(super) fn find(
        args: &Args,
        config: &ValidConfig,
        workspace: &Workspace,
    ) -> Result<Self, CliError> {
        if !config.node.recipients.is_empty() {
            if args.identity_out.is_some() {
                return Err(CliError::usage("--identity-out is for a node without recipients, but this node has recipients")
                    .hint("omit --identity-out, or remove the node's `recipients` from the Cluster document"));
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
                "the identity {} is in the output directory {}, beside the bundle that it opens",
                path.display(),
                args.output.display()
            ))
            .hint("name a file elsewhere with --identity-out, and carry it to the host separately from the bundle"));
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

    /// Makes the identity if it does not exist. Writes nothing.
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

/// Writes the new identities.
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
            "the node has no recipients: made an age identity for it, {}",
            first.display()
        ),
        count => format!(
            "{count} nodes have no recipients: made an age identity for each, {} and so on",
            first.display()
        ),
    });
    Ok(())
}

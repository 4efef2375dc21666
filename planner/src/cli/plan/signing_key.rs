//! The author's key of a plan: configured, the workspace's, or made on first use.

use std::path::{Path, PathBuf};

use kubeplan_bundle::signature::PrivateKey;

use super::Args;
use crate::cli::keys::{self, CreatedKey};
use crate::cli::summary::Signer;
use crate::cli::workspace::Workspace;
use crate::cli::{CliError, Io};
use crate::config::ValidConfig;

/// The key that signs, before it is made.
pub(super) enum SigningKey {
    /// Read from a file.
    Read(Box<PrivateKey>, PathBuf),
    /// To be made there, with the passphrase in a file.
    Make(PathBuf, Option<PathBuf>),
}

/// The key, and what the summary says of it.
pub(super) struct TakenKey {
    /// The key.
    pub(super) key: PrivateKey,
    /// What the summary says.
    pub(super) shown: Signer,
}

impl SigningKey {
    /// Finds the configured key, the workspace's, or the place for a new one; writes nothing.
    pub(super) fn find(
        args: &Args,
        config: &ValidConfig,
        workspace: &Workspace,
        io: &Io,
    ) -> Result<Self, CliError> {
        let configured = args
            .sign_key
            .clone()
            .or_else(|| config.signing_key_file.clone().map(PathBuf::from));
        let passphrase_file = args.passphrase_file.as_deref();
        match configured {
            Some(path) => Self::read(path, passphrase_file, io),
            None => {
                let path = workspace.author_key();
                if path.exists() {
                    Self::read(path, passphrase_file, io)
                } else {
                    Ok(Self::Make(path, args.passphrase_file.clone()))
                }
            }
        }
    }

    fn read(path: PathBuf, passphrase_file: Option<&Path>, io: &Io) -> Result<Self, CliError> {
        let key = keys::read_private_key(&path, passphrase_file, io)?;
        Ok(Self::Read(Box::new(key), path))
    }

    /// Makes the key if there is none yet.
    pub(super) fn take(self, config: &ValidConfig, io: &mut Io) -> Result<TakenKey, CliError> {
        let (key, path, created) = match self {
            Self::Read(key, path) => (*key, path, false),
            Self::Make(path, passphrase_file) => {
                let comment = format!("kubeplan-author-{}", config.bundle_cluster_name);
                let CreatedKey { key, .. } =
                    keys::create_private_key(&path, &comment, passphrase_file.as_deref(), io)?;
                io.say(&format!(
                    "no signing key is configured: made {}",
                    path.display()
                ));
                (key, path, true)
            }
        };
        let public = key.public();
        let shown = Signer {
            fingerprint: public.fingerprint().to_string(),
            public_key: public.to_openssh(),
            file: path.display().to_string(),
            created,
        };
        Ok(TakenKey { key, shown })
    }
}

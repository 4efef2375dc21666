//! Finds the author's key that signs a plan: the configured key, the workspace's, or a new one.

use std::path::{Path, PathBuf};

use kubeplan_bundle::index::Name;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_terminal::{CliError, Io};

use super::Args;
use crate::cli::keys::{self, NewKey};
use crate::cli::summary::Signer;
use crate::cli::workspace::Workspace;
use crate::config::ValidConfig;

/// Where the signing key comes from, before a new one is made.
pub(super) enum SigningKey {
    /// Read from a file.
    Read(Box<PrivateKey>, PathBuf),
    /// A key to make and write to this file, with the passphrase in the other.
    Make(PathBuf, Option<PathBuf>),
}

/// The signing key, with what the summary shows of it.
pub(super) struct TakenKey {
    /// What the summary shows.
    pub(super) shown: Signer,
    source: KeySource,
    path: PathBuf,
}

enum KeySource {
    Read(Box<PrivateKey>),
    New(Box<NewKey>),
}

impl TakenKey {
    /// The key.
    pub(super) fn key(&self) -> &PrivateKey {
        match &self.source {
            KeySource::Read(key) => key,
            KeySource::New(new) => &new.key,
        }
    }

    /// Writes the key if it is new.
    pub(super) fn keep(&self, io: &mut Io) -> Result<(), CliError> {
        if let KeySource::New(new) = &self.source {
            new.write(&self.path)?;
            io.say(format_args!(
                "no signing key is configured: made the key {}",
                self.path.display()
            ));
        }
        Ok(())
    }
}

impl SigningKey {
    /// Finds the configured key, the workspace's, or the place for a new one. Writes nothing.
    pub(super) fn find(
        args: &Args,
        config: &ValidConfig,
        workspace: &Workspace,
        io: &mut Io,
    ) -> Result<Self, CliError> {
        let configured = args
            .sign_key
            .clone()
            .or_else(|| config.signing_key_file.clone().map(PathBuf::from));
        let passphrase_file = args.passphrase_file.as_deref();
        match configured {
            Some(path) => Self::read(path, passphrase_file, io),
            None => {
                let path = workspace.author_key()?;
                if path.exists() {
                    Self::read(path, passphrase_file, io)
                } else {
                    Ok(Self::Make(path, args.passphrase_file.clone()))
                }
            }
        }
    }

    fn read(path: PathBuf, passphrase_file: Option<&Path>, io: &mut Io) -> Result<Self, CliError> {
        let key = keys::read_private_key(&path, passphrase_file, io)?;
        Ok(Self::Read(Box::new(key), path))
    }

    /// Makes the key if it does not exist. Writes nothing.
    pub(super) fn take(self, cluster: &Name) -> Result<TakenKey, CliError> {
        let (source, path) = match self {
            Self::Read(key, path) => (KeySource::Read(key), path),
            Self::Make(path, passphrase_file) => {
                let comment = format!("kubeplan-author-{cluster}");
                let new = keys::make_private_key(&comment, passphrase_file.as_deref())?;
                (KeySource::New(Box::new(new)), path)
            }
        };
        let (key, created) = match &source {
            KeySource::Read(key) => (&**key, false),
            KeySource::New(new) => (&new.key, true),
        };
        let public = key.public();
        Ok(TakenKey {
            shown: Signer {
                fingerprint: public.fingerprint().to_string(),
                public_key: public.to_openssh(),
                file: path.display().to_string(),
                created,
            },
            source,
            path,
        })
    }
}

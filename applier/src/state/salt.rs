//! Digests of installed bytes: plain for public files, keyed for secret ones.
//!
//! A plain digest of a secret in a state file could be guessed against by a reader of a backup of it; keyed
//! with random bytes that never leave the host it says nothing.

use aws_lc_rs::hmac;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::secret::SecretBytes;
use serde::{Deserialize, Serialize};

use super::{DIRECTORY, StateError, open_directory};
use crate::host::{Actions, HostError, Root};

const NAME: &str = "salt";
const SIZE: usize = 32;

/// The digest of a file's bytes, in one of two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordedDigest {
    /// SHA-256 of a public file.
    Sha256(Sha256Digest),
    /// HMAC-SHA-256 of a secret file under the host's [`Salt`].
    HmacSha256(Sha256Digest),
}

/// The key of this host's records.
#[derive(Debug)]
pub(crate) struct Salt(SecretBytes);

impl Salt {
    /// Reads the salt; `None` if the host has none yet.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn load(root: &Root) -> Result<Option<Self>, StateError> {
        let Some(dir) = open_directory(root)? else {
            return Ok(None);
        };
        let Some(bytes) = dir.read(NAME, SIZE as u64)? else {
            return Ok(None);
        };
        if bytes.len() != SIZE {
            return Err(StateError::Length {
                path: DIRECTORY.join(NAME),
                rule: "it must hold 32 bytes",
            });
        }
        Ok(Some(Self(bytes)))
    }

    /// Makes and stores a new salt.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn create(root: &Root, actions: &Actions) -> Result<Self, StateError> {
        let mut bytes = [0; SIZE];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| HostError::Random)?;
        let salt = Self(SecretBytes::take(&mut bytes));
        let dir = super::create_directory(root, actions)?;
        actions.replace_file(dir.directory(), NAME, salt.0.expose(), 0o600)?;
        Ok(salt)
    }

    /// The digest of a secret file's bytes.
    pub(crate) fn digest(&self, bytes: &[u8]) -> RecordedDigest {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let tag = hmac::sign(&key, bytes);
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        RecordedDigest::HmacSha256(Sha256Digest::from_bytes(digest))
    }
}

impl RecordedDigest {
    /// Whether `bytes` are those that were recorded.
    ///
    /// # Errors
    /// [`StateError::NoSalt`] if the record is of a secret file and there is no salt.
    pub(crate) fn matches(&self, bytes: &[u8], salt: Option<&Salt>) -> Result<bool, StateError> {
        match (self, salt) {
            (Self::Sha256(digest), _) => Ok(*digest == Sha256Digest::of(bytes)),
            (Self::HmacSha256(_), Some(salt)) => Ok(salt.digest(bytes) == *self),
            (Self::HmacSha256(_), None) => Err(StateError::NoSalt {
                path: DIRECTORY.join(NAME),
            }),
        }
    }
}

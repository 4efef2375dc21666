//! Commitments: keyed digests by which the public index fixes secret bytes without helping an attacker to guess them.
//!
//! In: the key store's salt, a plaintext. Out: HMAC-SHA-256 values. A plain SHA-256 of a secret in a public index would
//! let an attacker who finds a lost USB stick try guesses (a bootstrap token's 16 characters, a short password) offline. So the index
//! holds an HMAC under a key that is derived for each entry from a salt that stays in the key store, and the derived key
//! travels inside the seal: the host can check the commitment, the attacker cannot. The same plan gives the same commitments,
//! and a commit key tells nothing about that of another entry, node or cluster.

use std::fmt;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::digest::{Sha256Digest, from_hex, to_hex};
use crate::name::{EntryName, Name};
use crate::secret::SecretBytes;

/// The shortest accepted salt, in bytes.
pub const MIN_SALT_SIZE: usize = 32;

/// Domain separation of the key derivation.
const LABEL: &[u8] = b"kubeplan-commit-key/1\0";

/// The key store's secret from which every commit key is derived.
#[derive(Clone, Debug)]
pub struct CommitSalt(SecretBytes);

/// The salt is too short.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the commit salt has {0} bytes; at least {MIN_SALT_SIZE} are needed")]
pub struct CommitSaltError(usize);

impl CommitSalt {
    /// Creates a salt from its bytes.
    ///
    /// # Errors
    /// [`CommitSaltError`] if it is shorter than [`MIN_SALT_SIZE`].
    pub fn new(salt: SecretBytes) -> Result<Self, CommitSaltError> {
        if salt.len() < MIN_SALT_SIZE {
            return Err(CommitSaltError(salt.len()));
        }
        Ok(Self(salt))
    }

    /// The key of one entry of one node of one cluster: HMAC-SHA-256 under the salt of
    /// `"kubeplan-commit-key/1\0" ‖ cluster id (64 hex digits) ‖ 0 ‖ node ‖ 0 ‖ entry name`.
    #[must_use]
    pub fn key_for(&self, cluster_id: &Sha256Digest, node: &Name, entry: &EntryName) -> CommitKey {
        let salt = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let mut context = hmac::Context::with_key(&salt);
        context.update(LABEL);
        context.update(cluster_id.to_string().as_bytes());
        context.update(b"\0");
        context.update(node.as_str().as_bytes());
        context.update(b"\0");
        context.update(entry.as_str().as_bytes());
        let mut key = CommitKey([0; 32]);
        // HMAC-SHA-256 has 32 bytes.
        for (to, from) in key.0.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        key
    }
}

/// The key of one entry's commitment; zeroised on drop, redacted in `Debug`.
#[derive(Clone, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitKey([u8; 32]);

impl CommitKey {
    /// HMAC-SHA-256 of `plaintext` under this key.
    #[must_use]
    pub fn commit(&self, plaintext: &[u8]) -> Sha256Digest {
        let mut bytes = [0; 32];
        let tag = hmac::sign(&self.key(), plaintext);
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Sha256Digest::from_bytes(bytes)
    }

    /// Whether `commit` is the commitment of `plaintext`; takes the same time whatever the answer.
    #[must_use]
    pub fn matches(&self, plaintext: &[u8], commit: &Sha256Digest) -> bool {
        hmac::verify(&self.key(), plaintext, commit.as_bytes()).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl fmt::Debug for CommitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommitKey(<redacted>)")
    }
}

impl TryFrom<String> for CommitKey {
    type Error = &'static str;

    fn try_from(mut text: String) -> Result<Self, Self::Error> {
        let bytes = from_hex(&text).map(Zeroizing::new);
        text.zeroize();
        bytes
            .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
            .map(Self)
            .ok_or("a commit key is 64 lower-case hex digits")
    }
}

impl From<CommitKey> for String {
    fn from(key: CommitKey) -> Self {
        to_hex(&key.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt(byte: u8) -> CommitSalt {
        CommitSalt::new(SecretBytes::new(vec![byte; 32])).unwrap()
    }

    fn key(salt: &CommitSalt, cluster: &[u8], node: &str, entry: &str) -> CommitKey {
        salt.key_for(
            &Sha256Digest::of(cluster),
            &node.parse().unwrap(),
            &entry.parse().unwrap(),
        )
    }

    #[test]
    fn commitments_are_hmac_sha256_of_the_documented_input() {
        // Computed with Python's hmac module:
        //   k = hmac(b"\x07"*32, b"kubeplan-commit-key/1\0" + sha256(b"ca").hexdigest() + b"\0n\0files/etc/x")
        //   hmac(k, b"secret")
        assert_eq!(
            key(&salt(7), b"ca", "n", "files/etc/x")
                .commit(b"secret")
                .to_string(),
            "d7a0f14c038946f50f8e20c1082656ff541fa7f9d27096265065f6f48d20ec06"
        );
    }

    #[test]
    fn a_commitment_depends_on_salt_cluster_node_entry_and_plaintext() {
        let base = key(&salt(1), b"ca", "n", "files/etc/x");
        let commit = base.commit(b"secret");
        assert!(base.matches(b"secret", &commit));
        assert!(!base.matches(b"secres", &commit));
        for other in [
            key(&salt(2), b"ca", "n", "files/etc/x"),
            key(&salt(1), b"cb", "n", "files/etc/x"),
            key(&salt(1), b"ca", "m", "files/etc/x"),
            key(&salt(1), b"ca", "n", "files/etc/y"),
        ] {
            assert!(!other.matches(b"secret", &commit));
        }
    }

    #[test]
    fn a_short_salt_is_refused_and_nothing_shows_in_debug() {
        let error = CommitSalt::new(SecretBytes::new(vec![1; 31])).unwrap_err();
        assert_eq!(error, CommitSaltError(31));
        let key = key(&salt(1), b"ca", "n", "files/etc/x");
        assert_eq!(format!("{key:?}"), "CommitKey(<redacted>)");
        assert_eq!(
            format!("{:?}", salt(1)),
            "CommitSalt(SecretBytes(<32 bytes>))"
        );
    }
}

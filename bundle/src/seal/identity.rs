//! Identities: the private keys that open a seal.
//!
//! In: an age identity file (`AGE-SECRET-KEY-1…` lines and comments) or an OpenSSH ed25519 private key file such as
//! `/etc/ssh/ssh_host_ed25519_key`. Out: [`Identities`]. Encrypted files are refused with a hint; nothing of a file's
//! content ever reaches an error.

use std::fmt;

use age::secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::recipient::Recipient;
use crate::secret::SecretBytes;
use crate::signature::{KeyError, PrivateKey};

/// The longest accepted identity file, in bytes.
const MAX_FILE: usize = 64 * 1024;

/// Why an identity file cannot be used. `file` is the name the caller gave.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Encrypted with a passphrase.
    #[error(
        "identity {file} is encrypted; decrypt it first (`age -d` for an age file, `ssh-keygen -p -f` on a copy of an SSH key) and keep the plain copy off the disk"
    )]
    Encrypted {
        /// The file.
        file: String,
    },
    /// A kind of key that cannot open age files here.
    #[error(
        "identity {file} is a key of another kind; use an age identity (`AGE-SECRET-KEY-1…`) or an `ssh-ed25519` private key such as /etc/ssh/ssh_host_ed25519_key"
    )]
    Unsupported {
        /// The file.
        file: String,
    },
    /// A public key or recipient.
    #[error("identity {file} holds a public key; give the private one")]
    Public {
        /// The file.
        file: String,
    },
    /// A line that is neither an identity nor a comment.
    #[error("identity {file}: line {line} is neither an identity nor a comment")]
    Line {
        /// The file.
        file: String,
        /// The line's number, from 1.
        line: usize,
    },
    /// A damaged SSH key.
    #[error("identity {file} is a damaged SSH private key")]
    Damaged {
        /// The file.
        file: String,
    },
    /// The file does not hold an identity.
    #[error("identity file {file} does not hold an identity")]
    Empty {
        /// The file.
        file: String,
    },
    /// The file is too large.
    #[error("identity {file} is larger than {MAX_FILE} bytes")]
    TooLarge {
        /// The file.
        file: String,
    },
}

/// Private keys to open seals with, in file order; redacted in `Debug`.
#[derive(Clone)]
pub struct Identities(Vec<Identity>);

#[derive(Clone)]
enum Identity {
    X25519(age::x25519::Identity),
    Ssh {
        age: Box<age::ssh::Identity>,
        recipient: Recipient,
    },
}

impl Identities {
    /// Parses one file; `name_for_errors` is its name in errors.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn parse(file: &SecretBytes, name_for_errors: &str) -> Result<Self, IdentityError> {
        let name = || name_for_errors.to_owned();
        let bytes = file.expose().trim_ascii();
        if file.len() > MAX_FILE {
            return Err(IdentityError::TooLarge { file: name() });
        }
        if bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
            || bytes.starts_with(b"age-encryption.org/")
        {
            return Err(IdentityError::Encrypted { file: name() });
        }
        if bytes.starts_with(b"-----BEGIN ") {
            return Self::parse_ssh(file, name_for_errors);
        }
        let mut identities = Vec::new();
        for (position, line) in bytes.split(|b| *b == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if [&b"age1"[..], b"ssh-", b"ecdsa-"]
                .iter()
                .any(|p| line.starts_with(p))
            {
                return Err(IdentityError::Public { file: name() });
            }
            if line.starts_with(b"AGE-PLUGIN-") || line.starts_with(b"AGE-SECRET-KEY-PQ-") {
                return Err(IdentityError::Unsupported { file: name() });
            }
            let identity = std::str::from_utf8(line)
                .ok()
                .and_then(|line| line.parse::<age::x25519::Identity>().ok())
                .ok_or_else(|| IdentityError::Line {
                    file: name(),
                    line: position + 1,
                })?;
            identities.push(Identity::X25519(identity));
        }
        if identities.is_empty() {
            return Err(IdentityError::Empty { file: name() });
        }
        Ok(Self(identities))
    }

    /// An SSH key is read by the SSH library and handed to age in its plainest form, so age's own SSH parser never
    /// sees a file that is not well-formed.
    fn parse_ssh(file: &SecretBytes, name_for_errors: &str) -> Result<Self, IdentityError> {
        let name = || name_for_errors.to_owned();
        let damaged = || IdentityError::Damaged { file: name() };
        let key = PrivateKey::parse(file, None).map_err(|error| match error {
            KeyError::Encrypted => IdentityError::Encrypted { file: name() },
            KeyError::Unsupported { .. } | KeyError::OtherFormat { .. } => {
                IdentityError::Unsupported { file: name() }
            }
            _ => damaged(),
        })?;
        let recipient = Recipient::from_ssh(key.public())
            .map_err(|_| IdentityError::Unsupported { file: name() })?;
        let plain = key.to_openssh(None).map_err(|_| damaged())?;
        match age::ssh::Identity::from_buffer(plain.expose(), None) {
            Ok(age @ age::ssh::Identity::Unencrypted(_)) => Ok(Self(vec![Identity::Ssh {
                age: Box::new(age),
                recipient,
            }])),
            _ => Err(damaged()),
        }
    }

    /// A new X25519 identity from the system's randomness: the text of its file, with the `# public key:` comment that
    /// `age-keygen` writes, and its recipient.
    #[must_use]
    pub fn generate() -> (SecretBytes, Recipient) {
        let identity = age::x25519::Identity::generate();
        let recipient = Recipient::from_age(identity.to_public());
        let secret = identity.to_string();
        let text = Zeroizing::new(format!(
            "# public key: {recipient}\n{}\n",
            secret.expose_secret()
        ));
        (SecretBytes::new(text.as_bytes().to_vec()), recipient)
    }

    /// These identities and `others`.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The public recipients of these identities, to say which ones did not fit.
    #[must_use]
    pub fn recipients(&self) -> Vec<Recipient> {
        self.0
            .iter()
            .map(|identity| match identity {
                Identity::X25519(identity) => Recipient::from_age(identity.to_public()),
                Identity::Ssh { recipient, .. } => recipient.clone(),
            })
            .collect()
    }

    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| match identity {
            Identity::X25519(identity) => identity as &dyn age::Identity,
            Identity::Ssh { age, .. } => age.as_ref(),
        })
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identities")
            .field(&self.recipients())
            .finish()
    }
}

//! Recipients: the public keys that a seal is encrypted for.
//!
//! In: `age1…` (X25519) or an `ssh-ed25519` public key line, usually the host's own. Out: [`Recipient`]. Everything
//! else is refused with a hint on what to use. The error never repeats a private key that was given by mistake.

use std::fmt;

use crate::signature::{KeyError, PublicKey};

/// The longest accepted text, in bytes.
const MAX_TEXT: usize = 4096;

const HINT: &str = "use the host's `ssh-ed25519` key (/etc/ssh/ssh_host_ed25519_key.pub) or an `age1…` recipient of `age-keygen`";

/// Why a text is not a recipient that this program seals for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipientError {
    /// A private key. Nothing of it is shown.
    #[error("this is a private key, not a recipient; {HINT}")]
    PrivateKey,
    /// An `age1…` text that is damaged, or names another kind of age recipient.
    #[error("`{0}` is not an X25519 age recipient, or is mistyped; {HINT}")]
    Age(String),
    /// An SSH key of another algorithm.
    #[error("age cannot encrypt to this key; {HINT}")]
    SshAlgorithm(#[source] KeyError),
    /// An SSH key that is damaged.
    #[error("the SSH public key is damaged; {HINT}")]
    SshKey,
    /// Neither.
    #[error("not a recipient; {HINT}")]
    Unknown,
}

/// A public key to seal for.
#[derive(Clone)]
pub struct Recipient(Kind);

#[derive(Clone)]
enum Kind {
    X25519 {
        age: age::x25519::Recipient,
        text: String,
    },
    SshEd25519 {
        age: Box<age::ssh::Recipient>,
        key: PublicKey,
    },
}

impl Recipient {
    /// Parses `age1…` or `ssh-ed25519 AAAA… [comment]`; the comment is dropped.
    ///
    /// # Errors
    /// [`RecipientError`] with a hint.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let text = text.trim();
        let upper = text.to_ascii_uppercase();
        if upper.contains("AGE-SECRET-KEY-")
            || upper.contains("AGE-PLUGIN-")
            || upper.contains("PRIVATE KEY")
        {
            return Err(RecipientError::PrivateKey);
        }
        if text.len() > MAX_TEXT {
            return Err(RecipientError::Unknown);
        }
        if text.starts_with("age1") {
            let age: age::x25519::Recipient = text
                .parse()
                .map_err(|_| RecipientError::Age(text.escape_debug().take(80).collect()))?;
            let text = age.to_string();
            return Ok(Self(Kind::X25519 { age, text }));
        }
        if ["ssh-", "ecdsa-", "sk-"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            let key = PublicKey::parse(text).map_err(|error| match error {
                KeyError::Unsupported { .. } => RecipientError::SshAlgorithm(error),
                _ => RecipientError::SshKey,
            })?;
            return Self::from_ssh(key);
        }
        Err(RecipientError::Unknown)
    }

    /// The recipient for an SSH key.
    ///
    /// # Errors
    /// [`RecipientError::SshAlgorithm`] unless it is an `ssh-ed25519` key.
    pub fn from_ssh(key: PublicKey) -> Result<Self, RecipientError> {
        if key.algorithm() != "ssh-ed25519" {
            return Err(RecipientError::SshAlgorithm(KeyError::Unsupported {
                algorithm: key.algorithm().to_owned(),
            }));
        }
        let age: age::ssh::Recipient = key
            .to_openssh()
            .parse()
            .map_err(|_| RecipientError::SshKey)?;
        let age = Box::new(age);
        Ok(Self(Kind::SshEd25519 { age, key }))
    }

    pub(super) fn from_age(age: age::x25519::Recipient) -> Self {
        let text = age.to_string();
        Self(Kind::X25519 { age, text })
    }

    /// The recipient as age reads it, without a comment.
    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.0 {
            Kind::X25519 { text, .. } => text.clone(),
            Kind::SshEd25519 { key, .. } => key.to_openssh(),
        }
    }

    /// What people compare: `SHA256:…` of an SSH key (as `ssh-keygen -lf` prints it), or the `age1…` recipient itself.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match &self.0 {
            Kind::X25519 { text, .. } => text.clone(),
            Kind::SshEd25519 { key, .. } => key.fingerprint().to_string(),
        }
    }

    pub(super) fn as_age(&self) -> &dyn age::Recipient {
        match &self.0 {
            Kind::X25519 { age, .. } => age,
            Kind::SshEd25519 { age, .. } => age.as_ref(),
        }
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.to_text() == other.to_text()
    }
}

impl Eq for Recipient {}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.fingerprint())
    }
}

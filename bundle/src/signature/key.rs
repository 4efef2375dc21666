//! OpenSSH public keys and their fingerprints, and why a key is refused.
//!
//! In: `authorized_keys`-style lines. Out: keys of an algorithm this crate can verify; anything else is refused by name.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ssh_key::HashAlg;
use ssh_key::public::{EcdsaPublicKey, KeyData};

use crate::digest::{Sha256Digest, to_hex};

/// The longest accepted public key line, in bytes.
const MAX_KEY_LINE: usize = 4096;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A line that is not a public key.
    #[error("not an OpenSSH public key; expected one line such as `ssh-ed25519 AAAA…`")]
    NotPublicKey,
    /// A private key was given instead of a public one. The error shows nothing of it.
    #[error("this is a private key; give the public one (the file ending in `.pub`)")]
    PrivateKeyGiven,
    /// A public key was given instead of a private one.
    #[error("this is a public key; give the private one (the file without `.pub`)")]
    PublicKeyGiven,
    /// A private key file in another format.
    #[error(
        "this is a `{label}` file, not an OpenSSH private key; rewrite an ECDSA key with `ssh-keygen -p -f FILE`, or make a new key with `ssh-keygen -t ed25519`"
    )]
    OtherFormat {
        /// The PEM label found.
        label: &'static str,
    },
    /// Not a private key file, or a damaged one.
    #[error("not an OpenSSH private key file, or a damaged one")]
    NotPrivateKey,
    /// A private number that begins with a zero byte: OpenSSH omits that byte, and the ssh-key crate (0.6.7) requires every byte.
    #[error(
        "this ECDSA key cannot be read: the file is damaged, or the private number begins with a zero byte, as in one of 256 keys; make another key with `ssh-keygen -t ed25519`"
    )]
    LeadingZero,
    /// An algorithm whose signatures this program cannot verify.
    #[error(
        "key algorithm `{algorithm}` is not supported; use an ed25519 key (`ssh-keygen -t ed25519`) or an ECDSA key on P-256 or P-384"
    )]
    Unsupported {
        /// OpenSSH's name of the algorithm.
        algorithm: String,
    },
    /// The key file is encrypted and no passphrase was given.
    #[error("the private key is encrypted; its passphrase is needed")]
    Encrypted,
    /// The passphrase does not open the key file.
    #[error("the passphrase does not open the private key")]
    Passphrase,
    /// An ECDSA point that is not on its curve, or not in uncompressed form.
    #[error("the public key is not a valid point of its curve")]
    Point,
    /// The operating system did not provide random bytes.
    #[error("the operating system did not provide random bytes")]
    Random,
    /// The key could not sign or be written.
    #[error("the private key could not be used")]
    Use(#[source] ssh_key::Error),
}

/// An OpenSSH public key of a supported algorithm, without its comment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey {
    data: KeyData,
    /// `<algorithm> <base64>`; made once, so that writing a key cannot fail.
    text: String,
}

impl PublicKey {
    /// Parses one line, `<algorithm> <base64> [comment]`; the comment is dropped.
    ///
    /// # Errors
    /// [`KeyError`] if the line is not a public key in its one written form, or of an unsupported algorithm.
    pub fn parse(openssh_line: &str) -> Result<Self, KeyError> {
        let line = openssh_line.trim();
        if line.contains("PRIVATE KEY-----") || line.starts_with("AGE-SECRET-KEY-") {
            return Err(KeyError::PrivateKeyGiven);
        }
        if line.len() > MAX_KEY_LINE || line.chars().any(char::is_control) {
            return Err(KeyError::NotPublicKey);
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
            return Err(KeyError::NotPublicKey);
        };
        require_supported_name(algorithm)?;
        let text = format!("{algorithm} {base64}");
        let key = ssh_key::PublicKey::from_openssh(&text).map_err(|_| KeyError::NotPublicKey)?;
        let key = Self::from_data(key.key_data().clone())?;
        // One written form: no stray bits in the base64, nothing the parser skipped.
        if key.text == text {
            Ok(key)
        } else {
            Err(KeyError::NotPublicKey)
        }
    }

    /// SHA-256 of the key in wire form, as `ssh-keygen -lf` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let fingerprint = self.data.fingerprint(HashAlg::Sha256);
        // `sha256()` is `Some` for the algorithm asked for one line above.
        Fingerprint(fingerprint.sha256().unwrap_or_default())
    }

    /// `<algorithm> <base64>`, without a comment.
    #[must_use]
    pub fn to_openssh(&self) -> String {
        self.text.clone()
    }

    /// OpenSSH's name of the algorithm, such as `ssh-ed25519`.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    pub(super) fn from_data(data: KeyData) -> Result<Self, KeyError> {
        match &data {
            KeyData::Ed25519(_) | KeyData::SkEd25519(_) => {}
            KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)) => {
                require_uncompressed(point.as_bytes())?;
                p256::PublicKey::from_sec1_bytes(point.as_bytes()).map_err(|_| KeyError::Point)?;
            }
            KeyData::Ecdsa(EcdsaPublicKey::NistP384(point)) => {
                require_uncompressed(point.as_bytes())?;
                p384::PublicKey::from_sec1_bytes(point.as_bytes()).map_err(|_| KeyError::Point)?;
            }
            other => {
                return Err(KeyError::Unsupported {
                    algorithm: shown(other.algorithm().as_str()),
                });
            }
        }
        let text = ssh_key::PublicKey::from(data.clone())
            .to_openssh()
            .map_err(|_| KeyError::NotPublicKey)?;
        Ok(Self {
            data,
            text: text.trim_end().to_owned(),
        })
    }

    pub(super) fn data(&self) -> &KeyData {
        &self.data
    }
}

/// OpenSSH writes points uncompressed; a compressed one would be a second form of the same key.
fn require_uncompressed(sec1: &[u8]) -> Result<(), KeyError> {
    match sec1.first() {
        Some(4) => Ok(()),
        _ => Err(KeyError::Point),
    }
}

/// Checks the algorithm by its name at the start of a line, so that an RSA key is refused as one even if the rest is damaged.
fn require_supported_name(algorithm: &str) -> Result<(), KeyError> {
    const SUPPORTED: &[&str] = &[
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "sk-ssh-ed25519@openssh.com",
    ];
    if SUPPORTED.contains(&algorithm) {
        Ok(())
    } else if ["ssh-", "ecdsa-", "sk-", "rsa-", "webauthn-"]
        .iter()
        .any(|prefix| algorithm.starts_with(prefix))
    {
        Err(KeyError::Unsupported {
            algorithm: shown(algorithm),
        })
    } else {
        Err(KeyError::NotPublicKey)
    }
}

/// At most 60 harmless characters of `text`, for an error.
pub(super) fn shown(text: &str) -> String {
    text.escape_debug().take(60).collect()
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.fingerprint())
    }
}

/// SHA-256 of a public key in wire form; `SHA256:<base64 without padding>` for people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// The text is not a fingerprint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a key fingerprint (`SHA256:` and 43 base64 characters, as `ssh-keygen -lf` prints it)"
)]
pub struct ParseFingerprintError(String);

impl Fingerprint {
    /// 64 lower-case hex digits, as in the names of signature entries.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(&self.0)
    }

    /// The digest itself.
    #[must_use]
    pub const fn digest(&self) -> Sha256Digest {
        Sha256Digest::from_bytes(self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("SHA256:")
            .and_then(|base64| STANDARD_NO_PAD.decode(base64).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| ParseFingerprintError(text.escape_debug().take(80).collect()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

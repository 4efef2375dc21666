//! OpenSSH private keys that sign.
//!
//! In: private key files, encrypted or not. Out: keys that sign; anything else is refused by name. Private keys are zeroised on
//! drop and never shown.

use std::fmt;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Algorithm, Cipher, EcdsaCurve, HashAlg, Kdf, LineEnding};
use zeroize::Zeroizing;

use super::key::{KeyError, PublicKey, shown};
use super::sshsig::{Namespace, Signature};
use crate::secret::SecretBytes;

/// Rounds of bcrypt-pbkdf for a key file that is written encrypted (OpenSSH's default since 9.4).
const BCRYPT_ROUNDS: u32 = 24;

/// The longest accepted private key file, in bytes.
const MAX_KEY_FILE: usize = 64 * 1024;

/// An OpenSSH private key that can sign; zeroised on drop, redacted in `Debug`.
#[derive(Clone)]
pub struct PrivateKey {
    key: ssh_key::PrivateKey,
    public: PublicKey,
}

impl PrivateKey {
    /// Parses an OpenSSH private key file, decrypting it if need be.
    ///
    /// # Errors
    /// [`KeyError::Encrypted`] if a passphrase is needed and `passphrase` is `None`, [`KeyError::Passphrase`] if it is
    /// the wrong one, [`KeyError::Unsupported`] for algorithms that are not signed with here (RSA, DSA, P-521, keys
    /// that live in hardware), and other variants for files that are not OpenSSH private keys.
    pub fn parse(
        openssh_pem: &SecretBytes,
        passphrase: Option<&SecretBytes>,
    ) -> Result<Self, KeyError> {
        let file = openssh_pem.expose();
        let start = file.trim_ascii();
        for label in [
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "DSA PRIVATE KEY",
            "PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
        ] {
            if start.starts_with(format!("-----BEGIN {label}-----").as_bytes()) {
                return Err(KeyError::OtherFormat { label });
            }
        }
        if ["ssh-", "ecdsa-", "sk-"]
            .iter()
            .any(|prefix| start.starts_with(prefix.as_bytes()))
        {
            return Err(KeyError::PublicKeyGiven);
        }
        if file.len() > MAX_KEY_FILE {
            return Err(KeyError::NotPrivateKey);
        }
        let unsupported = |algorithm: &Algorithm| KeyError::Unsupported {
            algorithm: shown(algorithm.as_str()),
        };
        let key = ssh_key::PrivateKey::from_openssh(file).map_err(|error| match error {
            ssh_key::Error::AlgorithmUnsupported { algorithm } => unsupported(&algorithm),
            ssh_key::Error::Encoding(_)
                if algorithm_in(file, &["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"])
                    .is_some() =>
            {
                KeyError::LeadingZero
            }
            _ => foreign_algorithm(file).map_or(KeyError::NotPrivateKey, |algorithm| {
                KeyError::Unsupported { algorithm }
            }),
        })?;
        // Before asking for a passphrase: the public half is readable without it.
        match key.algorithm() {
            Algorithm::Ed25519
            | Algorithm::Ecdsa {
                curve: EcdsaCurve::NistP256 | EcdsaCurve::NistP384,
            } => {}
            other => return Err(unsupported(&other)),
        }
        let key = match (key.is_encrypted(), passphrase) {
            (false, _) => key,
            (true, None) => return Err(KeyError::Encrypted),
            (true, Some(passphrase)) => {
                key.decrypt(passphrase.expose())
                    .map_err(|error| match error {
                        // The passphrase was right: what it opened is not read.
                        ssh_key::Error::Encoding(_) => KeyError::LeadingZero,
                        _ => KeyError::Passphrase,
                    })?
            }
        };
        Self::new(key)
    }

    /// A new ed25519 key from the system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Random`] if there is none.
    pub fn generate_ed25519(comment: &str) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        rand::fill(seed.as_mut()).map_err(|_| KeyError::Random)?;
        Self::from_ed25519_seed(&seed, comment)
    }

    /// The ed25519 key of a 32-byte seed, for keys that must be the same each time (test keys).
    ///
    /// # Errors
    /// [`KeyError`] if the key cannot be built.
    pub fn from_ed25519_seed(seed: &[u8; 32], comment: &str) -> Result<Self, KeyError> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
        Self::new(ssh_key::PrivateKey::new(pair, comment).map_err(KeyError::Use)?)
    }

    fn new(key: ssh_key::PrivateKey) -> Result<Self, KeyError> {
        let public = PublicKey::from_data(key.public_key().key_data().clone())?;
        Ok(Self { key, public })
    }

    /// The key as an OpenSSH private key file, encrypted (aes256-ctr, bcrypt) when a passphrase is given.
    ///
    /// # Errors
    /// [`KeyError`] if there is no randomness for the salt, or the key cannot be written.
    pub fn to_openssh(&self, passphrase: Option<&SecretBytes>) -> Result<SecretBytes, KeyError> {
        let encrypted;
        let key = match passphrase {
            None => &self.key,
            Some(passphrase) => {
                let mut salt = vec![0; 16];
                rand::fill(&mut salt).map_err(|_| KeyError::Random)?;
                let mut checkint = [0; 4];
                rand::fill(&mut checkint).map_err(|_| KeyError::Random)?;
                let kdf = Kdf::Bcrypt {
                    salt,
                    rounds: BCRYPT_ROUNDS,
                };
                encrypted = self
                    .key
                    .encrypt_with(
                        Cipher::Aes256Ctr,
                        kdf,
                        u32::from_be_bytes(checkint),
                        passphrase.expose(),
                    )
                    .map_err(KeyError::Use)?;
                &encrypted
            }
        };
        let text = key.to_openssh(LineEnding::LF).map_err(KeyError::Use)?;
        Ok(SecretBytes::new(text.as_bytes().to_vec()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// The comment in the key file; often `user@host`.
    #[must_use]
    pub fn comment(&self) -> &str {
        self.key.comment()
    }

    /// Signs `message` in `namespace` over its SHA-512, as `ssh-keygen -Y sign` does. The same key and message give
    /// the same signature each time.
    ///
    /// # Errors
    /// [`KeyError::Use`] if the key cannot sign.
    pub fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<Signature, KeyError> {
        let signature = self
            .key
            .sign(namespace.as_str(), HashAlg::Sha512, message)
            .map_err(KeyError::Use)?;
        Signature::from_sshsig(signature).map_err(|_| KeyError::Use(ssh_key::Error::Crypto))
    }
}

/// The name of an unsupported algorithm in a key file that the library could not read: it stands in the clear near the
/// start, before the part that may be encrypted.
fn foreign_algorithm(file: &[u8]) -> Option<String> {
    const NAMES: &[&str] = &[
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ssh-ed25519@openssh.com",
        "ssh-rsa",
        "ssh-dss",
        "ssh-ed448",
    ];
    algorithm_in(file, NAMES).map(str::to_owned)
}

/// The first of `names` that stands in a private key file.
fn algorithm_in<'a>(file: &[u8], names: &[&'a str]) -> Option<&'a str> {
    let body = std::str::from_utf8(file)
        .ok()?
        .trim_ascii()
        .strip_prefix("-----BEGIN OPENSSH PRIVATE KEY-----")?
        .strip_suffix("-----END OPENSSH PRIVATE KEY-----")?;
    let base64: Zeroizing<Vec<u8>> =
        Zeroizing::new(body.bytes().filter(|b| !b.is_ascii_whitespace()).collect());
    let blob = Zeroizing::new(STANDARD.decode(base64.as_slice()).ok()?);
    names
        .iter()
        .copied()
        .find(|name| blob.windows(name.len()).any(|part| part == name.as_bytes()))
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(<redacted> {})", self.public.fingerprint())
    }
}

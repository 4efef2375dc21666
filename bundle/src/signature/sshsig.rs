//! SSHSIG signatures with exactly one written form.
//!
//! In: armored bytes. Out: [`Signature`]. [`Signature::parse`] re-encodes what it understood and compares, so every
//! bit of the armor is protected: base64 padding bits, white space, line width and integer encodings have one form.
//! [`Signature::parse_any`] takes what `ssh-keygen` wrote and brings it into that form.
//!
//! # What one written form means for ECDSA
//! For each valid ECDSA signature (r, s) there is a second one, (r, n - s), that can be computed without the key.
//! The canonical form is the one with the lower s; [`Signature::parse`] refuses the other, `parse_any` converts it
//! (OpenSSH accepts both). What remains: the holder of the *key* can make many different valid signatures of one message.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve, LineEnding, SshSig};

use super::key::{KeyError, PublicKey};

/// The longest accepted armored signature, in bytes; those of the supported algorithms take 300 to 450.
pub const MAX_ARMOR_SIZE: usize = 4096;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// What a signature is about; a signature made for one purpose is refused for any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Namespace {
    /// An author's signature over `kubeplan.json`.
    Bundle,
    /// A reviewer's signature over an approval statement.
    Approval,
    /// A host's signature over a receipt.
    Receipt,
}

impl Namespace {
    /// Every namespace.
    pub const ALL: [Self; 3] = [Self::Bundle, Self::Approval, Self::Receipt];

    /// The name, as for `ssh-keygen -Y sign -n`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "kubeplan-bundle",
            Self::Approval => "kubeplan-approval",
            Self::Receipt => "kubeplan-receipt",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a signature is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not an armored SSHSIG.
    #[error("not an armored SSH signature (`-----BEGIN SSH SIGNATURE-----`), or a damaged one")]
    Malformed,
    /// A valid signature in another written form.
    #[error(
        "the signature is not in its canonical form (first difference at byte {at}); `kubeplan sign --add` rewrites it"
    )]
    NotCanonical {
        /// Offset of the first byte that differs.
        at: usize,
    },
    /// A version other than 1, or a non-empty reserved field.
    #[error("the signature uses a version or a field of SSHSIG that this program does not know")]
    Version,
    /// The key inside cannot be used.
    #[error("the key inside the signature cannot be used")]
    Key(#[source] KeyError),
    /// The signature's algorithm is not that of its key.
    #[error("the signature's algorithm does not belong to its key")]
    Algorithm,
    /// Made for another purpose.
    #[error("the signature was made in namespace `{found}`, not `{expected}`")]
    Namespace {
        /// The namespace in the signature, cut to something printable.
        found: String,
        /// The namespace asked for.
        expected: Namespace,
    },
    /// The signature does not belong to these bytes and this key.
    #[error("the signature does not verify")]
    Invalid,
}

/// An SSHSIG signature: key, namespace, hash algorithm and the signature proper.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    inner: SshSig,
    key: PublicKey,
    armored: String,
}

impl Signature {
    /// Parses a signature that must be in canonical form: exactly the bytes [`Signature::to_armored`] gives.
    ///
    /// # Errors
    /// [`SignatureError`] if it is malformed, of an unsupported kind, or in another form.
    pub fn parse(armored: &[u8]) -> Result<Self, SignatureError> {
        let signature = Self::parse_any(armored)?;
        if signature.armored.as_bytes() == armored {
            return Ok(signature);
        }
        let at = signature
            .armored
            .bytes()
            .zip(armored)
            .take_while(|(a, b)| a == *b)
            .count();
        Err(SignatureError::NotCanonical { at })
    }

    /// Parses a signature as `ssh-keygen` or another program wrote it: any line width and line ending, white space
    /// around it, either of the two forms of an ECDSA signature.
    ///
    /// # Errors
    /// [`SignatureError`] if it is malformed or of an unsupported kind.
    pub fn parse_any(armored: &[u8]) -> Result<Self, SignatureError> {
        if armored.len() > MAX_ARMOR_SIZE {
            return Err(SignatureError::Malformed);
        }
        let text = std::str::from_utf8(armored).map_err(|_| SignatureError::Malformed)?;
        let body: String = text
            .trim_ascii()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END))
            .filter(|body| body.starts_with(['\n', '\r']) && body.ends_with('\n'))
            .ok_or(SignatureError::Malformed)?
            .split_ascii_whitespace()
            .collect();
        let blob = STANDARD
            .decode(body)
            .map_err(|_| SignatureError::Malformed)?;
        let signature = SshSig::from_pem(armor(&blob)).map_err(|error| match error {
            ssh_key::Error::Version { .. } => SignatureError::Version,
            _ => SignatureError::Malformed,
        })?;
        Self::from_sshsig(signature)
    }

    /// Checks the parts and brings the signature into canonical form.
    pub(super) fn from_sshsig(signature: SshSig) -> Result<Self, SignatureError> {
        if signature.version() != SshSig::VERSION || !signature.reserved().is_empty() {
            return Err(SignatureError::Version);
        }
        let key =
            PublicKey::from_data(signature.public_key().clone()).map_err(SignatureError::Key)?;
        let proper = canonical_proper(signature.public_key(), signature.signature())?;
        let inner = SshSig::new(
            signature.public_key().clone(),
            signature.namespace(),
            signature.hash_alg(),
            proper,
        )
        .map_err(|_| SignatureError::Malformed)?;
        let armored = inner
            .to_pem(LineEnding::LF)
            .map_err(|_| SignatureError::Malformed)?;
        Ok(Self {
            inner,
            key,
            armored,
        })
    }

    /// The canonical armored form: base64 in lines of 70 characters, as `ssh-keygen` writes it.
    #[must_use]
    pub fn to_armored(&self) -> String {
        self.armored.clone()
    }

    /// The key the signature claims to be made with. [`Signature::verify`] checks the claim.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.clone()
    }

    /// The namespace the signature claims, or `None` if it is not one of this project's.
    #[must_use]
    pub fn namespace(&self) -> Option<Namespace> {
        Namespace::ALL
            .into_iter()
            .find(|namespace| namespace.as_str() == self.inner.namespace())
    }

    /// Verifies the signature over `message` in `namespace` with the key inside it. Does not check whether that key is
    /// trusted.
    ///
    /// # Errors
    /// [`SignatureError::Namespace`] or [`SignatureError::Invalid`].
    pub fn verify(&self, namespace: Namespace, message: &[u8]) -> Result<(), SignatureError> {
        if self.inner.namespace() != namespace.as_str() {
            return Err(SignatureError::Namespace {
                found: self.inner.namespace().escape_debug().take(60).collect(),
                expected: namespace,
            });
        }
        ssh_key::PublicKey::from(self.key.data().clone())
            .verify(namespace.as_str(), message, &self.inner)
            .map_err(|_| SignatureError::Invalid)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature")
            .field("key", &self.key)
            .field("namespace", &self.inner.namespace())
            .finish_non_exhaustive()
    }
}

/// The signature proper in its one form; refuses one whose algorithm is not the key's.
fn canonical_proper(
    key: &KeyData,
    proper: &ssh_key::Signature,
) -> Result<ssh_key::Signature, SignatureError> {
    if key.algorithm() != proper.algorithm() {
        return Err(SignatureError::Algorithm);
    }
    match proper.algorithm() {
        Algorithm::Ed25519 | Algorithm::SkEd25519 => Ok(proper.clone()),
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        } => {
            let scalars =
                p256::ecdsa::Signature::try_from(proper).map_err(|_| SignatureError::Malformed)?;
            ssh_key::Signature::try_from(scalars.normalize_s().unwrap_or(scalars))
                .map_err(|_| SignatureError::Malformed)
        }
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP384,
        } => {
            let scalars =
                p384::ecdsa::Signature::try_from(proper).map_err(|_| SignatureError::Malformed)?;
            ssh_key::Signature::try_from(scalars.normalize_s().unwrap_or(scalars))
                .map_err(|_| SignatureError::Malformed)
        }
        _ => Err(SignatureError::Algorithm),
    }
}

/// `blob` in the armor that the parser below expects.
fn armor(blob: &[u8]) -> String {
    let base64 = STANDARD.encode(blob);
    let mut text = String::with_capacity(base64.len() + 128);
    text.push_str(BEGIN);
    for (position, character) in base64.chars().enumerate() {
        if position % 70 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push('\n');
    text.push_str(END);
    text.push('\n');
    text
}

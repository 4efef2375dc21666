//! Private keys: reads every form that kubeadm reads, and writes the form that it writes.
//!
//! In: aws-lc key pairs, or PEM text in PKCS#1, SEC1 or PKCS#8. Out: [`PrivateKey`], which signs
//! certificates and has kubeadm's PEM forms: `RSA PRIVATE KEY` (PKCS#1) and `EC PRIVATE KEY` (SEC1 with the
//! named curve and the public key), 64 columns, LF. Key bytes are in memory that is zeroised. That
//! is why this module writes PEM itself, in zeroised buffers, and uses no general PEM crate.

use std::fmt;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::secret::SecretBytes;
use p256::ecdsa::signature::Signer as _;
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};
use zeroize::Zeroizing;

use super::KeyAlgorithm;
pub use super::key_kind::KeyKind;

/// Why a private key cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// No private key block.
    #[error(
        "there is no private key in PEM form (`RSA PRIVATE KEY`, `EC PRIVATE KEY` or `PRIVATE KEY`)"
    )]
    NoPem,
    /// A block that does not end, or is not base64.
    #[error("the `{0}` block is damaged")]
    Damaged(&'static str),
    /// Protected by a passphrase.
    #[error(
        "the private key is encrypted; kubeplan and Kubernetes read unencrypted keys only: decrypt it first, \
         for example with `openssl pkey -in FILE -out FILE.plain`"
    )]
    Encrypted,
    /// Not a key of a supported kind; what it is.
    #[error(
        "the private key is {0}; kubeplan uses RSA keys with 2048, 3072 or 4096 bits, and ECDSA keys with curve P-256 or P-384"
    )]
    Unsupported(KeyKind),
    /// The crypto library failed.
    #[error("the crypto library could not {0}")]
    Crypto(&'static str),
}

/// What signs.
enum Signer {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    /// RFC 6979: the same message gives the same signature. Only for public test keys.
    DeterministicP256(p256::ecdsa::SigningKey),
    /// Likewise.
    DeterministicP384(p384::ecdsa::SigningKey),
}

/// A private key in DER, which can be written in kubeadm's form but not sign.
pub struct EncodedKey {
    algorithm: KeyAlgorithm,
    /// PKCS#1 or SEC1.
    der: Zeroizing<Vec<u8>>,
}

/// A private key that can sign and be written in kubeadm's form.
pub struct PrivateKey {
    encoded: EncodedKey,
    /// Contents of the SubjectPublicKeyInfo's BIT STRING.
    public: Vec<u8>,
    signer: Signer,
}

impl fmt::Debug for EncodedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedKey({}, <redacted>)", self.algorithm.as_str())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, <redacted>)", self.algorithm().as_str())
    }
}

impl EncodedKey {
    /// The key in kubeadm's PEM form.
    #[must_use]
    pub fn pem(&self) -> SecretBytes {
        let label = match self.algorithm {
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
                "RSA PRIVATE KEY"
            }
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 => "EC PRIVATE KEY",
        };
        SecretBytes::new(encode_pem(label, &self.der))
    }
}

impl PrivateKey {
    /// Makes a key with aws-lc's random numbers. RSA keys have the exponent 65537.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] if the library fails.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Crypto("make a private key");
        match algorithm {
            KeyAlgorithm::Rsa2048 => {
                Self::rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?)
            }
            KeyAlgorithm::Rsa3072 => {
                Self::rsa(RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?)
            }
            KeyAlgorithm::Rsa4096 => {
                Self::rsa(RsaKeyPair::generate(KeySize::Rsa4096).map_err(failed)?)
            }
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 => Self::ecdsa(
                algorithm,
                EcdsaKeyPair::generate(ecdsa_signing(algorithm)).map_err(failed)?,
            ),
        }
    }

    /// Reads the first private key block of `pem`; other blocks (`EC PARAMETERS`, certificates), text around
    /// the block and CRLF line ends are tolerated, as kubeadm does.
    ///
    /// # Errors
    /// [`KeyError`], never with key bytes in it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let (label, der) = private_key_block(pem)?;
        match label {
            "RSA PRIVATE KEY" => {
                RsaKeyPair::from_der(&der).map_or_else(|_| unsupported(&der), Self::rsa)
            }
            "EC PRIVATE KEY" => Self::ecdsa_from(|algorithm| {
                EcdsaKeyPair::from_private_key_der(ecdsa_signing(algorithm), &der).ok()
            })
            .unwrap_or_else(|| unsupported(&der)),
            _ => match RsaKeyPair::from_pkcs8(&der) {
                Ok(pair) => Self::rsa(pair),
                Err(_) => Self::ecdsa_from(|algorithm| {
                    EcdsaKeyPair::from_pkcs8(ecdsa_signing(algorithm), &der).ok()
                })
                .unwrap_or_else(|| unsupported(&der)),
            },
        }
    }

    /// The ECDSA key with the big-endian private scalar `scalar`; `None` if it is zero, too long or not
    /// below the curve's order.
    pub(super) fn from_scalar(algorithm: KeyAlgorithm, scalar: &[u8]) -> Option<Self> {
        let public = match algorithm {
            KeyAlgorithm::EcdsaP256 => p256::SecretKey::from_slice(scalar)
                .ok()?
                .public_key()
                .to_sec1_bytes(),
            KeyAlgorithm::EcdsaP384 => p384::SecretKey::from_slice(scalar)
                .ok()?
                .public_key()
                .to_sec1_bytes(),
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => return None,
        };
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            ecdsa_signing(algorithm),
            scalar,
            &public,
        );
        Self::ecdsa(algorithm, pair.ok()?).ok()
    }

    /// The same key with signatures that depend on the message alone (RFC 6979; RSA PKCS#1 v1.5 is so
    /// anyway). For public test keys: the implementation behind it is not the one real keys are trusted to.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] if the key cannot be converted.
    pub fn with_deterministic_signatures(self) -> Result<Self, KeyError> {
        let failed = || KeyError::Crypto("convert the private key");
        let Signer::Ecdsa(pair) = &self.signer else {
            return Ok(self);
        };
        let scalar = pair.private_key().as_be_bytes().map_err(|_| failed())?;
        let signer = if self.algorithm() == KeyAlgorithm::EcdsaP256 {
            let key = p256::ecdsa::SigningKey::from_slice(scalar.as_ref()).map_err(|_| failed())?;
            Signer::DeterministicP256(key)
        } else {
            let key = p384::ecdsa::SigningKey::from_slice(scalar.as_ref()).map_err(|_| failed())?;
            Signer::DeterministicP384(key)
        };
        Ok(Self { signer, ..self })
    }

    /// The key's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.encoded.algorithm
    }

    /// Drops the part that signs.
    #[must_use]
    pub fn into_encoded(self) -> EncodedKey {
        self.encoded
    }

    /// The key in kubeadm's PEM form.
    #[must_use]
    pub fn pem(&self) -> SecretBytes {
        self.encoded.pem()
    }

    /// Contents of the BIT STRING in the SubjectPublicKeyInfo: RSAPublicKey, or the uncompressed point.
    #[must_use]
    pub fn public_bytes(&self) -> &[u8] {
        &self.public
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.subject_public_key_info())
    }

    /// The public key as `PUBLIC KEY` PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        public_key_pem(&self.subject_public_key_info())
    }

    fn rsa(pair: RsaKeyPair) -> Result<Self, KeyError> {
        // The library zeroises this buffer when it is dropped.
        let pkcs8 = pair
            .as_der()
            .map_err(|_| KeyError::Crypto("encode the private key"))?;
        let algorithm = match KeyKind::of(pkcs8.as_ref()) {
            KeyKind::Rsa(2041..=2048) => KeyAlgorithm::Rsa2048,
            KeyKind::Rsa(3065..=3072) => KeyAlgorithm::Rsa3072,
            KeyKind::Rsa(4089..=4096) => KeyAlgorithm::Rsa4096,
            other => return Err(KeyError::Unsupported(other)),
        };
        let info = p256::pkcs8::PrivateKeyInfo::try_from(pkcs8.as_ref())
            .map_err(|_| KeyError::Crypto("encode the private key"))?;
        Ok(Self {
            encoded: EncodedKey {
                algorithm,
                der: Zeroizing::new(info.private_key.to_vec()),
            },
            public: pair.public_key().as_ref().to_vec(),
            signer: Signer::Rsa(pair),
        })
    }

    fn ecdsa(algorithm: KeyAlgorithm, pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        // The library zeroises this buffer when it is dropped.
        let sec1 = pair
            .private_key()
            .as_der()
            .map_err(|_| KeyError::Crypto("encode the private key"))?;
        Ok(Self {
            encoded: EncodedKey {
                algorithm,
                der: Zeroizing::new(sec1.as_ref().to_vec()),
            },
            public: pair.public_key().as_ref().to_vec(),
            signer: Signer::Ecdsa(pair),
        })
    }

    /// The key that `read` reads as one of a curve; `None` if it is of none.
    fn ecdsa_from(
        read: impl Fn(KeyAlgorithm) -> Option<EcdsaKeyPair>,
    ) -> Option<Result<Self, KeyError>> {
        [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384]
            .into_iter()
            .find_map(|algorithm| Some(Self::ecdsa(algorithm, read(algorithm)?)))
    }
}

fn unsupported(der: &[u8]) -> Result<PrivateKey, KeyError> {
    Err(KeyError::Unsupported(KeyKind::of(der)))
}

fn ecdsa_signing(algorithm: KeyAlgorithm) -> &'static EcdsaSigningAlgorithm {
    if algorithm == KeyAlgorithm::EcdsaP384 {
        &signature::ECDSA_P384_SHA384_ASN1_SIGNING
    } else {
        &signature::ECDSA_P256_SHA256_ASN1_SIGNING
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.encoded.algorithm {
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
                &rcgen::PKCS_RSA_SHA256
            }
            KeyAlgorithm::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlgorithm::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        }
    }
}

impl SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        match &self.signer {
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &signature::RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|_| rcgen::Error::RingUnspecified)?;
                Ok(signature)
            }
            Signer::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| rcgen::Error::RingUnspecified),
            Signer::DeterministicP256(key) => {
                let signature: p256::ecdsa::Signature = key
                    .try_sign(message)
                    .map_err(|_| rcgen::Error::RingUnspecified)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Signer::DeterministicP384(key) => {
                let signature: p384::ecdsa::Signature = key
                    .try_sign(message)
                    .map_err(|_| rcgen::Error::RingUnspecified)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
        }
    }
}

/// `spki` as `PUBLIC KEY` PEM, 64 columns, LF.
#[must_use]
pub fn public_key_pem(spki: &[u8]) -> String {
    String::from_utf8(encode_pem("PUBLIC KEY", spki)).unwrap_or_default()
}

/// `der` as PEM, 64 columns, LF, in one allocation that never grows (growing would leave copies behind).
fn encode_pem(label: &str, der: &[u8]) -> Vec<u8> {
    const LINE: usize = 48;
    let lines = der.len().div_ceil(LINE);
    let mut pem = Vec::with_capacity(lines * 65 + 2 * (label.len() + 20));
    pem.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
    let mut line = Zeroizing::new([0; 64]);
    for chunk in der.chunks(LINE) {
        let length = STANDARD
            .encode_slice(chunk, line.as_mut_slice())
            .unwrap_or_default();
        pem.extend_from_slice(line.get(..length).unwrap_or_default());
        pem.push(b'\n');
    }
    pem.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    pem
}

/// Label and contents of the first private key block.
fn private_key_block(pem: &[u8]) -> Result<(&'static str, Zeroizing<Vec<u8>>), KeyError> {
    const LABELS: [&str; 4] = [
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ];
    let mut lines = pem.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let begins = |line: &[u8]| {
        let label = line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
        LABELS.into_iter().find(|known| known.as_bytes() == label)
    };
    let label = lines.by_ref().find_map(begins).ok_or(KeyError::NoPem)?;
    if label == "ENCRYPTED PRIVATE KEY" {
        return Err(KeyError::Encrypted);
    }
    let mut text = Zeroizing::new(Vec::with_capacity(pem.len()));
    loop {
        let line = lines.next().ok_or(KeyError::Damaged(label))?;
        if line.starts_with(b"Proc-Type:") {
            return Err(KeyError::Encrypted);
        }
        if line.starts_with(b"-----END ") {
            break;
        }
        text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
    }
    let mut der = Zeroizing::new(vec![0; text.len()]);
    let length = STANDARD
        .decode_slice(text.as_slice(), &mut der)
        .map_err(|_| KeyError::Damaged(label))?;
    der.truncate(length);
    Ok((label, der))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: &PrivateKey) -> String {
        String::from_utf8(key.pem().expose().to_vec()).unwrap()
    }

    /// Wraps a key in PKCS#8 through the library, for reading back.
    fn pkcs8(key: &PrivateKey) -> Vec<u8> {
        let der = match &key.signer {
            Signer::Rsa(pair) => pair.as_der().unwrap().as_ref().to_vec(),
            Signer::Ecdsa(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            _ => unreachable!(),
        };
        encode_pem("PRIVATE KEY", &der)
    }

    #[test]
    fn every_algorithm_round_trips_through_every_form() {
        for algorithm in KeyAlgorithm::ALL {
            let key = PrivateKey::generate(algorithm).unwrap();
            let pem = text(&key);
            let label = if algorithm.as_str().starts_with("RSA") {
                "RSA PRIVATE KEY"
            } else {
                "EC PRIVATE KEY"
            };
            assert!(pem.starts_with(&format!("-----BEGIN {label}-----\n")));
            assert!(pem.ends_with(&format!("-----END {label}-----\n")));
            assert!(pem.lines().skip(1).all(|l| l.len() <= 64) && !pem.contains('\r'));
            let crlf = pem.replace('\n', "\r\n").into_bytes();
            let surrounded = format!(
                "some text\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{pem}more\n"
            );
            for form in [
                pem.clone().into_bytes(),
                crlf,
                surrounded.into_bytes(),
                pkcs8(&key),
            ] {
                let again = PrivateKey::from_pem(&form).unwrap();
                assert_eq!(again.algorithm(), algorithm);
                assert_eq!(text(&again), pem);
                assert_eq!(again.spki_digest(), key.spki_digest());
            }
        }
    }

    #[test]
    fn a_key_file_of_kubeadm_is_written_back_byte_for_byte() {
        for pem in [
            include_str!("../../../fixtures/go-x509/rsa.key"),
            include_str!("../../../fixtures/go-x509/p256.key"),
            include_str!("../../../fixtures/go-x509/p384.key"),
        ] {
            assert_eq!(text(&PrivateKey::from_pem(pem.as_bytes()).unwrap()), pem);
        }
        let rsa =
            PrivateKey::from_pem(include_bytes!("../../../fixtures/go-x509/rsa.key")).unwrap();
        assert_eq!(
            rsa.public_pem(),
            include_str!("../../../fixtures/go-x509/rsa.pub")
        );
    }

    #[test]
    fn unusable_keys_are_named_for_what_they_are() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let good = text(&key);
        assert!(PrivateKey::from_pem(good.as_bytes()).is_ok());
        let cases = [
            (String::new(), KeyError::NoPem),
            ("-----BEGIN CERTIFICATE-----\n".into(), KeyError::NoPem),
            (
                good.replace("EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
                KeyError::Encrypted,
            ),
            (
                good.replacen("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n", 1),
                KeyError::Encrypted,
            ),
            (
                good.replace("-----END EC PRIVATE KEY-----", ""),
                KeyError::Damaged("EC PRIVATE KEY"),
            ),
            (
                good.replacen("KEY-----\nM", "KEY-----\n!", 1),
                KeyError::Damaged("EC PRIVATE KEY"),
            ),
            (
                good.replace("EC PRIVATE", "RSA PRIVATE"),
                KeyError::Unsupported(KeyKind::Ecdsa("P-256")),
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into(),
                KeyError::Unsupported(KeyKind::Unknown),
            ),
        ];
        for (pem, expected) in cases {
            assert_eq!(PrivateKey::from_pem(pem.as_bytes()).unwrap_err(), expected);
        }
    }

    #[test]
    fn deterministic_signatures_verify_and_repeat() {
        for (algorithm, verification) in [
            (KeyAlgorithm::EcdsaP256, &signature::ECDSA_P256_SHA256_ASN1),
            (KeyAlgorithm::EcdsaP384, &signature::ECDSA_P384_SHA384_ASN1),
        ] {
            let key = PrivateKey::generate(algorithm).unwrap();
            let pem = text(&key);
            let key = key.with_deterministic_signatures().unwrap();
            assert_eq!(text(&key), pem);
            let signature = key.sign(b"message").unwrap();
            assert_eq!(key.sign(b"message").unwrap(), signature);
            signature::UnparsedPublicKey::new(verification, key.public_bytes())
                .verify(b"message", &signature)
                .unwrap();
        }
    }

    #[test]
    fn debug_shows_no_key_bytes() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(ECDSA-P256, <redacted>)");
    }
}

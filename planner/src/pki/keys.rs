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
use super::key_kind::{MAX_RSA, MIN_RSA};

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
        "the private key is {0}; kubeplan uses RSA keys with {MIN_RSA} to {MAX_RSA} bits, and ECDSA keys with curve P-256, P-384 or P-521"
    )]
    Unsupported(KeyKind),
    /// The crypto library failed.
    #[error("the crypto library could not {0}")]
    Crypto(&'static str),
}

/// What a private key that kubeplan uses is: one that it makes itself, or another that kubeadm reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScheme {
    /// RSA, with the length of the modulus in bits.
    Rsa(usize),
    /// ECDSA.
    Ecdsa(Curve),
}

/// A curve of ECDSA keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521, which kubeadm does not make, but reads.
    P521,
}

impl fmt::Display for KeyScheme {
    /// In the form of kubeadm's names of algorithms: `RSA-2048`, `ECDSA-P521`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA-{bits}"),
            Self::Ecdsa(Curve::P256) => f.write_str("ECDSA-P256"),
            Self::Ecdsa(Curve::P384) => f.write_str("ECDSA-P384"),
            Self::Ecdsa(Curve::P521) => f.write_str("ECDSA-P521"),
        }
    }
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// How a key of this curve signs: with the hash that Go takes (crypto/x509, signingParamsForKey).
    const fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384 => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521 => &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
        }
    }
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
    scheme: KeyScheme,
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
        write!(f, "EncodedKey({}, <redacted>)", self.scheme)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, <redacted>)", self.scheme())
    }
}

impl EncodedKey {
    /// The key in kubeadm's PEM form.
    #[must_use]
    pub fn pem(&self) -> SecretBytes {
        let label = match self.scheme {
            KeyScheme::Rsa(_) => "RSA PRIVATE KEY",
            KeyScheme::Ecdsa(_) => "EC PRIVATE KEY",
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
        let rsa = |size| Self::rsa(RsaKeyPair::generate(size).map_err(failed)?);
        let ecdsa = |curve: Curve| {
            Self::ecdsa(
                curve,
                EcdsaKeyPair::generate(curve.signing()).map_err(failed)?,
            )
        };
        match algorithm {
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
            KeyAlgorithm::EcdsaP256 => ecdsa(Curve::P256),
            KeyAlgorithm::EcdsaP384 => ecdsa(Curve::P384),
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
            "EC PRIVATE KEY" => Self::ecdsa_from(|curve| {
                EcdsaKeyPair::from_private_key_der(curve.signing(), &der).ok()
            })
            .unwrap_or_else(|| unsupported(&der)),
            _ => match RsaKeyPair::from_pkcs8(&der) {
                Ok(pair) => Self::rsa(pair),
                Err(_) => {
                    Self::ecdsa_from(|curve| EcdsaKeyPair::from_pkcs8(curve.signing(), &der).ok())
                        .unwrap_or_else(|| unsupported(&der))
                }
            },
        }
    }

    /// The ECDSA key with the big-endian private scalar `scalar`; `None` if it is zero, too long or not
    /// below the curve's order.
    pub(super) fn from_scalar(algorithm: KeyAlgorithm, scalar: &[u8]) -> Option<Self> {
        let (curve, public) = match algorithm {
            KeyAlgorithm::EcdsaP256 => {
                let key = p256::SecretKey::from_slice(scalar).ok()?;
                (Curve::P256, key.public_key().to_sec1_bytes())
            }
            KeyAlgorithm::EcdsaP384 => {
                let key = p384::SecretKey::from_slice(scalar).ok()?;
                (Curve::P384, key.public_key().to_sec1_bytes())
            }
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => return None,
        };
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), scalar, &public);
        Self::ecdsa(curve, pair.ok()?).ok()
    }

    /// The same key with signatures that depend on the message alone (RFC 6979; RSA PKCS#1 v1.5 is so
    /// anyway). For public test keys: the implementation behind it is not the one real keys are trusted to.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] if the key cannot be converted, or is of curve P-521, of which there are no test keys.
    pub fn with_deterministic_signatures(self) -> Result<Self, KeyError> {
        let failed = || KeyError::Crypto("convert the private key");
        let Signer::Ecdsa(pair) = &self.signer else {
            return Ok(self);
        };
        let scalar = pair.private_key().as_be_bytes().map_err(|_| failed())?;
        let scalar = scalar.as_ref();
        let signer = match self.scheme() {
            KeyScheme::Ecdsa(Curve::P256) => p256::ecdsa::SigningKey::from_slice(scalar)
                .map(Signer::DeterministicP256)
                .map_err(|_| failed())?,
            KeyScheme::Ecdsa(Curve::P384) => p384::ecdsa::SigningKey::from_slice(scalar)
                .map(Signer::DeterministicP384)
                .map_err(|_| failed())?,
            KeyScheme::Ecdsa(Curve::P521) | KeyScheme::Rsa(_) => return Err(failed()),
        };
        Ok(Self { signer, ..self })
    }

    /// What the key is.
    #[must_use]
    pub const fn scheme(&self) -> KeyScheme {
        self.encoded.scheme
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
        let scheme = match KeyKind::of(pkcs8.as_ref()) {
            KeyKind::Rsa(bits @ MIN_RSA..=MAX_RSA) => KeyScheme::Rsa(bits),
            other => return Err(KeyError::Unsupported(other)),
        };
        let info = p256::pkcs8::PrivateKeyInfo::try_from(pkcs8.as_ref())
            .map_err(|_| KeyError::Crypto("encode the private key"))?;
        Ok(Self {
            encoded: EncodedKey {
                scheme,
                der: Zeroizing::new(info.private_key.to_vec()),
            },
            public: pair.public_key().as_ref().to_vec(),
            signer: Signer::Rsa(pair),
        })
    }

    fn ecdsa(curve: Curve, pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        // The library zeroises this buffer when it is dropped.
        let sec1 = pair
            .private_key()
            .as_der()
            .map_err(|_| KeyError::Crypto("encode the private key"))?;
        Ok(Self {
            encoded: EncodedKey {
                scheme: KeyScheme::Ecdsa(curve),
                der: Zeroizing::new(sec1.as_ref().to_vec()),
            },
            public: pair.public_key().as_ref().to_vec(),
            signer: Signer::Ecdsa(pair),
        })
    }

    /// The key that `read` reads as one of a curve; `None` if it is of none.
    fn ecdsa_from(read: impl Fn(Curve) -> Option<EcdsaKeyPair>) -> Option<Result<Self, KeyError>> {
        Curve::ALL
            .into_iter()
            .find_map(|curve| Some(Self::ecdsa(curve, read(curve)?)))
    }
}

fn unsupported(der: &[u8]) -> Result<PrivateKey, KeyError> {
    Err(KeyError::Unsupported(KeyKind::of(der)))
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.encoded.scheme {
            KeyScheme::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
            KeyScheme::Ecdsa(Curve::P256) => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyScheme::Ecdsa(Curve::P384) => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyScheme::Ecdsa(Curve::P521) => &rcgen::PKCS_ECDSA_P521_SHA512,
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
                assert_eq!(again.scheme().to_string(), algorithm.as_str());
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
            include_str!("../../../fixtures/go-x509/p521.key"),
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

//! The public half of a private key, as a digest.
//!
//! In: a PEM private key as kubeadm writes them (PKCS#1, SEC 1 or PKCS#8; RSA, ECDSA on P-256, P-384 or P-521, Ed25519).
//! Out: SHA-256 of the DER SubjectPublicKeyInfo, the same digest that kubeadm uses to pin a CA. The key itself is
//! neither kept nor shown.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use zeroize::Zeroizing;

use crate::digest::Sha256Digest;

/// Why the public half cannot be computed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpkiError {
    /// The file does not have a `PRIVATE KEY` block.
    #[error("the file does not hold a PEM private key")]
    NoKey,
    /// The file has more than one private key.
    #[error("the file holds more than one private key")]
    ManyKeys,
    /// The private key is encrypted.
    #[error("the private key is encrypted")]
    Encrypted,
    /// Not a key, or of an algorithm that Kubernetes does not use.
    #[error("the `{0}` block is not a valid RSA, ECDSA or Ed25519 key")]
    Unsupported(String),
}

/// SHA-256 of the SubjectPublicKeyInfo of the one private key in `pem`.
///
/// Other blocks are skipped: `openssl ecparam -genkey` writes its parameters before the key.
///
/// # Errors
/// [`SpkiError`] if there is not exactly one unencrypted key of a known kind.
pub fn of_private_key(pem: &[u8]) -> Result<Sha256Digest, SpkiError> {
    let blocks = pem::parse_many(pem).map_err(|_| SpkiError::NoKey)?;
    let mut found = None;
    for block in blocks {
        let label = block.tag().to_owned();
        let encrypted = block.headers().get("DEK-Info").is_some() || label.contains("ENCRYPTED");
        let der = Zeroizing::new(block.into_contents());
        if !label.ends_with("PRIVATE KEY") {
            continue;
        }
        if encrypted {
            return Err(SpkiError::Encrypted);
        }
        if found.replace((label, der)).is_some() {
            return Err(SpkiError::ManyKeys);
        }
    }
    let (label, der) = found.ok_or(SpkiError::NoKey)?;
    let spki = public_half(&label, &der)
        .ok_or_else(|| SpkiError::Unsupported(label.escape_debug().take(40).collect()))?;
    Ok(Sha256Digest::of(spki.as_ref()))
}

fn public_half(label: &str, der: &[u8]) -> Option<PublicKeyX509Der<'static>> {
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    let rsa = |key: rsa::KeyPair| key.public_key().as_der().ok();
    let ecdsa = |key: EcdsaKeyPair| key.public_key().as_der().ok();
    match label {
        "RSA PRIVATE KEY" => rsa::KeyPair::from_der(der).ok().and_then(rsa),
        "EC PRIVATE KEY" => curves
            .into_iter()
            .find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok())
            .and_then(ecdsa),
        "PRIVATE KEY" => rsa::KeyPair::from_pkcs8(der)
            .ok()
            .and_then(rsa)
            .or_else(|| {
                curves
                    .into_iter()
                    .find_map(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok())
                    .and_then(ecdsa)
            })
            .or_else(|| {
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
                key.public_key().as_der().ok()
            }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! key {
        ($name:literal) => {
            include_bytes!(concat!("../testdata/keys/", $name)).as_slice()
        };
    }

    #[test]
    fn digests_are_those_of_openssl() {
        // openssl pkey -in KEY -pubout -outform der | sha256sum
        const RSA: &str = "cfabc67943423eb6b796d4654c7edebef8262693d7a1a6f3e60dc52c3706a6b3";
        let cases: &[(&[u8], &str)] = &[
            (key!("rsa-pkcs1.pem"), RSA),
            (key!("rsa-pkcs8.pem"), RSA),
            (
                key!("p256-with-parameters.pem"),
                "6092bca61800f51532b8973d89956cdf40ffec7358788e59f2518d2654791f5f",
            ),
            (
                key!("p256-pkcs8.pem"),
                "6092bca61800f51532b8973d89956cdf40ffec7358788e59f2518d2654791f5f",
            ),
            (
                key!("p384-sec1.pem"),
                "9b23ee624cfda505096f3189e1ca3f0a09bee47c6e0129af98c116012810367a",
            ),
            (
                key!("p521-sec1.pem"),
                "89cddff3b1c8ddb32e6c46c1daba3800417d4db708d988ccd494a3a4a9d10981",
            ),
            (
                key!("ed25519-pkcs8.pem"),
                "4943ae5a81bd1a4dd6c59291ffd5ada9d52a99906e1252295deea684d6ecf6ca",
            ),
        ];
        for (pem, expected) in cases {
            assert_eq!(of_private_key(pem).unwrap().to_string(), *expected);
        }
    }

    #[test]
    fn anything_but_one_plain_key_is_refused() {
        let two = [key!("ed25519-pkcs8.pem"), key!("rsa-pkcs1.pem")].concat();
        let relabelled =
            String::from_utf8_lossy(key!("p384-sec1.pem")).replace("EC PRIVATE", "RSA PRIVATE");
        let cut = {
            let mut block = ::pem::parse(key!("ed25519-pkcs8.pem"))
                .unwrap()
                .into_contents();
            block.pop();
            ::pem::encode(&::pem::Pem::new("PRIVATE KEY", block))
        };
        let public = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n";
        let unsupported = |label: &str| SpkiError::Unsupported(label.into());
        let cases: &[(&[u8], SpkiError)] = &[
            (b"", SpkiError::NoKey),
            (b"\xff\x00", SpkiError::NoKey),
            (public.as_bytes(), SpkiError::NoKey),
            (&two, SpkiError::ManyKeys),
            (key!("rsa-encrypted-pkcs1.pem"), SpkiError::Encrypted),
            (key!("rsa-encrypted-pkcs8.pem"), SpkiError::Encrypted),
            (relabelled.as_bytes(), unsupported("RSA PRIVATE KEY")),
            (cut.as_bytes(), unsupported("PRIVATE KEY")),
        ];
        for (pem, expected) in cases {
            assert_eq!(&of_private_key(pem).unwrap_err(), expected);
        }
    }
}

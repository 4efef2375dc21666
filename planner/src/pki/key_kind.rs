//! Names the kind of a private key that kubeplan does not use.
//!
//! In: DER of PKCS#1 (RFC 8017), SEC1 (RFC 5915) or PKCS#8 (RFC 5958). Out: a [`KeyKind`]. Reads object identifiers and lengths
//! only, and copies nothing of the key.

use std::fmt;

/// What a private key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, with the length of the modulus in bits.
    Rsa(usize),
    /// ECDSA, with the curve.
    Ecdsa(&'static str),
    /// Another algorithm.
    Other(&'static str),
    /// Not a key of a known kind, or damaged.
    Unknown,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A valid RSA key of an accepted length would have been read.
            Self::Rsa(bits @ MIN_RSA..=MAX_RSA) => {
                write!(f, "a damaged RSA key with {bits} bits")
            }
            Self::Rsa(bits) => write!(f, "RSA with {bits} bits"),
            Self::Ecdsa(curve @ ("P-256" | "P-384" | "P-521")) => {
                write!(
                    f,
                    "damaged, or ECDSA with curve {curve} in a block with another name"
                )
            }
            Self::Ecdsa(curve) => write!(f, "ECDSA with curve {curve}"),
            Self::Other(name) => f.write_str(name),
            Self::Unknown => f.write_str("damaged, or of an unknown kind"),
        }
    }
}

/// The shortest RSA key that is used, in bits.
pub(super) const MIN_RSA: usize = 2048;
/// The longest: Go verifies no longer one in a TLS handshake (crypto/tls, `maxRSAKeySize`).
pub(super) const MAX_RSA: usize = 8192;

/// The object identifier of RSA keys (RFC 8017), contents only.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// Object identifiers of other algorithms and of curves (RFC 5480, 8410, SEC 2, 8017), contents only.
const KINDS: &[(&[u8], KeyKind)] = &[
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        KeyKind::Ecdsa("P-256"),
    ),
    (&[0x2b, 0x81, 0x04, 0x00, 0x21], KeyKind::Ecdsa("P-224")),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], KeyKind::Ecdsa("P-384")),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], KeyKind::Ecdsa("P-521")),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], KeyKind::Ecdsa("secp256k1")),
    (&[0x2b, 0x65, 0x70], KeyKind::Other("Ed25519")),
    (&[0x2b, 0x65, 0x71], KeyKind::Other("Ed448")),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a],
        KeyKind::Other("RSA-PSS"),
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01],
        KeyKind::Other("DSA"),
    ),
];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[0]`, the curve of a SEC1 key.
const PARAMETERS: u8 = 0xa0;

impl KeyKind {
    /// The kind of the key `der`.
    pub(super) fn of(der: &[u8]) -> Self {
        Self::find(der).unwrap_or(Self::Unknown)
    }

    fn find(der: &[u8]) -> Option<Self> {
        let (fields, _) = element(der, SEQUENCE)?;
        let (_version, fields) = element(fields, INTEGER)?;
        if let Some((algorithm, rest)) = element(fields, SEQUENCE) {
            // PKCS#8: the algorithm with its parameters, then the key.
            let (identifier, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
            if identifier == RSA {
                return Self::find(element(rest, OCTET_STRING)?.0);
            }
            let curve = element(parameters, OBJECT_IDENTIFIER);
            return named(identifier).or_else(|| named(curve?.0));
        }
        if let Some((_private, rest)) = element(fields, OCTET_STRING) {
            // SEC1.
            let (parameters, _) = element(rest, PARAMETERS)?;
            return named(element(parameters, OBJECT_IDENTIFIER)?.0);
        }
        // PKCS#1: the modulus.
        let (modulus, _) = element(fields, INTEGER)?;
        Self::bits(modulus).map(Self::Rsa)
    }

    /// The length in bits of a modulus, big-endian; `None` if it is 0.
    pub(super) fn bits(modulus: &[u8]) -> Option<usize> {
        let start = modulus.iter().position(|byte| *byte != 0)?;
        let modulus = modulus.get(start..)?;
        let unused = modulus.first()?.leading_zeros();
        Some(modulus.len() * 8 - usize::try_from(unused).ok()?)
    }
}

fn named(identifier: &[u8]) -> Option<KeyKind> {
    let known = KINDS.iter().find(|(known, _)| *known == identifier);
    known.map(|(_, kind)| *kind)
}

/// The contents of the element with which `der` starts, and what follows it; `None` if it has another tag or is cut off.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        short @ 0..=0x7f => (usize::from(*short), rest),
        // Two bytes of length are enough for every key.
        count @ 0x81..=0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(count & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    (*first == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::keys::{KeyError, PrivateKey};
    use super::*;

    /// A key that OpenSSL makes; `None` if this machine lacks OpenSSL or that kind.
    #[expect(clippy::disallowed_methods, reason = "a test asks OpenSSL for keys")]
    fn made(arguments: &[&str]) -> Option<Vec<u8>> {
        let run = Command::new("openssl").args(arguments).output().ok()?;
        run.status.success().then_some(run.stdout)
    }

    #[test]
    fn keys_that_kubeplan_does_not_use_are_named() {
        for (arguments, expected) in [
            (
                "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
                KeyKind::Rsa(1024),
            ),
            ("genrsa -traditional 1024", KeyKind::Rsa(1024)),
            ("genrsa -traditional 2040", KeyKind::Rsa(2040)),
            (
                "ecparam -name secp256k1 -genkey -noout",
                KeyKind::Ecdsa("secp256k1"),
            ),
            ("ecparam -name secp224r1 -genkey", KeyKind::Ecdsa("P-224")),
            ("genpkey -algorithm ED25519", KeyKind::Other("Ed25519")),
            ("genpkey -algorithm ED448", KeyKind::Other("Ed448")),
            (
                "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
                KeyKind::Other("RSA-PSS"),
            ),
        ] {
            let arguments: Vec<&str> = arguments.split(' ').collect();
            let Some(pem) = made(&arguments) else {
                continue;
            };
            let error = PrivateKey::from_pem(&pem).unwrap_err();
            assert_eq!(error, KeyError::Unsupported(expected), "{arguments:?}");
        }
    }

    #[test]
    fn every_form_of_the_keys_that_kubeadm_reads_is_read() {
        for (arguments, expected) in [
            ("genrsa -traditional 2050", "RSA-2050"),
            (
                "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3000",
                "RSA-3000",
            ),
            (
                "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
                "ECDSA-P521",
            ),
            ("ecparam -name secp521r1 -genkey", "ECDSA-P521"),
            ("ecparam -name secp384r1 -genkey -noout", "ECDSA-P384"),
        ] {
            let arguments: Vec<&str> = arguments.split(' ').collect();
            let Some(pem) = made(&arguments) else {
                continue;
            };
            let key = PrivateKey::from_pem(&pem).unwrap();
            assert_eq!(key.scheme().to_string(), expected, "{arguments:?}");
        }
    }

    #[test]
    fn a_damaged_key_is_of_an_unknown_kind() {
        for der in [
            &[][..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x05, 0x02, 0x01, 0x00, 0x30, 0x00],
            &[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00],
            &[0x30, 0x83, 0xff, 0xff, 0xff],
            &[0x30, 0x82, 0xff, 0xff, 0x02],
        ] {
            assert_eq!(KeyKind::of(der), KeyKind::Unknown, "{der:?}");
        }
    }
}

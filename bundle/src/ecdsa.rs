//! ECDSA signatures of certificates and requests, on every curve that both programs read: P-256, P-384, P-521.
//!
//! In: object identifiers and bytes of a parsed certificate. Out: whether the signature holds. x509-parser, which both programs read
//! certificates with, knows neither P-521 nor SHA-512.

use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, UnparsedPublicKey};

/// A signature and what it is over.
#[derive(Clone, Copy, Debug)]
pub struct EcdsaSignature<'a> {
    /// Contents of the object identifier of the signature algorithm (RFC 5758).
    pub algorithm: &'a [u8],
    /// Contents of the object identifier of the signer's curve (RFC 5480).
    pub curve: &'a [u8],
    /// The signer's point, as in the BIT STRING of its SubjectPublicKeyInfo.
    pub point: &'a [u8],
    /// The bytes that were signed.
    pub signed: &'a [u8],
    /// The signature in DER.
    pub signature: &'a [u8],
}

const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
const SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04];

/// Curve, signature algorithm, and how the library calls both.
const ALGORITHMS: [(&[u8], &[u8], &EcdsaVerificationAlgorithm); 9] = [
    (P256, SHA256, &signature::ECDSA_P256_SHA256_ASN1),
    (P256, SHA384, &signature::ECDSA_P256_SHA384_ASN1),
    (P256, SHA512, &signature::ECDSA_P256_SHA512_ASN1),
    (P384, SHA256, &signature::ECDSA_P384_SHA256_ASN1),
    (P384, SHA384, &signature::ECDSA_P384_SHA384_ASN1),
    (P384, SHA512, &signature::ECDSA_P384_SHA512_ASN1),
    (P521, SHA256, &signature::ECDSA_P521_SHA256_ASN1),
    (P521, SHA384, &signature::ECDSA_P521_SHA384_ASN1),
    (P521, SHA512, &signature::ECDSA_P521_SHA512_ASN1),
];

impl EcdsaSignature<'_> {
    /// Whether the signature holds; `None` if it is of another algorithm or curve.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        let (_, _, algorithm) = ALGORITHMS
            .into_iter()
            .find(|(curve, algorithm, _)| *curve == self.curve && *algorithm == self.algorithm)?;
        let key = UnparsedPublicKey::new(algorithm, self.point);
        Some(key.verify(self.signed, self.signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _};

    use super::*;

    #[test]
    fn a_signature_holds_for_its_bytes_key_and_hash_alone() {
        for (curve, algorithm, signing) in [
            (P256, SHA256, &signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            (P384, SHA384, &signature::ECDSA_P384_SHA384_ASN1_SIGNING),
            (P521, SHA256, &signature::ECDSA_P521_SHA256_ASN1_SIGNING),
            (P521, SHA384, &signature::ECDSA_P521_SHA384_ASN1_SIGNING),
            (P521, SHA512, &signature::ECDSA_P521_SHA512_ASN1_SIGNING),
        ] {
            let [key, other] = [0, 1].map(|_| EcdsaKeyPair::generate(signing).unwrap());
            let made = key.sign(&SystemRandom::new(), b"signed").unwrap();
            let good = EcdsaSignature {
                algorithm,
                curve,
                point: key.public_key().as_ref(),
                signed: b"signed",
                signature: made.as_ref(),
            };
            assert_eq!(good.holds(), Some(true));
            let hash = if algorithm == SHA256 { SHA384 } else { SHA256 };
            for wrong in [
                EcdsaSignature {
                    signed: b"other",
                    ..good
                },
                EcdsaSignature {
                    point: other.public_key().as_ref(),
                    ..good
                },
                EcdsaSignature {
                    algorithm: hash,
                    ..good
                },
                EcdsaSignature {
                    signature: &[],
                    ..good
                },
            ] {
                assert_eq!(wrong.holds(), Some(false));
            }
            let unknown = EcdsaSignature {
                curve: &[0x2b, 0x81, 0x04, 0x00, 0x21],
                ..good
            };
            assert_eq!(unknown.holds(), None);
        }
    }
}

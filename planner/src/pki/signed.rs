//! Signatures of certificates and requests.
//!
//! In: parts of a parsed certificate or request, and its signer's public key. Out: whether the signature holds.

use kubeplan_bundle::ecdsa::EcdsaSignature;
use x509_parser::asn1_rs::BitString;
use x509_parser::verify::verify_signature;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// Signed content.
pub(super) struct Signed<'a> {
    pub(super) algorithm: &'a AlgorithmIdentifier<'a>,
    pub(super) signature: &'a BitString<'a>,
    /// DER of what was signed.
    pub(super) content: &'a [u8],
}

impl Signed<'_> {
    /// Whether the owner of `key` signed the content.
    pub(super) fn is_by(&self, key: &SubjectPublicKeyInfo<'_>) -> bool {
        let curve = key.algorithm.parameters.as_ref();
        let curve = curve.and_then(|curve| curve.as_oid().ok());
        let ecdsa = curve.and_then(|curve| {
            let signature = EcdsaSignature {
                algorithm: self.algorithm.algorithm.as_bytes(),
                curve: curve.as_bytes(),
                point: &key.subject_public_key.data,
                signed: self.content,
                signature: &self.signature.data,
            };
            signature.holds()
        });
        // Other kinds are known to the parser's library.
        ecdsa.unwrap_or_else(|| {
            verify_signature(key, self.algorithm, self.signature, self.content).is_ok()
        })
    }
}

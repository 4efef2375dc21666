//! Certificates and keys.
//!
//! In: configuration, what the key store already holds, the clock. Out: [`Material`] with every
//! certificate and key of the cluster, in kubeadm's forms. Private keys never leave [`SecretBytes`].
//!
//! | module | concern |
//! |---|---|
//! | [`certlist`], [`profile`] | the certificates of a cluster, and what each says |
//! | [`keys`], `key_kind`, [`key_source`], [`test_pki`] | private keys: forms, generation, public test keys |
//! | [`certificate`], `signed`, [`issue`] | reading certificates, who signed them, making them |
//! | [`name_constraints`], [`restrictions`] | what a CA excludes of the certificates below it |
//! | [`credentials`] | bootstrap tokens and the certificate key |
//! | [`store`], [`assess`], [`mod@ensure`], [`store_change`] | the key store: its content, comparing it with the configuration, completing it, what changed |
//! | [`materials`] | the material of each node |
//! | [`requests`](mod@requests), [`stored`] | signing requests for external CAs; the stored certificates as a table |
//! | [`import`] | taking over a kubeadm `pki` directory |
//! | [`worker`] | the material of a worker |
//! | [`stand_in`] | stand-ins for material that is not made yet |
//! | [`store_dir`] | the store's directory: the only module here that touches a disk |

pub mod assess;
pub mod certificate;
pub mod certlist;
pub mod credentials;
pub mod ensure;
#[cfg(test)]
mod ensure_tests;
pub mod error;
mod go_rules;
pub mod import;
pub mod issue;
mod issuing;
mod key_kind;
pub mod key_source;
pub mod keys;
pub mod materials;
mod name_constraints;
pub mod profile;
pub mod requests;
mod restrictions;
mod signed;
mod slot;
pub mod stand_in;
pub mod store;
pub mod store_change;
pub mod store_dir;
pub mod stored;
mod supplied;
pub mod test_pki;
#[cfg(test)]
mod testing;
mod verdict;
pub mod worker;

pub use crate::kubeadm::KeyAlgorithm;
pub use certlist::profiles;
pub use credentials::Credentials;
pub use ensure::{Ensured, EnsuredNodes, ensure, ensure_nodes, read_existing, read_existing_nodes};
pub use error::PkiError;
pub use materials::Materials;
pub use profile::{CertificateProfile, profile_text};
pub use store::StoreContents;
pub use store_change::{StoreChange, StoreChangeKind};
pub use worker::WorkerMaterial;

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::secret::SecretBytes;

use crate::plan::CertificateRow;

/// Every certificate and key of one node, by kubeadm's name (`ca`, `apiserver`, `etcd-ca`, `admin.conf`, …).
#[derive(Clone, Debug)]
pub struct Material {
    /// Certificates with their keys.
    pub certificates: BTreeMap<String, IssuedCertificate>,
    /// The service account signing key pair; only a control-plane node has it.
    pub service_account: Option<ServiceAccountKey>,
    /// The tokens and the certificate key that the configuration does not give.
    pub credentials: Credentials,
    /// Made with public test keys, or from a store that was: never for a real host.
    pub test_only: bool,
}

/// The source of certificates and keys.
#[derive(Clone, Copy, Debug)]
pub enum MaterialSource<'a> {
    /// The key store. A worker's plan uses only its [`WorkerMaterial`].
    Issued(&'a Material),
    /// What a worker gets of the key store.
    Worker(&'a WorkerMaterial),
    /// None: certificate and key files are omitted, kubeconfigs have placeholders. Such a plan is for review
    /// only; the caller shows the profiles of the certificates instead.
    None,
}

impl MaterialSource<'_> {
    /// Whether the cluster CA is external.
    #[must_use]
    pub fn external_ca(&self) -> bool {
        let Self::Issued(material) = self else {
            return false;
        };
        let ca = material.certificates.get("ca");
        ca.is_some_and(|ca| ca.key_pem.is_none())
    }
}

/// The lines of `pki.txt` about external CAs; `None` if there are none.
#[must_use]
pub fn external_text(authorities: &[&str]) -> Option<String> {
    (!authorities.is_empty()).then(|| {
        format!(
            "external CA: {}\n  The keys are kept elsewhere. What these CAs sign says at least what stands below; issuer, dates and further \
             content are theirs.\n\n",
            authorities.join(", ")
        )
    })
}

/// A certificate and its private key.
#[derive(Clone, Debug)]
pub struct IssuedCertificate {
    /// `CERTIFICATE` PEM.
    pub certificate_pem: String,
    /// DER of the same.
    pub certificate_der: Vec<u8>,
    /// Private key in kubeadm's PEM form; `None` for an external CA, or if the node does not get it.
    pub key_pem: Option<SecretBytes>,
    /// The row in tables. The plan fills in `path`.
    pub row: CertificateRow,
}

/// The key pair that signs service account tokens.
#[derive(Clone, Debug)]
pub struct ServiceAccountKey {
    /// Private key in kubeadm's PEM form.
    pub key_pem: SecretBytes,
    /// `PUBLIC KEY` PEM.
    pub public_pem: String,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
}

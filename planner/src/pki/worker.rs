//! The part of the cluster's key material that a worker gets.
//!
//! In: the material of the key store, or the CA certificate that discovery found. Out: [`WorkerMaterial`]: the certificate of the
//! cluster CA and, where the kubelet does not bootstrap, its client certificate. It has no key of a CA and no key of service accounts, so a
//! plan made from it cannot contain one.

use kubeplan_bundle::secret::SecretBytes;

use super::certificate::Certificate;
use super::certlist::KUBELET;
use super::{IssuedCertificate, Material};
use crate::plan::CertificateRow;

/// kubeadm's name of the cluster CA.
const AUTHORITY: &str = "ca";

/// The cluster CA's certificate and the kubelet's client certificate.
#[derive(Clone, Debug)]
pub struct WorkerMaterial {
    authority: IssuedCertificate,
    kubelet: Option<IssuedCertificate>,
    /// Made with public test keys, or from a store that was: never for a real host.
    pub test_only: bool,
}

impl WorkerMaterial {
    /// The worker's part of `material`; `None` if that has no cluster CA.
    #[must_use]
    pub fn of(material: &Material) -> Option<Self> {
        let authority = material.certificates.get(AUTHORITY)?;
        Some(Self {
            authority: without_key(authority),
            kubelet: material.certificates.get(KUBELET).cloned(),
            test_only: material.test_only,
        })
    }

    /// The material of a worker whose kubelet bootstraps: the certificates of the cluster's CAs.
    #[must_use]
    pub fn of_authority(certificate: Certificate) -> Self {
        let facts = &certificate.facts;
        let signer = if facts.issuer_der == facts.subject_der {
            AUTHORITY
        } else {
            &facts.issuer
        };
        Self {
            authority: IssuedCertificate {
                certificate_pem: certificate.pem(),
                key_pem: None,
                row: certificate.row(AUTHORITY, signer, true),
                certificate_der: certificate.der,
            },
            kubelet: None,
            test_only: false,
        }
    }

    /// Sets whether the run uses public test keys.
    #[must_use]
    pub fn with_test_only(self, test_only: bool) -> Self {
        Self { test_only, ..self }
    }

    /// The cluster CA's certificate; never with a key.
    #[must_use]
    pub const fn authority(&self) -> &IssuedCertificate {
        &self.authority
    }

    /// The kubelet's client certificate.
    #[must_use]
    pub const fn kubelet(&self) -> Option<&IssuedCertificate> {
        self.kubelet.as_ref()
    }

    /// The kubelet's private key.
    #[must_use]
    pub fn kubelet_key(&self) -> Option<&SecretBytes> {
        self.kubelet.as_ref()?.key_pem.as_ref()
    }

    /// The certificates, the CA's first.
    pub fn rows(&self) -> impl Iterator<Item = &CertificateRow> {
        let kubelet = self.kubelet.iter();
        std::iter::once(&self.authority)
            .chain(kubelet)
            .map(|certificate| &certificate.row)
    }
}

fn without_key(certificate: &IssuedCertificate) -> IssuedCertificate {
    IssuedCertificate {
        certificate_pem: certificate.certificate_pem.clone(),
        certificate_der: certificate.certificate_der.clone(),
        key_pem: None,
        row: certificate.row.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::test_pki::TestPki;
    use crate::pki::{StoreContents, ensure};
    use crate::testing;

    fn issued() -> Material {
        let now = "2026-11-20T10:23:25Z".parse().unwrap();
        let config = testing::default_config();
        let source = TestPki::new("1");
        let ensured = ensure(&config, StoreContents::default(), now, &source, &|_| {});
        ensured.unwrap().material
    }

    #[test]
    fn no_key_but_the_kubelets_is_left() {
        let material = issued();
        let worker = WorkerMaterial::of(&material).unwrap();
        assert!(worker.authority().key_pem.is_none());
        let own = material.certificates["kubelet.conf"].key_pem.as_ref();
        assert_eq!(worker.kubelet_key(), own);
        let names: Vec<&str> = worker.rows().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["ca", "kubelet.conf"]);
    }

    #[test]
    fn a_ca_that_discovery_found_is_enough() {
        let material = issued();
        let authority = &material.certificates["ca"];
        let pem = authority.certificate_pem.as_bytes();
        let worker = WorkerMaterial::of_authority(Certificate::authorities_from_pem(pem).unwrap());
        assert_eq!(
            worker.authority().certificate_pem,
            authority.certificate_pem
        );
        assert_eq!(worker.authority().row.spki, authority.row.spki);
        assert!(worker.kubelet().is_none());
        for bad in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(
                Certificate::authorities_from_pem(bad.as_bytes()).is_err(),
                "{bad}"
            );
        }
        // A certificate that is not a CA's is none, also beside one that is.
        let leaf = &material.certificates["apiserver"].certificate_pem;
        for bad in [leaf.clone(), format!("{}{leaf}", authority.certificate_pem)] {
            let error = Certificate::authorities_from_pem(bad.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("CA:TRUE"), "{error}");
        }
    }
}

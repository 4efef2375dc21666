//! The client certificate of a node's kubelet: whose it is, and whether a cluster's CA issued it.
//!
//! In: the file in which the kubelet keeps its certificate and its key, the CA certificates, the node's name, the time. Out: a
//! [`Standing`]. The private key in the file is not looked at.
//! Sources: Kubernetes v1.36.2, pkg/auth/nodeidentifier/default.go (a node is the user `system:node:<name>` in the group
//! `system:nodes`); k8s.io/client-go v0.36.2, util/certificate/certificate_manager.go (a kubelet uses the file until it expires).

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use crate::host::{HostError, Root, RootPath};
use crate::net::tls;

/// The prefix of a node's user name, which is the common name of its certificate.
const USER: &str = "system:node:";

/// The group of all nodes, which is the organization in the certificate.
const GROUP: &str = "system:nodes";

/// Bytes of the file: far more than a certificate with its key has.
const LIMIT: u64 = 1024 * 1024;

/// Characters of a foreign subject that are shown.
const SHOWN: usize = 200;

/// How a certificate stands to a node and its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the node's, and the CA issued it.
    Own,
    /// It has expired: the kubelet does not use it.
    Expired,
    /// It is not the node's, or the CA did not issue it, or it cannot be read; why, as the end of a sentence about the file.
    Foreign(String),
}

/// Reads the file in which the kubelet keeps its newest certificate and its key; `None` if there is none. A link whose target is gone
/// is none to the kubelet either.
///
/// # Errors
/// [`HostError`] if it cannot be read.
pub(crate) fn read(root: &Root, path: &RootPath) -> Result<Option<SecretBytes>, HostError> {
    match root.read(path, LIMIT) {
        Err(error) if error.is_dangling() => Ok(None),
        read => read,
    }
}

/// Judges the certificate in `file` (PEM, with its chain and perhaps its key). `authorities` are CA certificates, PEM.
pub(crate) fn judge(file: &[u8], authorities: &[u8], node: &str, now: Timestamp) -> Standing {
    find(file, authorities, node, now).unwrap_or_else(Standing::Foreign)
}

fn find(file: &[u8], authorities: &[u8], node: &str, now: Timestamp) -> Result<Standing, String> {
    let text = certificates(file);
    let unreadable = || "holds a certificate that cannot be read".to_owned();
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unreadable())?;
    let first = chain
        .first()
        .ok_or_else(|| "holds no certificate".to_owned())?;
    let Ok(([], leaf)) = X509Certificate::from_der(first) else {
        return Err(unreadable());
    };
    if leaf.validity().not_after.timestamp() <= now.unix_seconds() {
        return Ok(Standing::Expired);
    }
    // Clocks differ: the API server decides when the certificate begins to be valid.
    let begins = leaf.validity().not_before.timestamp();
    let at = Timestamp::from_unix_seconds(begins.max(now.unix_seconds())).unwrap_or(now);
    let subject = leaf.subject();
    if !is_of(subject, node) {
        let found: String = subject.to_string().escape_debug().take(SHOWN).collect();
        return Err(format!(
            "belongs to `{found}`, not to this node (`O={GROUP}, CN={USER}{node}`)"
        ));
    }
    tls::verify_client(&chain, authorities, at)
        .map_err(|reason| format!("was not issued by the CA of this cluster ({reason})"))?;
    Ok(Standing::Own)
}

/// Whether the subject is the user of `node`, in the group of nodes.
fn is_of(subject: &X509Name<'_>, node: &str) -> bool {
    let user = format!("{USER}{node}");
    let mut names = subject.iter_common_name().map(|name| name.as_str());
    let mut groups = subject.iter_organization().map(|name| name.as_str());
    // Kubernetes takes the last common name, as Go does; a certificate of a node has one.
    names.next() == Some(Ok(user.as_str()))
        && names.next().is_none()
        && groups.any(|group| group == Ok(GROUP))
}

/// The blocks of `file` that hold certificates; everything else, a private key before all, stays where it is.
fn certificates(file: &[u8]) -> Vec<u8> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    const END: &[u8] = b"-----END CERTIFICATE-----";
    let mut found = Vec::new();
    let mut inside = false;
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        inside |= line.trim_ascii_end() == BEGIN;
        if inside {
            found.extend_from_slice(line);
        }
        inside &= line.trim_ascii_end() != END;
    }
    found
}

#[cfg(test)]
pub(crate) mod testing {
    //! CAs and certificates of nodes, for tests.

    use rcgen::{
        BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
        IsCa, Issuer, KeyPair,
    };

    /// A CA.
    pub(crate) struct Authority {
        issuer: Issuer<'static, KeyPair>,
        pub(crate) pem: String,
    }

    impl Authority {
        pub(crate) fn new() -> Self {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name = name("kubernetes", None);
            let pem = params.self_signed(&key).unwrap().pem();
            let issuer = Issuer::new(params, key);
            Self { issuer, pem }
        }

        /// A client certificate and its key, as a kubelet keeps them in one file; it expires in this year.
        pub(crate) fn issue(&self, user: &str, group: &str, expires: i32) -> String {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name = name(user, Some(group));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(expires, 1, 1);
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            format!("{}{}", certificate.pem(), key.serialize_pem())
        }

        /// The certificate of `node`.
        pub(crate) fn of_node(&self, node: &str) -> String {
            self.issue(&format!("system:node:{node}"), "system:nodes", 2100)
        }
    }

    fn name(common: &str, organization: Option<&str>) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        if let Some(organization) = organization {
            name.push(DnType::OrganizationName, organization);
        }
        name.push(DnType::CommonName, common);
        name
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Authority;
    use super::*;

    #[test]
    fn a_certificate_is_own_only_with_the_subject_of_the_node_and_the_key_of_the_ca() {
        let now: Timestamp = "2026-11-20T10:23:25Z".parse().unwrap();
        let (own, other) = (Authority::new(), Authority::new());
        let both = format!("{}{}", other.pem, own.pem);
        let good = own.of_node("cp1");
        let stranger = other.of_node("cp1");
        let foreign = "not issued by the CA";
        let belongs = "belongs to";
        for (what, file, authorities, expected) in [
            ("own", good.as_str(), own.pem.as_str(), None),
            ("own, while the CA is rotated", &good, &both, None),
            (
                "another CA of the same name",
                &stranger,
                &own.pem,
                Some(foreign),
            ),
            ("no CA", &good, "", Some(foreign)),
            (
                "another node",
                &own.of_node("cp10"),
                &own.pem,
                Some(belongs),
            ),
            (
                "an administrator",
                &own.issue("kubernetes-admin", "system:masters", 2100),
                &own.pem,
                Some(belongs),
            ),
            (
                "the node in another group",
                &own.issue("system:node:cp1", "system:masters", 2100),
                &own.pem,
                Some(belongs),
            ),
            ("nothing", "", &own.pem, Some("no certificate")),
            (
                "not a certificate",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                &own.pem,
                Some("cannot be read"),
            ),
        ] {
            let found = judge(file.as_bytes(), authorities.as_bytes(), "cp1", now);
            match (&found, expected) {
                (Standing::Own, None) => {}
                (Standing::Foreign(why), Some(part)) => {
                    assert!(why.contains(part), "{what}: {why}");
                }
                _ => panic!("{what}: {found:?}"),
            }
        }
        for authority in [&own, &other] {
            let expired = authority.issue("system:node:cp1", "system:nodes", 2026);
            let found = judge(expired.as_bytes(), own.pem.as_bytes(), "cp1", now);
            assert_eq!(found, Standing::Expired);
        }
    }

    #[test]
    fn keys_stay_where_they_are() {
        let file = Authority::new().of_node("w1");
        let found = String::from_utf8(certificates(file.as_bytes())).unwrap();
        assert!(found.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(file.contains("PRIVATE KEY") && !found.contains("PRIVATE KEY"));
        let crlf = file.replace('\n', "\r\n");
        assert!(!certificates(crlf.as_bytes()).is_empty());
    }
}

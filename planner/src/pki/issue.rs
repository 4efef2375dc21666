//! Issues certificates, byte for byte as kubeadm's Go code does.
//!
//! In: a [`CertificateProfile`], the subject's key, the signer, serial number and dates. Out: a
//! [`Certificate`]. rcgen writes the frame and signs; its own extension fields stay empty, because their
//! order and contents are not Go's. As Go does it: extension order KU, EKU, BC, SKI, AKI,
//! SAN; PrintableString where the characters allow; O before CN; key ids from a hash over the public key
//! (Go 1.25 and later, crypto/x509). `fixtures/go-x509` holds certificates made by Go to compare with.

use aws_lc_rs::digest;
use kubeplan_bundle::timestamp::Timestamp;
use rcgen::string::PrintableString;
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, Issuer, SerialNumber,
};
use std::net::IpAddr;
use time::OffsetDateTime;
use yasna::Tag;

use super::certificate::Certificate;
use super::keys::PrivateKey;
use super::profile::CertificateProfile;
use crate::kubeadm::releases::KeyIdHash;

const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const SUBJECT_KEY_ID: &[u64] = &[2, 5, 29, 14];
const AUTHORITY_KEY_ID: &[u64] = &[2, 5, 29, 35];
const SUBJECT_ALTERNATIVE_NAME: &[u64] = &[2, 5, 29, 17];

/// Why a certificate cannot be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The signer's name cannot be copied exactly, so that verifiers would not find the signer.
    #[error(
        "the CA's subject `{subject}` cannot be copied faithfully into what it signs (an attribute twice, several in one RDN, \
         or an outdated string type); use an intermediate CA with a plain subject"
    )]
    SignerSubject {
        /// The signer's subject.
        subject: String,
    },
    /// The result does not verify with the signer's certificate.
    #[error("the new certificate does not verify with its signer's certificate")]
    DoesNotVerify,
    /// rcgen failed.
    #[error("the certificate cannot be encoded or signed")]
    Encode(#[from] rcgen::Error),
    /// A date that X.509 cannot express.
    #[error("the validity cannot be written")]
    Validity,
}

/// The dates and the number of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Serial number, at least 1.
    pub serial: u64,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
}

/// Makes a self-signed CA.
///
/// # Errors
/// [`IssueError`] if rcgen fails.
pub fn issue_authority(
    profile: &CertificateProfile,
    key: &PrivateKey,
    stamp: Stamp,
) -> Result<Certificate, IssueError> {
    let params = params(profile, key, None, stamp)?;
    let der = params.self_signed(key)?.der().to_vec();
    let certificate = Certificate::from_der(der).ok_or(IssueError::DoesNotVerify)?;
    if !certificate.is_signed_by(&certificate) {
        return Err(IssueError::DoesNotVerify);
    }
    Ok(certificate)
}

/// Issues a certificate for `key`, signed with `signer_key`.
///
/// The result is checked: its issuer is the signer's subject, byte for byte, and the signature verifies.
///
/// # Errors
/// [`IssueError::SignerSubject`] if the signer's name has a form that rcgen cannot copy faithfully.
pub fn issue_leaf(
    profile: &CertificateProfile,
    key: &PrivateKey,
    signer: &Certificate,
    signer_key: &PrivateKey,
    stamp: Stamp,
) -> Result<Certificate, IssueError> {
    let subject_error = || IssueError::SignerSubject {
        subject: signer.facts.subject.clone(),
    };
    if !signer.facts.plain_subject {
        return Err(subject_error());
    }
    let issuer = Issuer::from_ca_cert_der(&signer.der.as_slice().into(), signer_key)
        .map_err(|_| subject_error())?;
    let params = params(profile, key, signer.facts.subject_key_id.as_deref(), stamp)?;
    let der = params.signed_by(key, &issuer)?.der().to_vec();
    let certificate = Certificate::from_der(der).ok_or(IssueError::DoesNotVerify)?;
    if certificate.facts.issuer_der != signer.facts.subject_der {
        return Err(subject_error());
    }
    if !certificate.is_signed_by(signer) {
        return Err(IssueError::DoesNotVerify);
    }
    Ok(certificate)
}

/// Makes a certificate signing request for `key`, as DER: subject and alternative names, and nothing about usages, as
/// kubeadm does (kubeadm v1.36.2, cmd/kubeadm/app/util/pkiutil, `NewCSR`).
///
/// # Errors
/// [`IssueError::Encode`] if rcgen fails.
pub fn request(profile: &CertificateProfile, key: &PrivateKey) -> Result<Vec<u8>, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(profile);
    params.custom_extensions = alternative_names(profile).into_iter().collect();
    Ok(params.serialize_request(key)?.der().to_vec())
}

/// The key identifier Go gives to a CA: 160 bits of a hash over the contents of the public key's BIT STRING.
#[must_use]
pub fn key_id(public_bytes: &[u8], hash: KeyIdHash) -> [u8; 20] {
    let algorithm = match hash {
        KeyIdHash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        KeyIdHash::Sha256 => &digest::SHA256,
    };
    let digest = digest::digest(algorithm, public_bytes);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

fn params(
    profile: &CertificateProfile,
    key: &PrivateKey,
    authority_key_id: Option<&[u8]>,
    stamp: Stamp,
) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(profile);
    params.serial_number = Some(SerialNumber::from(stamp.serial));
    params.not_before = date(stamp.not_before)?;
    params.not_after = date(stamp.not_after)?;

    let mut extensions = vec![extension(KEY_USAGE, true, key_usage(profile))];
    if !profile.usages.is_empty() {
        extensions.push(extension(
            EXTENDED_KEY_USAGE,
            false,
            extended_key_usage(profile),
        ));
    }
    extensions.push(extension(
        BASIC_CONSTRAINTS,
        true,
        basic_constraints(profile),
    ));
    if profile.is_authority() {
        let id = key_id(key.public_bytes(), profile.subject_key_id);
        let content = yasna::construct_der(|writer| writer.write_bytes(&id));
        extensions.push(extension(SUBJECT_KEY_ID, false, content));
    }
    if let Some(id) = authority_key_id {
        let content = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer
                    .next()
                    .write_tagged_implicit(Tag::context(0), |writer| writer.write_bytes(id));
            });
        });
        extensions.push(extension(AUTHORITY_KEY_ID, false, content));
    }
    extensions.extend(alternative_names(profile));
    params.custom_extensions = extensions;
    Ok(params)
}

/// O before CN, as Go writes them.
fn distinguished_name(profile: &CertificateProfile) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(organization) = &profile.organization {
        name.push(DnType::OrganizationName, dn_value(organization));
    }
    name.push(DnType::CommonName, dn_value(&profile.common_name));
    name
}

fn alternative_names(profile: &CertificateProfile) -> Option<CustomExtension> {
    let any = !(profile.dns_sans.is_empty() && profile.ip_sans.is_empty());
    any.then(|| extension(SUBJECT_ALTERNATIVE_NAME, false, sans(profile)))
}

fn extension(oid: &[u64], critical: bool, content: Vec<u8>) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content);
    extension.set_criticality(critical);
    extension
}

/// digitalSignature and keyEncipherment, keyCertSign for a CA; also for ECDSA keys, as kubeadm does.
fn key_usage(profile: &CertificateProfile) -> Vec<u8> {
    yasna::construct_der(|writer| {
        if profile.is_authority() {
            writer.write_bitvec_bytes(&[0b1010_0100], 6);
        } else {
            writer.write_bitvec_bytes(&[0b1010_0000], 3);
        }
    })
}

fn extended_key_usage(profile: &CertificateProfile) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            for usage in profile.usages {
                writer
                    .next()
                    .write_oid(&yasna::models::ObjectIdentifier::from_slice(usage.oid()));
            }
        });
    })
}

fn basic_constraints(profile: &CertificateProfile) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            if profile.is_authority() {
                writer.next().write_bool(true);
            }
        });
    })
}

fn sans(profile: &CertificateProfile) -> Vec<u8> {
    let octets = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            for name in &profile.dns_sans {
                writer
                    .next()
                    .write_tagged_implicit(Tag::context(2), |w| w.write_bytes(name.as_bytes()));
            }
            for address in &profile.ip_sans {
                writer
                    .next()
                    .write_tagged_implicit(Tag::context(7), |w| w.write_bytes(&octets(address)));
            }
        });
    })
}

/// PrintableString where the characters allow it (Go's encoding/asn1 does not use it for `_` or `@`).
fn dn_value(text: &str) -> DnValue {
    PrintableString::try_from(text).map_or_else(
        |_| DnValue::Utf8String(text.to_owned()),
        DnValue::PrintableString,
    )
}

fn date(instant: Timestamp) -> Result<OffsetDateTime, IssueError> {
    OffsetDateTime::from_unix_timestamp(instant.unix_seconds()).map_err(|_| IssueError::Validity)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::KeyAlgorithm;
    use super::super::keys::KeyScheme;
    use super::super::profile::{CertificateKind, ExtendedKeyUsage};
    use super::super::signed::Signed;
    use super::*;

    /// What is signed, for certificates whose signatures are random.
    fn to_be_signed(der: &[u8]) -> Vec<u8> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
        certificate.tbs_certificate.as_ref().to_vec()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn profile(kind: CertificateKind, common_name: &str) -> CertificateProfile {
        CertificateProfile {
            subject_key_id: KeyIdHash::Sha256,
            name: "ca",
            base_name: "ca",
            kind,
            common_name: common_name.into(),
            organization: None,
            usages: &[],
            signer: "ca",
            signer_base_name: "ca",
            issuer_common_name: "kubernetes".into(),
            dns_sans: vec![],
            ip_sans: vec![],
            key_algorithm: KeyAlgorithm::Rsa2048,
            lifetime: Duration::ZERO,
        }
    }

    fn ca_profile() -> CertificateProfile {
        let mut ca = profile(CertificateKind::Authority, "kubernetes");
        ca.dns_sans = vec!["kubernetes".into()];
        ca
    }

    fn leaf_profile() -> CertificateProfile {
        let mut leaf = profile(CertificateKind::Leaf, "system:node:cp1");
        leaf.organization = Some("system:nodes".into());
        leaf.usages = &[ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth];
        leaf.dns_sans = ["*.k8s.example.com", "cp1", "kubernetes"]
            .map(str::to_owned)
            .to_vec();
        leaf.ip_sans = vec!["10.96.0.1".parse().unwrap(), "::1".parse().unwrap()];
        leaf
    }

    fn client_profile() -> CertificateProfile {
        let mut client = profile(CertificateKind::KubeconfigClient, "under_score@example");
        client.organization = Some("kubeadm:cluster-admins".into());
        client.usages = &[ExtendedKeyUsage::ClientAuth];
        client
    }

    fn stamp(serial: u64, not_after: &str) -> Stamp {
        Stamp {
            serial,
            not_before: at("2026-11-20T10:18:25Z"),
            not_after: at(not_after),
        }
    }

    macro_rules! go {
        ($file:literal) => {
            include_bytes!(concat!("../../../fixtures/go-x509/", $file)).as_slice()
        };
    }

    #[test]
    fn certificates_are_byte_identical_to_gos() {
        let cases = [
            (
                go!("rsa.key"),
                go!("rsa-ca.der"),
                go!("rsa-leaf.der"),
                go!("rsa-client.der"),
            ),
            (
                go!("p256.key"),
                go!("p256-ca.der"),
                go!("p256-leaf.der"),
                go!("p256-client.der"),
            ),
            (
                go!("p384.key"),
                go!("p384-ca.der"),
                go!("p384-leaf.der"),
                go!("p384-client.der"),
            ),
            (
                go!("p521.key"),
                go!("p521-ca.der"),
                go!("p521-leaf.der"),
                go!("p521-client.der"),
            ),
        ];
        for (key, go_ca, go_leaf, go_client) in cases {
            let key = PrivateKey::from_pem(key).unwrap();
            let ca = issue_authority(
                &ca_profile(),
                &key,
                stamp(0x7fff_ffff_ffff_fffd, "2061-01-02T03:04:05Z"),
            )
            .unwrap();
            // The CA made by Go signs, so the names in what it signs are copies of Go's bytes.
            let signer = Certificate::from_der(go_ca.to_vec()).unwrap();
            let leaf = issue_leaf(
                &leaf_profile(),
                &key,
                &signer,
                &key,
                stamp(0x80, "2027-11-20T10:23:25Z"),
            )
            .unwrap();
            let client = issue_leaf(
                &client_profile(),
                &key,
                &signer,
                &key,
                stamp(1, "2049-12-31T23:59:59Z"),
            )
            .unwrap();
            for (made, go) in [(ca, go_ca), (leaf, go_leaf), (client, go_client)] {
                assert_eq!(to_be_signed(&made.der), to_be_signed(go));
                // ECDSA signatures are random; RSA ones are not.
                if matches!(key.scheme(), KeyScheme::Rsa(_)) {
                    assert_eq!(made.der, go);
                }
            }
        }
    }

    #[test]
    fn requests_are_byte_identical_to_gos() {
        let cases = [
            (
                go!("rsa.key"),
                go!("rsa-leaf.csr.der"),
                go!("rsa-client.csr.der"),
            ),
            (
                go!("p256.key"),
                go!("p256-leaf.csr.der"),
                go!("p256-client.csr.der"),
            ),
            (
                go!("p384.key"),
                go!("p384-leaf.csr.der"),
                go!("p384-client.csr.der"),
            ),
            (
                go!("p521.key"),
                go!("p521-leaf.csr.der"),
                go!("p521-client.csr.der"),
            ),
        ];
        for (key, go_leaf, go_client) in cases {
            let key = PrivateKey::from_pem(key).unwrap();
            for (profile, go) in [(leaf_profile(), go_leaf), (client_profile(), go_client)] {
                let made = request(&profile, &key).unwrap();
                let (made_frame, go_frame) = (csr_content(&made), csr_content(go));
                assert_eq!(made_frame, go_frame);
                if matches!(key.scheme(), KeyScheme::Rsa(_)) {
                    assert_eq!(made, go);
                }
            }
        }
    }

    /// What is signed of a request whose signature holds.
    fn csr_content(der: &[u8]) -> Vec<u8> {
        use x509_parser::prelude::FromDer as _;
        type Csr<'a> = x509_parser::certification_request::X509CertificationRequest<'a>;
        let (rest, csr) = Csr::from_der(der).unwrap();
        let info = &csr.certification_request_info;
        let signed = Signed {
            algorithm: &csr.signature_algorithm,
            signature: &csr.signature_value,
            content: info.raw,
        };
        assert!(rest.is_empty() && signed.is_by(&info.subject_pki));
        info.raw.to_vec()
    }

    #[test]
    fn a_key_identifier_has_160_bits_of_the_releases_hash() {
        // FIPS 180-4's example message.
        for (hash, expected) in [
            (KeyIdHash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                KeyIdHash::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a3",
            ),
        ] {
            let id = key_id(b"abc", hash);
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn a_signer_whose_name_cannot_be_copied_is_refused_and_a_plain_one_signs() {
        let key = PrivateKey::from_pem(go!("p256.key")).unwrap();
        let sign = |ca: &[u8]| {
            let signer = Certificate::from_der(ca.to_vec()).unwrap();
            let stamp = stamp(1, "2027-11-20T10:23:25Z");
            issue_leaf(&leaf_profile(), &key, &signer, &key, stamp)
        };
        assert!(sign(go!("p256-ca-plain.der")).is_ok());
        for (ca, subject) in [
            (
                go!("p256-ca-multi-valued-rdn.der"),
                "O = Example, OU = Security, CN = corporate-ca",
            ),
            (
                go!("p256-ca-two-units.der"),
                "OU = Security, OU = Kubernetes, CN = corporate-ca",
            ),
        ] {
            match sign(ca).unwrap_err() {
                IssueError::SignerSubject { subject: named } => assert_eq!(named, subject),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_key_that_is_not_the_signers_makes_no_certificate() {
        let signer = Certificate::from_der(go!("p256-ca.der").to_vec()).unwrap();
        let own = PrivateKey::from_pem(go!("p256.key")).unwrap();
        let other = PrivateKey::from_pem(go!("p384.key")).unwrap();
        let stamp = stamp(1, "2027-11-20T10:23:25Z");
        assert!(issue_leaf(&leaf_profile(), &other, &signer, &own, stamp).is_ok());
        let refused = issue_leaf(&leaf_profile(), &own, &signer, &other, stamp);
        assert!(matches!(refused, Err(IssueError::DoesNotVerify)));
    }
}

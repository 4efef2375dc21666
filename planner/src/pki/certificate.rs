//! Reads certificates: their values, and who signed them.
//!
//! In: PEM or DER. Out: [`Certificate`], parsed once into plain values. [`mod@super::assess`] compares those
//! values with a profile.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::timestamp::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::go_rules;
use super::key_kind::KeyKind;
use super::name_constraints::NameConstraints;
use super::signed::Signed;
use crate::plan::CertificateRow;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertificateError {
    /// No certificate block.
    #[error("there is no `CERTIFICATE` block in PEM form")]
    NoPem,
    /// A block that is not a certificate.
    #[error("certificate {0} of the file is not valid X.509 DER")]
    NotX509(usize),
    /// A certificate that Go's parser refuses.
    #[error(
        "certificate {position} of the file (`{subject}`) cannot be used: {reason}; every Kubernetes component would refuse to read it, so \
         have it issued again without that"
    )]
    Refused {
        /// Its position in the file, from 1.
        position: usize,
        /// Its subject.
        subject: String,
        /// What Go refuses.
        reason: String,
    },
    /// A certificate that is not a CA's, where all must be.
    #[error(
        "certificate {position} of the file (`{subject}`, sha256:{spki}) is not a CA's: {reason}"
    )]
    NotAuthority {
        /// Its subject.
        subject: String,
        /// Its position in the file, from 1.
        position: usize,
        /// The digest of its public key.
        spki: Sha256Digest,
        /// What it lacks.
        reason: &'static str,
    },
}

/// A certificate and the intermediates that follow it in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// DER.
    pub der: Vec<u8>,
    /// Its values.
    pub facts: CertificateFacts,
    /// The other certificates of the file, in order.
    pub intermediates: Vec<Self>,
}

/// The values of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Subject as `O = …, CN = …`.
    pub subject: String,
    /// Issuer, likewise.
    pub issuer: String,
    /// Common name of the subject, the last if there are several, as Go reads it; empty if there is none.
    pub common_name: String,
    /// Organizations of the subject: the groups of a client.
    pub organizations: Vec<String>,
    /// Subject name, DER.
    pub subject_der: Vec<u8>,
    /// Issuer name, DER.
    pub issuer_der: Vec<u8>,
    /// DNS names, in certificate order.
    pub dns_sans: Vec<String>,
    /// Addresses, in certificate order.
    pub ip_sans: Vec<IpAddr>,
    /// Extended key usages, by RFC 5280's name or as an object identifier.
    pub usages: Vec<String>,
    /// Whether BasicConstraints say CA.
    pub is_authority: bool,
    /// Whether KeyUsage allows signing certificates; true if the extension is absent.
    pub may_sign: bool,
    /// The names that certificates below it may have, if the extension limits them.
    pub name_constraints: Option<NameConstraints>,
    /// Critical extensions that Go does not know, most by object identifier: it refuses the certificate and what is below it.
    pub unknown_critical: Vec<String>,
    /// The algorithm of its signature, if Go refuses it as insecure: `MD5` or `SHA-1`.
    pub weak_signature: Option<&'static str>,
    /// The number of intermediates that may be below it, if BasicConstraints limit it.
    pub path_length: Option<u32>,
    /// Start of validity (1970 when it is earlier).
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// Key algorithm in kubeadm's words, such as `RSA-2048`.
    pub key: String,
    /// Contents of the SubjectPublicKeyInfo's BIT STRING.
    pub public_bytes: Vec<u8>,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
    /// SubjectKeyIdentifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// Whether rcgen can copy the subject into what this certificate signs: one attribute per RDN, no type twice.
    pub plain_subject: bool,
}

impl Certificate {
    /// Reads the `CERTIFICATE` blocks of a file: the first is the certificate, the others are intermediates.
    ///
    /// # Errors
    /// [`CertificateError`] if there is none, or one of them is not X.509.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let blocks = ::pem::parse_many(pem).map_err(|_| CertificateError::NoPem)?;
        let mut certificates = blocks
            .into_iter()
            .filter(|block| block.tag() == "CERTIFICATE")
            .enumerate()
            .map(|(position, block)| Self::read(block.into_contents(), position + 1));
        let mut first = certificates.next().ok_or(CertificateError::NoPem)??;
        first.intermediates = certificates.collect::<Result<_, _>>()?;
        Ok(first)
    }

    /// Reads the `CERTIFICATE` blocks of a file, all of which must be CA certificates: allowed to sign certificates, and signed by
    /// themselves if they name themselves as issuer.
    ///
    /// # Errors
    /// [`CertificateError`] if there is none, or one of them is not a CA's.
    pub fn authorities_from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let first = Self::from_pem(pem)?;
        for (position, certificate) in first.all().enumerate() {
            let facts = &certificate.facts;
            let own_issuer = facts.issuer_der == facts.subject_der;
            let reason = if !facts.is_authority {
                "it has no basic constraint CA:TRUE"
            } else if !facts.may_sign {
                "its key usage does not allow it to sign certificates"
            } else if own_issuer && !certificate.is_signed_by(certificate) {
                "it names itself as its issuer, and its key did not sign it"
            } else {
                continue;
            };
            return Err(CertificateError::NotAuthority {
                subject: facts.subject.clone(),
                position: position + 1,
                spki: facts.spki,
                reason,
            });
        }
        Ok(first)
    }

    /// The certificate and its intermediates.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.intermediates)
    }

    /// Its row in tables, under kubeadm's `name`; `signer` is the name of the certificate that signed it. The plan fills in the path.
    #[must_use]
    pub fn row(&self, name: &str, signer: &str, user_supplied: bool) -> CertificateRow {
        let facts = &self.facts;
        let addresses = facts.ip_sans.iter().map(ToString::to_string);
        CertificateRow {
            name: name.to_owned(),
            path: String::new(),
            subject: facts.subject.clone(),
            signer: signer.to_owned(),
            sans: facts.dns_sans.iter().cloned().chain(addresses).collect(),
            usages: facts.usages.clone(),
            key: facts.key.clone(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            spki: facts.spki,
            user_supplied,
        }
    }

    /// Reads one certificate; `None` if `der` is not exactly one that Go reads.
    #[must_use]
    pub fn from_der(der: Vec<u8>) -> Option<Self> {
        Self::read(der, 1).ok()
    }

    /// Reads the certificate at `position` of a file, from 1.
    fn read(der: Vec<u8>, position: usize) -> Result<Self, CertificateError> {
        let parsed = parse(&der).ok_or(CertificateError::NotX509(position))?;
        let facts = facts(&parsed).map_err(|reason| CertificateError::Refused {
            position,
            subject: name_text(parsed.subject()),
            reason,
        })?;
        Ok(Self {
            der,
            facts,
            intermediates: Vec::new(),
        })
    }

    /// The certificate and its intermediates as PEM, 64 columns, LF.
    #[must_use]
    pub fn pem(&self) -> String {
        pem_of(self.all().map(|certificate| certificate.der.as_slice()))
    }

    /// Whether `authority` signed this certificate: its subject is the issuer here, and the signature verifies.
    #[must_use]
    pub fn is_signed_by(&self, authority: &Self) -> bool {
        let verify = || {
            let own = parse(&self.der)?;
            let signer = parse(&authority.der)?;
            let signed = Signed {
                algorithm: &own.signature_algorithm,
                signature: &own.signature_value,
                content: own.tbs_certificate.as_ref(),
            };
            Some(signed.is_by(signer.public_key()))
        };
        self.facts.issuer_der == authority.facts.subject_der && verify() == Some(true)
    }

    /// The intermediates of a chain from this certificate to `authority`, from the bottom to the top; `None` if there is none. As in Go,
    /// and so in kubeadm, an intermediate CA can be the end of the chain.
    #[must_use]
    pub fn chain_to(&self, authority: &Self, rules: ChainRules) -> Option<Vec<&Self>> {
        let mut current = self;
        let mut chain = Vec::new();
        let valid = |facts: &CertificateFacts| {
            rules
                .at
                .is_none_or(|at| facts.not_before <= at && at <= facts.not_after)
        };
        // Every intermediate is used at most once, so a circle ends.
        for below in 0..=self.intermediates.len() {
            let long_enough = |facts: &CertificateFacts| {
                let length = facts.path_length.filter(|_| rules.lengths);
                length.is_none_or(|length| u32::try_from(below).is_ok_and(|below| below <= length))
            };
            if current.is_signed_by(authority) && long_enough(&authority.facts) {
                return Some(chain);
            }
            let signer = self.intermediates.iter().find(|candidate| {
                let facts = &candidate.facts;
                facts.is_authority
                    && facts.may_sign
                    && valid(facts)
                    && long_enough(facts)
                    && current.is_signed_by(candidate)
            });
            current = signer?;
            chain.push(current);
        }
        None
    }
}

/// Which chains count.
#[derive(Clone, Copy, Debug)]
pub struct ChainRules {
    /// Only those whose intermediates are valid at this instant, if one is given.
    pub at: Option<Timestamp>,
    /// Only those that are no longer than their CAs allow.
    pub lengths: bool,
}

impl ChainRules {
    /// Every rule, at this instant.
    #[must_use]
    pub const fn at(at: Timestamp) -> Self {
        Self {
            at: Some(at),
            lengths: true,
        }
    }

    /// Every rule but those of time.
    #[must_use]
    pub const fn at_any_time() -> Self {
        Self {
            at: None,
            lengths: true,
        }
    }
}

/// Certificates in DER as PEM, one after the other, 64 columns, LF.
pub(crate) fn pem_of<'a>(certificates: impl Iterator<Item = &'a [u8]>) -> String {
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    certificates
        .map(|der| ::pem::encode_config(&::pem::Pem::new("CERTIFICATE", der), config))
        .collect()
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        _ => None,
    }
}

/// The values of a certificate; the error says what Go refuses.
fn facts(certificate: &X509Certificate<'_>) -> Result<CertificateFacts, String> {
    if let Some(reason) = go_rules::refused(certificate) {
        return Err(reason);
    }
    let mut facts = CertificateFacts {
        subject: name_text(certificate.subject()),
        issuer: name_text(certificate.issuer()),
        common_name: texts(certificate.subject().iter_common_name())
            .pop()
            .unwrap_or_default(),
        organizations: texts(certificate.subject().iter_organization()),
        subject_der: certificate.subject().as_raw().to_vec(),
        issuer_der: certificate.issuer().as_raw().to_vec(),
        dns_sans: Vec::new(),
        ip_sans: Vec::new(),
        usages: Vec::new(),
        is_authority: false,
        may_sign: true,
        name_constraints: None,
        unknown_critical: Vec::new(),
        weak_signature: weak_signature(certificate),
        path_length: None,
        not_before: instant(certificate.validity().not_before.timestamp()),
        not_after: instant(certificate.validity().not_after.timestamp()),
        key: key_text(certificate),
        public_bytes: certificate.public_key().subject_public_key.data.to_vec(),
        spki: Sha256Digest::of(certificate.public_key().raw),
        subject_key_id: None,
        plain_subject: plain_subject(certificate),
    };
    for extension in certificate.extensions() {
        let id = extension.oid.to_id_string();
        if extension.critical && !KNOWN_TO_GO.contains(&id.as_str()) {
            facts.unknown_critical.push(id);
        }
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(basic) => {
                facts.is_authority = basic.ca;
                facts.path_length = basic.path_len_constraint;
            }
            ParsedExtension::NameConstraints(parsed) => {
                let constraints = NameConstraints::of(parsed)?;
                if extension.critical && constraints.other_kinds {
                    let what = "nameConstraints for other names than DNS, IP, mail and URI";
                    facts.unknown_critical.push(what.to_owned());
                }
                facts.name_constraints = Some(constraints);
            }
            ParsedExtension::KeyUsage(usage) => facts.may_sign = usage.key_cert_sign(),
            ParsedExtension::SubjectKeyIdentifier(id) => {
                facts.subject_key_id = Some(id.0.to_vec());
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let known = [
                    (usage.server_auth, "serverAuth"),
                    (usage.client_auth, "clientAuth"),
                    (usage.any, "anyExtendedKeyUsage"),
                    (usage.code_signing, "codeSigning"),
                    (usage.email_protection, "emailProtection"),
                    (usage.time_stamping, "timeStamping"),
                    (usage.ocsp_signing, "OCSPSigning"),
                ];
                facts.usages = known
                    .into_iter()
                    .filter(|(present, _)| *present)
                    .map(|(_, name)| name.to_owned())
                    .chain(usage.other.iter().map(ToString::to_string))
                    .collect();
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                for name in &names.general_names {
                    match name {
                        GeneralName::DNSName(name) => facts.dns_sans.push((*name).to_owned()),
                        GeneralName::IPAddress(bytes) => facts.ip_sans.extend(address(bytes)),
                        _ => {}
                    }
                }
                let read = |name: &GeneralName<'_>| {
                    matches!(
                        name,
                        GeneralName::DNSName(_)
                            | GeneralName::IPAddress(_)
                            | GeneralName::RFC822Name(_)
                            | GeneralName::URI(_)
                    )
                };
                if extension.critical && !names.general_names.iter().any(read) {
                    let what = "subjectAltName without a name of DNS, IP, mail or URI";
                    facts.unknown_critical.push(what.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(facts)
}

/// Extensions that Go reads (crypto/x509, parser.go): those of RFC 5280 for certificates.
const KNOWN_TO_GO: [&str; 12] = [
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.31",
    "2.5.29.32",
    "2.5.29.33",
    "2.5.29.35",
    "2.5.29.36",
    "2.5.29.37",
    "2.5.29.54",
];

/// The algorithm of the signature, if Go refuses it as insecure (crypto/x509, checkSignature).
fn weak_signature(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    match certificate
        .signature_algorithm
        .algorithm
        .to_id_string()
        .as_str()
    {
        "1.2.840.113549.1.1.4" => Some("MD5"),
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => Some("SHA-1"),
        _ => None,
    }
}

fn instant(seconds: i64) -> Timestamp {
    let seconds = seconds.clamp(0, Timestamp::MAX.unix_seconds());
    Timestamp::from_unix_seconds(seconds).unwrap_or(Timestamp::MAX)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn texts<'a>(attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Vec<String> {
    attributes
        .filter_map(|attribute| attribute.as_str().ok().map(str::to_owned))
        .collect()
}

fn name_text(name: &X509Name<'_>) -> String {
    let attributes = name.iter_attributes().map(|attribute| {
        let kind = match attribute.attr_type().to_id_string().as_str() {
            "2.5.4.3" => "CN".to_owned(),
            "2.5.4.6" => "C".to_owned(),
            "2.5.4.7" => "L".to_owned(),
            "2.5.4.8" => "ST".to_owned(),
            "2.5.4.10" => "O".to_owned(),
            "2.5.4.11" => "OU".to_owned(),
            other => other.to_owned(),
        };
        format!("{kind} = {}", attribute.as_str().unwrap_or("?"))
    });
    attributes.collect::<Vec<_>>().join(", ")
}

/// rcgen keeps a name as a map by attribute type and panics on an empty RDN, so only plain names may reach it.
fn plain_subject(certificate: &X509Certificate<'_>) -> bool {
    let mut seen = BTreeSet::new();
    certificate.subject().iter_rdn().all(|rdn| {
        let mut attributes = rdn.iter();
        match (attributes.next(), attributes.next()) {
            (Some(attribute), None) => seen.insert(attribute.attr_type().to_id_string()),
            _ => false,
        }
    })
}

fn key_text(certificate: &X509Certificate<'_>) -> String {
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            format!("RSA-{}", KeyKind::bits(rsa.modulus).unwrap_or_default())
        }
        // A point of P-521 has two coordinates of 66 bytes.
        Ok(PublicKey::EC(point)) => format!("ECDSA-P{}", point.key_size().min(521)),
        _ => key.algorithm.algorithm.to_id_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &[u8] = include_bytes!("../../../fixtures/go-x509/rsa-ca.der");
    const LEAF: &[u8] = include_bytes!("../../../fixtures/go-x509/rsa-leaf.der");
    const EC_CA: &[u8] = include_bytes!("../../../fixtures/go-x509/p384-ca.der");

    fn read(der: &[u8]) -> Certificate {
        Certificate::from_der(der.to_vec()).unwrap()
    }

    #[test]
    fn what_a_certificate_says_is_read() {
        let leaf = read(LEAF).facts;
        assert_eq!(leaf.subject, "O = system:nodes, CN = system:node:cp1");
        assert_eq!(leaf.common_name, "system:node:cp1");
        assert_eq!(leaf.organizations, ["system:nodes"]);
        assert_eq!(leaf.dns_sans, ["*.k8s.example.com", "cp1", "kubernetes"]);
        let addresses: Vec<_> = leaf.ip_sans.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["10.96.0.1", "::1"]);
        assert_eq!(leaf.usages, ["serverAuth", "clientAuth"]);
        assert!(!leaf.is_authority && !leaf.may_sign && leaf.subject_key_id.is_none());
        assert_eq!(leaf.not_after.to_string(), "2027-11-20T10:23:25Z");
        assert_eq!(leaf.key, "RSA-2048");
        let ca = read(EC_CA).facts;
        assert!(ca.is_authority && ca.may_sign && ca.plain_subject);
        assert_eq!(ca.key, "ECDSA-P384");
        assert_eq!(ca.not_after.to_string(), "2061-01-02T03:04:05Z");
    }

    #[test]
    fn a_signature_holds_for_its_own_authority_only() {
        assert!(read(LEAF).is_signed_by(&read(CA)));
        assert!(
            read(LEAF)
                .chain_to(&read(CA), ChainRules::at_any_time())
                .is_some()
        );
        // Same name, another key.
        assert_eq!(read(CA).facts.subject_der, read(EC_CA).facts.subject_der);
        assert!(!read(LEAF).is_signed_by(&read(EC_CA)));
        assert!(
            read(LEAF)
                .chain_to(&read(EC_CA), ChainRules::at_any_time())
                .is_none()
        );
    }

    #[test]
    fn a_chain_is_no_longer_than_its_cas_allow() {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
        let params = |name: &str, constraint: Option<BasicConstraints>| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = constraint.map_or(IsCa::NoCa, IsCa::Ca);
            params
        };
        for (constraint, allowed) in [
            (BasicConstraints::Constrained(0), false),
            (BasicConstraints::Constrained(1), true),
            (BasicConstraints::Unconstrained, true),
        ] {
            let keys = [(); 3].map(|()| KeyPair::generate().unwrap());
            let [root_key, middle_key, leaf_key] = keys;
            let root_params = params("root", Some(constraint));
            let root = root_params.self_signed(&root_key).unwrap();
            let root_issuer = Issuer::new(root_params, root_key);
            let middle_params = params("middle", Some(BasicConstraints::Constrained(0)));
            let middle = middle_params.signed_by(&middle_key, &root_issuer).unwrap();
            let middle_issuer = Issuer::new(middle_params, middle_key);
            let leaf = params("leaf", None).signed_by(&leaf_key, &middle_issuer);
            let mut leaf = read(leaf.unwrap().der());
            leaf.intermediates = vec![read(middle.der())];
            assert_eq!(
                leaf.chain_to(&read(root.der()), ChainRules::at_any_time())
                    .is_some(),
                allowed
            );
            // An intermediate can be the end of a chain itself.
            assert!(
                leaf.chain_to(&read(middle.der()), ChainRules::at_any_time())
                    .is_some()
            );
        }
    }

    #[test]
    fn files_with_several_certificates_keep_their_order() {
        let mut leaf = read(LEAF);
        leaf.intermediates = vec![read(EC_CA), read(CA)];
        let again = Certificate::from_pem(leaf.pem().replace('\n', "\r\n").as_bytes()).unwrap();
        assert_eq!(again, leaf);
        assert!(!leaf.pem().contains('\r'));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert_eq!(
            Certificate::from_pem(b"").unwrap_err(),
            CertificateError::NoPem
        );
        let pem = read(CA).pem();
        assert!(Certificate::from_pem(pem.as_bytes()).is_ok());
        let broken = pem.replacen("MII", "MIJ", 1);
        assert_eq!(
            Certificate::from_pem(broken.as_bytes()).unwrap_err(),
            CertificateError::NotX509(1)
        );
        let mut trailing = CA.to_vec();
        trailing.push(0);
        assert!(Certificate::from_der(trailing).is_none());
        // No cut and no flipped byte may panic.
        for end in 0..CA.len() {
            assert!(Certificate::from_der(CA[..end].to_vec()).is_none());
            let mut flipped = CA.to_vec();
            flipped[end] ^= 0x21;
            let _ = Certificate::from_der(flipped);
        }
    }
}

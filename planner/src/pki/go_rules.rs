//! What Go's X.509 parser refuses in a certificate that is valid DER.
//!
//! In: a certificate as parsed. Out: what Go would refuse, in words that name the part. Every Kubernetes component is written in Go, so none
//! of them could read such a certificate. Rules of SubjectAltName's URIs, policies and CRL distribution points are left to Go.
//! Source: Go 1.26, crypto/x509, parser.go (parseCertificate, processExtensions).

use std::collections::BTreeSet;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};

/// Extensions that Go refuses if they are critical.
const NEVER_CRITICAL: [(&str, &str); 3] = [
    ("2.5.29.14", "subjectKeyIdentifier"),
    ("2.5.29.35", "authorityKeyIdentifier"),
    ("1.3.6.1.5.5.7.1.1", "authorityInfoAccess"),
];

/// The first thing in `certificate` that Go refuses, apart from name constraints.
pub(super) fn refused(certificate: &X509Certificate<'_>) -> Option<String> {
    let serial = certificate.raw_serial();
    if serial.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Some("its serial number is negative".to_owned());
    }
    let inner = &certificate.tbs_certificate.signature;
    if *inner != certificate.signature_algorithm {
        let why = "it names one signature algorithm inside and another outside";
        return Some(why.to_owned());
    }
    let mut seen = BTreeSet::new();
    for extension in certificate.extensions() {
        let id = extension.oid.to_id_string();
        if let Some((_, name)) = NEVER_CRITICAL.iter().find(|(known, _)| *known == id)
            && extension.critical
        {
            return Some(format!("its {name} is critical, which it must not be"));
        }
        if let ParsedExtension::ParseError { .. } = extension.parsed_extension() {
            return Some(format!("its extension {id} is damaged"));
        }
        if let ParsedExtension::SubjectAlternativeName(names) = extension.parsed_extension() {
            let wrong = names.general_names.iter().find_map(|name| match name {
                GeneralName::IPAddress(bytes) if !matches!(bytes.len(), 4 | 16) => {
                    Some(bytes.len())
                }
                _ => None,
            });
            if let Some(length) = wrong {
                return Some(format!(
                    "its subjectAltName has an address of {length} bytes instead of 4 or 16"
                ));
            }
        }
        if !seen.insert(id.clone()) {
            return Some(format!("it has the extension {id} twice"));
        }
    }
    None
}

/// Whether Go reads `name` as a constraint of DNS names or of hosts in URIs and mail addresses.
pub(super) fn is_domain_constraint(name: &str) -> bool {
    let labels = name.strip_prefix('.').unwrap_or(name);
    name.is_empty()
        || labels
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|byte| (33..=126).contains(&byte)))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, KeyPair};

    use super::super::certificate::{Certificate, CertificateError};
    use super::*;

    /// A CA certificate with one more extension: its identifier, whether it is critical, its contents.
    fn with(id: &[u64], critical: bool, contents: &[u8]) -> String {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let mut extension = CustomExtension::from_oid_content(id, contents.to_vec());
        extension.set_criticality(critical);
        params.custom_extensions.push(extension);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    /// Permitted subtrees with one name of this tag.
    fn constraint(tag: u8, name: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, inner: &[u8]| {
            let length = u8::try_from(inner.len()).unwrap();
            [&[tag, length], inner].concat()
        };
        wrap(0x30, &wrap(0xa0, &wrap(0x30, &wrap(tag, name))))
    }

    #[test]
    fn what_go_cannot_read_is_named() {
        let constraints: &[u64] = &[2, 5, 29, 30];
        for (id, critical, contents, reason) in [
            (constraints, false, constraint(0x82, b"example.com"), ""),
            (constraints, false, constraint(0x82, b".example.com"), ""),
            (constraints, false, constraint(0x81, b"a@example.com"), ""),
            (
                constraints,
                false,
                constraint(0x87, &[10, 0, 0, 0, 255, 0, 0, 0]),
                "",
            ),
            (
                constraints,
                false,
                constraint(0x87, &[10, 0, 0, 0, 255, 0, 255, 0]),
                "its nameConstraints have the address 10.0.0.0 with the mask 255.0.255.0, whose ones do not all come before its zeros",
            ),
            (
                constraints,
                true,
                constraint(0x87, &[10, 0, 0, 0]),
                "its nameConstraints have an address with its mask in 4 bytes instead of 8 or 32",
            ),
            (
                constraints,
                true,
                constraint(0x82, b"example.com."),
                "its nameConstraints have the DNS name `example.com.`, which is not a valid domain",
            ),
            (
                constraints,
                true,
                constraint(0x81, b"a..b"),
                "its nameConstraints have the mail host `a..b`, which is not a valid domain",
            ),
            (
                constraints,
                true,
                constraint(0x86, b"10.0.0.1"),
                "its nameConstraints have the address `10.0.0.1` as a host of URIs",
            ),
            (
                constraints,
                true,
                vec![0x30, 0],
                "its nameConstraints are empty",
            ),
            (
                constraints,
                true,
                vec![0x04, 0],
                "its extension 2.5.29.30 is damaged",
            ),
            (
                &[2, 5, 29, 37],
                true,
                vec![0x04, 0],
                "its extension 2.5.29.37 is damaged",
            ),
            (
                &[1, 3, 6, 1, 5, 5, 7, 1, 1],
                true,
                vec![0x30, 0],
                "its authorityInfoAccess is critical, which it must not be",
            ),
            (
                &[2, 5, 29, 17],
                false,
                vec![0x30, 5, 0x87, 3, 1, 2, 3],
                "its subjectAltName has an address of 3 bytes instead of 4 or 16",
            ),
            (
                &[2, 5, 29, 19],
                true,
                vec![0x30, 0],
                "it has the extension 2.5.29.19 twice",
            ),
            (&[1, 2, 3], true, vec![5, 0], ""),
        ] {
            let read = Certificate::from_pem(with(id, critical, &contents).as_bytes());
            match (read, reason) {
                (Ok(_), "") => {}
                (
                    Err(CertificateError::Refused {
                        position: 1,
                        reason: found,
                        ..
                    }),
                    reason,
                ) => {
                    assert_eq!(found, reason, "{contents:?}");
                }
                (other, reason) => panic!("{reason:?} {contents:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_domain_of_a_constraint_has_no_empty_label() {
        for name in ["", "a", ".a", "a.b", ".a.b", "*.a"] {
            assert!(is_domain_constraint(name), "{name}");
        }
        for name in [".", "a.", "..a", "a..b", "a b"] {
            assert!(!is_domain_constraint(name), "{name}");
        }
    }
}

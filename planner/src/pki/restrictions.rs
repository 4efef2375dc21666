//! What a CA excludes of the certificates below it: by name constraints and extended key usages, or all of them by a critical extension.
//!
//! In: a CA certificate, and the names and usages of a leaf. Out: every [`Restriction`] that excludes something of the leaf. The programs
//! of a cluster are written in Go, and Go applies these to every CA of a chain, the root included. kubeadm does not check them, so
//! the clients of a certificate would refuse it on the host.
//! Source: Go 1.26, crypto/x509, verify.go (isValid, checkChainForKeyUsage), parser.go (processExtensions).

use std::net::IpAddr;

use super::PkiError;
use super::certificate::{Certificate, CertificateFacts};
use super::profile::CertificateProfile;

/// A part of a CA certificate that excludes something of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Restriction {
    /// The part.
    pub(super) field: &'static str,
    /// What it says.
    pub(super) says: String,
    /// What it excludes.
    pub(super) excludes: String,
}

/// What `ca` excludes of a leaf with these names and usages.
pub(super) fn restrictions(
    ca: &CertificateFacts,
    dns: &[String],
    addresses: &[IpAddr],
    usages: &[&str],
) -> Vec<Restriction> {
    let mut found = Vec::new();
    if let Some(constraints) = &ca.name_constraints {
        let dns = dns.iter().filter(|name| !constraints.allows_dns(name));
        let addresses = addresses
            .iter()
            .filter(|address| !constraints.allows_ip(**address));
        let names: Vec<String> = dns
            .map(|name| format!("DNS:{name}"))
            .chain(addresses.map(|address| format!("IP:{address}")))
            .collect();
        if !names.is_empty() {
            found.push(Restriction {
                field: "nameConstraints",
                says: constraints.text(),
                excludes: names.join(", "),
            });
        }
    }
    let allowed = |usage: &&&str| {
        ca.usages
            .iter()
            .any(|known| known == **usage || known == "anyExtendedKeyUsage")
    };
    if !ca.usages.is_empty() {
        let missing: Vec<&str> = usages
            .iter()
            .filter(|usage| !allowed(usage))
            .copied()
            .collect();
        if !missing.is_empty() {
            found.push(Restriction {
                field: "extendedKeyUsage",
                says: ca.usages.join(", "),
                excludes: missing.join(", "),
            });
        }
    }
    found
}

/// Adds what `authority` excludes of the certificate at `file` to `refused`: to the error about the same restriction, if there is one.
/// A critical extension excludes every certificate, so it is added once.
pub(super) fn refuse(
    refused: &mut Vec<PkiError>,
    authority: &Certificate,
    profile: &CertificateProfile,
    file: &str,
) {
    let usages: Vec<&str> = profile.usages.iter().map(|usage| usage.as_str()).collect();
    let found = restrictions(
        &authority.facts,
        &profile.dns_sans,
        &profile.ip_sans,
        &usages,
    );
    let ca = format!("{}.crt", profile.signer_base_name);
    let unknown = &authority.facts.unknown_critical;
    if !unknown.is_empty() {
        let error = PkiError::UnknownCritical {
            authority: ca.clone(),
            subject: authority.facts.subject.clone(),
            extensions: unknown.join(", "),
        };
        let said = |known: &PkiError| known.to_string() == error.to_string();
        if !refused.iter().any(said) {
            refused.push(error);
        }
    }
    for restriction in found {
        let needs = format!("`{file}` needs {}", restriction.excludes);
        let known = refused.iter_mut().find_map(|error| match error {
            PkiError::Restricted {
                authority,
                field,
                excluded,
                ..
            } if *authority == ca && *field == restriction.field => Some(excluded),
            _ => None,
        });
        match known {
            Some(excluded) => excluded.push(needs),
            None => refused.push(PkiError::Restricted {
                authority: ca.clone(),
                subject: authority.facts.subject.clone(),
                field: restriction.field,
                says: restriction.says,
                excluded: vec![needs],
            }),
        }
    }
}

//! Whether a leaf the user supplied fits its profile.
//!
//! In: the profile, the certificate, the CA, the clock. Out: the first thing that does not fit. Nothing here
//! is ever repaired: the certificate is the user's.

use kubeplan_bundle::timestamp::Timestamp;

use super::certificate::Certificate;
use super::profile::{CertificateKind, CertificateProfile, san_texts};

/// What of a user's leaf does not fit: field, found, expected. As kubeadm, the names of subjects are free,
/// except those that Kubernetes' own RBAC rules bind (`system:…`).
pub(super) fn misfit(
    profile: &CertificateProfile,
    certificate: &Certificate,
    signer: Option<&Certificate>,
    now: Timestamp,
) -> Option<(&'static str, String, String)> {
    let facts = &certificate.facts;
    if !signer.is_some_and(|signer| certificate.chains_to(signer)) {
        let expected = match signer {
            Some(signer) => format!(
                "a signature by the CA `{}` ({})",
                profile.signer, signer.facts.subject
            ),
            None => format!("the CA `{}` beside it in the key store", profile.signer),
        };
        return Some(("signer", facts.issuer.clone(), expected));
    }
    if facts.not_before > now {
        return Some((
            "notBefore",
            facts.not_before.to_string(),
            format!("{now} or earlier"),
        ));
    }
    if facts.not_after < now {
        return Some((
            "notAfter",
            facts.not_after.to_string(),
            format!("{now} or later"),
        ));
    }
    // An absent extension allows every usage (RFC 5280, 4.2.1.12).
    let allowed = |usage: &str| {
        facts.usages.is_empty()
            || facts
                .usages
                .iter()
                .any(|u| u == usage || u == "anyExtendedKeyUsage")
    };
    if let Some(missing) = profile.usages.iter().find(|usage| !allowed(usage.as_str())) {
        return Some((
            "extendedKeyUsage",
            facts.usages.join(", "),
            missing.as_str().to_owned(),
        ));
    }
    let sans = || san_texts(&facts.dns_sans, &facts.ip_sans).join(", ");
    if let Some(name) = profile
        .dns_sans
        .iter()
        .find(|name| !covers(&facts.dns_sans, name))
    {
        return Some(("subjectAltName", sans(), format!("DNS:{name} among them")));
    }
    if let Some(address) = profile
        .ip_sans
        .iter()
        .find(|ip| !facts.ip_sans.contains(ip))
    {
        return Some(("subjectAltName", sans(), format!("IP:{address} among them")));
    }
    let bound = profile.kind == CertificateKind::KubeconfigClient
        && profile.common_name.starts_with("system:");
    (bound && facts.subject != profile.subject())
        .then(|| ("subject", facts.subject.clone(), profile.subject()))
}

/// Whether one of `names` is `name`, letter case aside, or a wildcard for it.
fn covers(names: &[String], name: &str) -> bool {
    names.iter().any(|candidate| {
        let wildcard = candidate
            .strip_prefix("*.")
            .zip(name.split_once('.'))
            .is_some_and(|(domain, (_, rest))| domain.eq_ignore_ascii_case(rest));
        candidate.eq_ignore_ascii_case(name) || wildcard
    })
}

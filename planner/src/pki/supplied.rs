//! Compares a leaf that the user supplies with its profile.
//!
//! In: the profile, the certificate, the CA, the clock. Out: everything that does not fit. Nothing here
//! is ever repaired: the certificate is the user's.

use kubeplan_bundle::timestamp::Timestamp;

use super::certificate::{Certificate, CertificateFacts, ChainRules};
use super::profile::{CertificateProfile, san_texts};
use super::restrictions::restrictions;
use crate::config::ValidConfig;

/// One thing in which a certificate does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Which part of the certificate.
    pub field: &'static str,
    /// What it says.
    pub found: String,
    /// What it should say.
    pub expected: String,
}

impl Misfit {
    fn new(field: &'static str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            field,
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Everything of a leaf that does not fit. Subjects are free as far as nothing in the cluster goes by them ([`identity`]).
pub(super) fn misfits(
    config: &ValidConfig,
    profile: &CertificateProfile,
    certificate: &Certificate,
    signer: Option<&Certificate>,
    now: Timestamp,
) -> Vec<Misfit> {
    let facts = &certificate.facts;
    let mut found = Vec::new();
    found.extend(chain(profile, certificate, signer, now));
    if facts.not_before > now {
        let expected = format!("{now} or earlier");
        found.push(Misfit::new(
            "notBefore",
            facts.not_before.to_string(),
            expected,
        ));
    }
    // What ends sooner could be planned, but no host would install it (`applyBefore` of the bundle).
    let needed = now.saturating_add(config.credentials.min_remaining);
    let expected = if facts.not_after < now {
        Some(format!("{now} or later"))
    } else if facts.not_after < needed {
        Some(format!(
            "{needed} or later (Cluster.credentials.minRemaining)"
        ))
    } else {
        None
    };
    found.extend(
        expected.map(|expected| Misfit::new("notAfter", facts.not_after.to_string(), expected)),
    );
    found.extend(
        signer
            .into_iter()
            .flat_map(|signer| excluded(profile, certificate, signer, now)),
    );
    found.extend(weak(certificate));
    found.extend(usages(profile, facts));
    found.extend(names(profile, facts));
    found.extend(identity(config, profile, facts));
    found
}

/// The chain to the CA, which is the first certificate of its file.
fn chain(
    profile: &CertificateProfile,
    certificate: &Certificate,
    signer: Option<&Certificate>,
    now: Timestamp,
) -> Option<Misfit> {
    let issuer = certificate.facts.issuer.clone();
    let Some(signer) = signer else {
        let expected = format!("the CA `{}` beside it in the key store", profile.signer);
        return Some(Misfit::new("signer", issuer, expected));
    };
    if certificate.chain_to(signer, ChainRules::at(now)).is_some() {
        return None;
    }
    let too_long = ChainRules {
        lengths: false,
        ..ChainRules::at(now)
    };
    if let Some(chain) = certificate.chain_to(signer, too_long) {
        let limit = std::iter::once(signer).chain(chain.iter().copied());
        let limits = limit.filter_map(|ca| {
            let length = ca.facts.path_length?;
            Some(format!("{length} below {}", ca.facts.subject))
        });
        let expected = format!("at most {}", limits.collect::<Vec<_>>().join(", "));
        let found = format!("{} intermediates", chain.len());
        return Some(Misfit::new("pathLenConstraint", found, expected));
    }
    if certificate
        .chain_to(signer, ChainRules::at_any_time())
        .is_some()
    {
        let outside = |c: &&Certificate| c.facts.not_before > now || c.facts.not_after < now;
        let found = certificate.intermediates.iter().find(outside).map(|c| {
            format!(
                "{} to {} ({})",
                c.facts.not_before, c.facts.not_after, c.facts.subject
            )
        });
        let expected = format!("{now} among them");
        return Some(Misfit::new(
            "validity of an intermediate",
            found.unwrap_or_default(),
            expected,
        ));
    }
    let first = if signer.intermediates.is_empty() {
        ""
    } else {
        ", the first in its file"
    };
    let expected = format!(
        "a signature by the CA `{}` ({}{first})",
        profile.signer, signer.facts.subject
    );
    Some(Misfit::new("signer", issuer, expected))
}

/// What the intermediates exclude, and what the CA excludes of names that the profile does not have. What the CA excludes of the profile is
/// an error of its own, for all leaves ([`super::restrictions::refuse`]).
fn excluded(
    profile: &CertificateProfile,
    certificate: &Certificate,
    signer: &Certificate,
    now: Timestamp,
) -> Vec<Misfit> {
    let facts = &certificate.facts;
    let names = facts.dns_sans.iter();
    let more: Vec<String> = names
        .filter(|name| !profile.dns_sans.contains(name))
        .cloned()
        .collect();
    let addresses = facts.ip_sans.iter();
    let more_addresses: Vec<_> = addresses
        .filter(|address| !profile.ip_sans.contains(address))
        .copied()
        .collect();
    let usages: Vec<&str> = profile.usages.iter().map(|usage| usage.as_str()).collect();
    let chain = certificate.chain_to(signer, ChainRules::at(now));
    let intermediates = chain.into_iter().flatten();
    let unknown = intermediates.clone().filter_map(unknown_critical);
    let intermediates = intermediates.map(|ca| {
        let found = restrictions(&ca.facts, &facts.dns_sans, &facts.ip_sans, &usages);
        (ca, found)
    });
    let of_signer = restrictions(&signer.facts, &more, &more_addresses, &[]);
    intermediates
        .chain([(signer, of_signer)])
        .flat_map(|(ca, found)| {
            found.into_iter().map(|restriction| {
                let expected = format!(
                    "what {} allows: its {} are {}",
                    ca.facts.subject, restriction.field, restriction.says
                );
                Misfit::new(restriction.field, restriction.excludes, expected)
            })
        })
        .chain(unknown)
        .collect()
}

/// Critical extensions that Go does not know.
fn unknown_critical(certificate: &Certificate) -> Option<Misfit> {
    let facts = &certificate.facts;
    let found = format!("{} ({})", facts.unknown_critical.join(", "), facts.subject);
    let expected = "none that Go does not know";
    (!facts.unknown_critical.is_empty())
        .then(|| Misfit::new("critical extensions", found, expected))
}

/// Signatures of the leaf and its intermediates, and extensions of the leaf, that Go refuses.
fn weak(certificate: &Certificate) -> Vec<Misfit> {
    let weak = certificate.all().filter_map(|certificate| {
        let found = certificate.facts.weak_signature?;
        let found = format!("{found} ({})", certificate.facts.subject);
        Some(Misfit::new(
            "signatureAlgorithm",
            found,
            "SHA-256 or better",
        ))
    });
    weak.chain(unknown_critical(certificate)).collect()
}

fn usages(profile: &CertificateProfile, facts: &CertificateFacts) -> Option<Misfit> {
    // An absent extension allows every usage (RFC 5280, 4.2.1.12).
    let allowed = |usage: &str| {
        facts.usages.is_empty()
            || facts
                .usages
                .iter()
                .any(|u| u == usage || u == "anyExtendedKeyUsage")
    };
    let missing: Vec<&str> = profile
        .usages
        .iter()
        .map(|usage| usage.as_str())
        .filter(|usage| !allowed(usage))
        .collect();
    (!missing.is_empty()).then(|| {
        Misfit::new(
            "extendedKeyUsage",
            facts.usages.join(", "),
            missing.join(", "),
        )
    })
}

fn names(profile: &CertificateProfile, facts: &CertificateFacts) -> Option<Misfit> {
    let names = profile.dns_sans.iter();
    let names: Vec<String> = names
        .filter(|name| !covers(&facts.dns_sans, name))
        .cloned()
        .collect();
    let addresses = profile.ip_sans.iter();
    let addresses: Vec<_> = addresses
        .filter(|ip| !facts.ip_sans.contains(ip))
        .copied()
        .collect();
    let missing = san_texts(&names, &addresses).join(", ");
    (!missing.is_empty()).then(|| {
        let found = san_texts(&facts.dns_sans, &facts.ip_sans).join(", ");
        Misfit::new("subjectAltName", found, format!("{missing} among them"))
    })
}

/// Which parts of a client's subject the cluster goes by, by kubeadm's name. For the rest kubeadm's names are a habit.
const IDENTITIES: &[(&str, Identity)] = &[
    // Kubernetes' own RBAC rules and the Node authorizer.
    ("kubelet.conf", Identity::NameAndGroup),
    ("controller-manager.conf", Identity::NameAndGroup),
    ("scheduler.conf", Identity::NameAndGroup),
    // RBAC rules kubeadm adds (kubeadm v1.36.2, phases/kubeconfig, phases/bootstraptoken/node).
    ("admin.conf", Identity::Group),
    ("super-admin.conf", Identity::Group),
    ("apiserver-kubelet-client", Identity::NameOrMasters),
    // `--requestheader-allowed-names` of kube-apiserver.
    (FRONT_PROXY_CLIENT, Identity::Name),
];

const FRONT_PROXY_CLIENT: &str = "front-proxy-client";
const ALLOWED_NAMES: &str = "requestheader-allowed-names";

/// The group that may do everything, whatever RBAC says.
const MASTERS: &str = "system:masters";

#[derive(Clone, Copy)]
enum Identity {
    /// The common name.
    Name,
    /// The organization, or [`MASTERS`].
    Group,
    /// Both.
    NameAndGroup,
    /// Both, or [`MASTERS`], which kubeadm gave this client before 1.29.
    NameOrMasters,
}

/// Who a client has to be. More organizations, and other attributes, do no harm.
fn identity(
    config: &ValidConfig,
    profile: &CertificateProfile,
    facts: &CertificateFacts,
) -> Option<Misfit> {
    let (_, identity) = IDENTITIES.iter().find(|(name, _)| *name == profile.name)?;
    let has = |group: &str| facts.organizations.iter().any(|found| found == group);
    let name = facts.common_name == profile.common_name;
    let group = profile.organization.as_deref().is_none_or(has);
    let fits = match identity {
        Identity::Name => {
            let arguments = &config.cluster.api_server.extra_args;
            name || arguments.iter().any(|arg| arg.name == ALLOWED_NAMES)
        }
        Identity::Group => group || has(MASTERS),
        Identity::NameAndGroup => name && group,
        Identity::NameOrMasters => (name && group) || has(MASTERS),
    };
    let expected = match (identity, &profile.organization) {
        (Identity::Group, Some(organization)) => format!("O = {organization}"),
        _ => profile.subject(),
    };
    (!fits).then(|| Misfit::new("subject", facts.subject.clone(), expected))
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

//! What a certificate says, apart from key, dates and serial number.
//!
//! In: rows of [`super::certlist`]. Out: [`CertificateProfile`], its text form for `pki.txt` and goldens,
//! and [`ProfileRecord`], the form in which the key store remembers what was issued.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::KeyAlgorithm;
use crate::kubeadm::releases::KeyIdHash;

/// What a certificate is for; decides where it is kept and when it starts to be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// A CA, shared by all nodes.
    Authority,
    /// A file in kubeadm's `certificatesDir`; one per node.
    Leaf,
    /// The client certificate inside a kubeconfig file; one per node.
    KubeconfigClient,
}

/// Extended key usages that kubeadm asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedKeyUsage {
    /// TLS server, `id-kp-serverAuth`.
    ServerAuth,
    /// TLS client, `id-kp-clientAuth`.
    ClientAuth,
}

impl ExtendedKeyUsage {
    /// RFC 5280's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
        }
    }

    /// The object identifier's components (RFC 5280, 4.2.1.12).
    #[must_use]
    pub const fn oid(self) -> &'static [u64] {
        match self {
            Self::ServerAuth => &[1, 3, 6, 1, 5, 5, 7, 3, 1],
            Self::ClientAuth => &[1, 3, 6, 1, 5, 5, 7, 3, 2],
        }
    }
}

/// Everything that a certificate says apart from key, dates and serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateProfile {
    /// kubeadm's phase name (`etcd-server`), or the kubeconfig file's name (`admin.conf`).
    pub name: &'static str,
    /// File name without extension below `certificatesDir` (`etcd/server`); for a kubeconfig its file name.
    pub base_name: &'static str,
    /// What it is for.
    pub kind: CertificateKind,
    /// Subject CN.
    pub common_name: String,
    /// Subject O.
    pub organization: Option<String>,
    /// Extended key usages, in certificate order; empty for a CA.
    pub usages: &'static [ExtendedKeyUsage],
    /// Name of the profile that signs this one; its own for a CA.
    pub signer: &'static str,
    /// The signer's `base_name`.
    pub signer_base_name: &'static str,
    /// Common name of the signer, if the planner issues it.
    pub issuer_common_name: String,
    /// DNS names, each once, sorted bytewise.
    pub dns_sans: Vec<String>,
    /// Addresses, each once, in order of configuration.
    pub ip_sans: Vec<IpAddr>,
    /// The key's algorithm.
    pub key_algorithm: KeyAlgorithm,
    /// How a CA's key identifier is computed. Not recorded: the identifiers of an existing CA do not change.
    pub subject_key_id: KeyIdHash,
    /// From the plan's clock to notAfter.
    pub lifetime: Duration,
}

impl CertificateProfile {
    /// Whether this is a CA.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.kind == CertificateKind::Authority
    }

    /// The subject as `O = …, CN = …`.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.organization {
            Some(organization) => format!("O = {organization}, CN = {}", self.common_name),
            None => format!("CN = {}", self.common_name),
        }
    }

    /// What an external CA must be told: subject, usages, names.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = vec![self.subject()];
        parts.extend(usage_texts(self.usages));
        parts.extend(san_texts(&self.dns_sans, &self.ip_sans));
        parts.join(", ")
    }

    /// The store's form of this profile.
    #[must_use]
    pub fn record(&self) -> ProfileRecord {
        ProfileRecord {
            subject: self.subject(),
            signer: self.signer.to_owned(),
            sans: san_texts(&self.dns_sans, &self.ip_sans),
            usages: usage_texts(self.usages),
            key_algorithm: self.key_algorithm.as_str().to_owned(),
            lifetime_seconds: self.lifetime.as_secs(),
        }
    }
}

/// `DNS:…` and `IP:…`, in that order.
#[must_use]
pub fn san_texts(dns: &[String], addresses: &[IpAddr]) -> Vec<String> {
    let names = dns.iter().map(|name| format!("DNS:{name}"));
    let addresses = addresses.iter().map(|address| format!("IP:{address}"));
    names.chain(addresses).collect()
}

fn usage_texts(usages: &[ExtendedKeyUsage]) -> Vec<String> {
    usages.iter().map(|u| u.as_str().to_owned()).collect()
}

/// A profile as the key store remembers it: what a certificate was issued for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileRecord {
    /// Subject as `O = …, CN = …`.
    pub subject: String,
    /// Name of the signing profile.
    pub signer: String,
    /// `DNS:…`, `IP:…`, in certificate order.
    pub sans: Vec<String>,
    /// Extended key usages, in certificate order.
    pub usages: Vec<String>,
    /// kubeadm's name of the key algorithm.
    pub key_algorithm: String,
    /// From the plan's clock to notAfter, in seconds.
    pub lifetime_seconds: u64,
}

/// One difference between two profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileDifference {
    /// Field name.
    pub field: &'static str,
    /// What was issued.
    pub found: String,
    /// What the configuration asks for.
    pub expected: String,
}

impl ProfileRecord {
    /// Every field in which `self`, the issued profile, differs from `wanted`.
    #[must_use]
    pub fn differences(&self, wanted: &Self) -> Vec<ProfileDifference> {
        let rows = [
            ("subject", self.subject.clone(), wanted.subject.clone()),
            ("signer", self.signer.clone(), wanted.signer.clone()),
            ("SANs", self.sans.join(", "), wanted.sans.join(", ")),
            ("usages", self.usages.join(", "), wanted.usages.join(", ")),
            (
                "key algorithm",
                self.key_algorithm.clone(),
                wanted.key_algorithm.clone(),
            ),
            (
                "validity",
                hours(self.lifetime_seconds),
                hours(wanted.lifetime_seconds),
            ),
        ];
        rows.into_iter()
            .filter(|(_, found, expected)| found != expected)
            .map(|(field, found, expected)| ProfileDifference {
                field,
                found,
                expected,
            })
            .collect()
    }
}

/// A lifetime in kubeadm's form, such as `8760h`.
#[must_use]
pub fn hours(seconds: u64) -> String {
    match (seconds / 3600, seconds % 3600) {
        (hours, 0) => format!("{hours}h"),
        (hours, rest) => format!("{hours}h{}m{}s", rest / 60, rest % 60),
    }
}

/// The profiles of one node as text, for `pki.txt` and goldens: never a key, a serial or a date.
#[must_use]
pub fn profile_text(profiles: &[CertificateProfile]) -> String {
    let mut text = String::new();
    for (position, profile) in profiles.iter().enumerate() {
        if position > 0 {
            text.push('\n');
        }
        let record = profile.record();
        let basic = if profile.is_authority() {
            "critical, CA:TRUE"
        } else {
            "critical, CA:FALSE"
        };
        let key_usage = if profile.is_authority() {
            "critical, digitalSignature, keyEncipherment, keyCertSign"
        } else {
            "critical, digitalSignature, keyEncipherment"
        };
        let not_before = match profile.kind {
            CertificateKind::KubeconfigClient => format!("notBefore of `{}`", profile.signer),
            CertificateKind::Authority | CertificateKind::Leaf => {
                "clock - clock tolerance".to_owned()
            }
        };
        let rows = [
            ("subject", record.subject),
            (
                "issuer",
                format!("CN = {} ({})", profile.issuer_common_name, profile.signer),
            ),
            ("key", record.key_algorithm),
            ("key usage", key_usage.to_owned()),
            ("extended key usage", record.usages.join(", ")),
            ("basic constraints", basic.to_owned()),
            ("subject alternative names", record.sans.join(", ")),
            ("not before", not_before),
            (
                "not after",
                format!("clock + {}", hours(profile.lifetime.as_secs())),
            ),
        ];
        let _ = writeln!(text, "{}", profile.name);
        for (label, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "  {label}: {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_field_found_and_expected() {
        let issued = ProfileRecord {
            subject: "CN = a".into(),
            signer: "ca".into(),
            sans: vec!["DNS:a".into()],
            usages: vec![],
            key_algorithm: "RSA-2048".into(),
            lifetime_seconds: 3600,
        };
        let mut wanted = issued.clone();
        assert_eq!(issued.differences(&wanted), []);
        wanted.sans.push("IP:10.0.0.1".into());
        wanted.lifetime_seconds = 5400;
        let found = issued.differences(&wanted);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].field, "SANs");
        assert_eq!(found[0].expected, "DNS:a, IP:10.0.0.1");
        assert_eq!(
            (found[1].found.as_str(), found[1].expected.as_str()),
            ("1h", "1h30m0s")
        );
    }
}

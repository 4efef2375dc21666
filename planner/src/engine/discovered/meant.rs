//! Compares join facts with what the operator knows about the cluster from another source.
//!
//! In: the id of the cluster, pins of its CA, as flags or in a JoinConfiguration, and join facts, which are not signed. Out: the CA
//! certificates of the facts, each checked against the pins, if any; or the certificate that has no pin. Nothing is planned before.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::join_facts::{JoinFacts, JoinSecrets};

use super::JoinError;
use crate::config::SecretText;
use crate::pki::certificate::Certificate;
use crate::render::kubeconfig::bootstrap;

/// The field of a JoinConfiguration that has pins.
const FIELD: &str = "JoinConfiguration.discovery.bootstrapToken.caCertHashes";

/// What the operator knows about the cluster.
#[derive(Clone, Debug, Default)]
pub struct Meant {
    /// Its id: SHA-256 of its CA's public key.
    pub cluster_id: Option<Sha256Digest>,
    /// Pins of its CAs.
    pub pins: Vec<Sha256Digest>,
}

impl Meant {
    /// Whether the operator gave nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cluster_id.is_none() && self.pins.is_empty()
    }

    /// Returns the CA certificates of the facts if they belong to this cluster.
    ///
    /// # Errors
    /// [`JoinError`] if they are not certificates, not those of CAs, or those of another cluster.
    pub fn authorities(&self, facts: &JoinFacts) -> Result<Certificate, JoinError> {
        let found = Certificate::authorities_from_pem(facts.ca_certificates.as_bytes())
            .map_err(JoinError::Authorities)?;
        if let Some(meant) = self.cluster_id
            && meant != found.facts.spki
        {
            return Err(JoinError::OtherCluster {
                found: found.facts.spki,
                meant,
            });
        }
        let mut pins = self.pins.clone();
        pins.extend(self.cluster_id);
        require(&found, &pins, "--discovery-token-ca-cert-hash")?;
        Ok(found)
    }
}

/// Refuses CA certificates that the JoinConfiguration does not pin, if it has pins.
pub(super) fn require_configured(found: &Certificate, hashes: &[String]) -> Result<(), JoinError> {
    let pins: Vec<Sha256Digest> = hashes.iter().filter_map(|hash| pin(hash).ok()).collect();
    require(found, &pins, FIELD)
}

/// Refuses credentials that lead the kubelet to another cluster than the facts name.
pub(super) fn require_same_kubeconfig(
    found: &Certificate,
    facts: &JoinFacts,
    secrets: &JoinSecrets,
) -> Result<(), JoinError> {
    let text = SecretText::of(&secrets.bootstrap_kubeconfig);
    let is_known = |pem: &[u8]| {
        Certificate::authorities_from_pem(pem).is_ok_and(|named| {
            named
                .all()
                .all(|one| found.all().any(|known| known.der == one.der))
        })
    };
    bootstrap::is_for(&text, &facts.server, is_known).map_err(JoinError::Kubeconfig)
}

fn require(
    found: &Certificate,
    pins: &[Sha256Digest],
    given_as: &'static str,
) -> Result<(), JoinError> {
    let is_pinned = |one: &&Certificate| pins.contains(&one.facts.spki);
    match found.all().find(|one| !is_pinned(one)) {
        Some(one) if !pins.is_empty() => Err(JoinError::NotPinned {
            subject: one.facts.subject.clone(),
            spki: one.facts.spki,
            given_as,
            another_is: found.all().any(|one| is_pinned(&one)),
        }),
        _ => Ok(()),
    }
}

/// Reads a pin as `kubeadm join` takes it.
///
/// # Errors
/// A text that says what a pin looks like.
pub fn pin(text: &str) -> Result<Sha256Digest, String> {
    text.split_once(':')
        .filter(|(kind, _)| kind.eq_ignore_ascii_case("sha256"))
        .and_then(|(_, digest)| digest.to_ascii_lowercase().parse().ok())
        .ok_or_else(|| "a pin is `sha256:` and 64 hexadecimal digits".to_owned())
}

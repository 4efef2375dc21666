//! Which cluster is meant: what the operator knows of it from elsewhere than the join facts.
//!
//! In: the id of the cluster, pins of its CA, as flags or in a JoinConfiguration, and join facts, which nobody signs. Out: the CA certificates
//! of the facts, each a CA's and pinned wherever pins are given; or the certificate that is not. Nothing is planned before.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::join_facts::{JoinFacts, JoinSecrets};

use crate::cli::CliError;
use crate::config::SecretText;
use crate::kubeconfig::bootstrap;
use crate::pki::certificate::{Certificate, CertificateError};

/// What is known of the cluster.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct MeantArgs {
    /// Refuse facts of any cluster but the one with this id, 64 hexadecimal
    /// digits: the SHA-256 of its CA's public key, as `kubeplan show` prints it
    #[arg(long, value_name = "HEX", requires = "join")]
    cluster_id: Option<Sha256Digest>,
    /// Refuse facts with a CA that has none of these pins, sha256:HEX; may be
    /// repeated for a cluster that rotates its CA
    #[arg(long, value_name = "PIN", value_parser = pin, requires = "join")]
    discovery_token_ca_cert_hash: Vec<Sha256Digest>,
}

/// The field of a JoinConfiguration with pins.
const FIELD: &str = "JoinConfiguration.discovery.bootstrapToken.caCertHashes";

impl MeantArgs {
    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.cluster_id.is_none() && self.discovery_token_ca_cert_hash.is_empty()
    }

    /// The CA certificates of the facts, if they are those of the cluster that is meant.
    ///
    /// # Errors
    /// [`CliError`]: [`Exit::Usage`] if they are not certificates, [`Exit::Refused`] if they are not those of CAs, or another cluster's.
    pub(super) fn authorities(&self, facts: &JoinFacts) -> Result<Certificate, CliError> {
        let found = Certificate::authorities_from_pem(facts.ca_certificates.as_bytes())
            .map_err(no_authorities)?;
        if let Some(id) = self.cluster_id
            && id != found.facts.spki
        {
            return Err(another(format!(
                "the join facts are those of cluster {}, not of {id} (--cluster-id)",
                found.facts.spki
            )));
        }
        let mut pins = self.discovery_token_ca_cert_hash.clone();
        pins.extend(self.cluster_id);
        require(&found, &pins, "--discovery-token-ca-cert-hash")?;
        Ok(found)
    }
}

fn no_authorities(error: CertificateError) -> CliError {
    let what = "caCertificates of the join facts";
    match error {
        CertificateError::NotAuthority { .. } => CliError::caused(Exit::Refused, what, error).hint(
            "compare with /etc/kubernetes/pki/ca.crt of a control-plane node you trust: if the certificate is not in it, the facts were changed; run `kubeapply discover` again on the host",
        ),
        _ => CliError::caused(Exit::Usage, what, error),
    }
}

/// Refuses CA certificates that a JoinConfiguration does not pin, if it pins any.
///
/// # Errors
/// [`CliError`] with [`Exit::Refused`].
pub(super) fn require_configured(found: &Certificate, hashes: &[String]) -> Result<(), CliError> {
    let pins: Vec<Sha256Digest> = hashes.iter().filter_map(|hash| pin(hash).ok()).collect();
    require(found, &pins, FIELD)
}

/// Refuses credentials that would lead the kubelet to another cluster than the one the facts name.
///
/// # Errors
/// [`CliError`] with [`Exit::Refused`].
pub(super) fn require_same_kubeconfig(
    found: &Certificate,
    facts: &JoinFacts,
    secrets: &JoinSecrets,
) -> Result<(), CliError> {
    let text = SecretText::of(&secrets.bootstrap_kubeconfig);
    let is_known = |pem: &[u8]| {
        Certificate::authorities_from_pem(pem).is_ok_and(|named| {
            named
                .all()
                .all(|one| found.all().any(|known| known.der == one.der))
        })
    };
    bootstrap::is_for(&text, &facts.server, is_known).map_err(|error| {
        CliError::caused(Exit::Refused, "the sealed part of the join facts", error).hint(
            "somebody changed the facts, or an older version made them: run `kubeapply discover` again on the host",
        )
    })
}

fn require(found: &Certificate, pins: &[Sha256Digest], given_as: &str) -> Result<(), CliError> {
    let is_pinned = |one: &&Certificate| pins.contains(&one.facts.spki);
    match found.all().find(|one| !is_pinned(one)) {
        Some(one) if !pins.is_empty() => {
            let error = another(format!(
                "the join facts hold the CA certificate `{}` (sha256:{}), whose key is not pinned ({given_as})",
                one.facts.subject, one.facts.spki
            ));
            Err(if found.all().any(|one| is_pinned(&one)) {
                error.hint(format!(
                    "a cluster that rotates its CA has two: if a control-plane node you trust has this certificate in its ca.crt, pin it as well ({given_as})"
                ))
            } else {
                error
            })
        }
        _ => Ok(()),
    }
}

fn another(message: String) -> CliError {
    CliError::new(Exit::Refused, message).hint(
        "compare with a control-plane node you trust: `kubeadm token create --print-join-command` there prints the pin; if it is right, the facts are another cluster's or were changed",
    )
}

fn pin(text: &str) -> Result<Sha256Digest, String> {
    text.split_once(':')
        .filter(|(kind, _)| kind.eq_ignore_ascii_case("sha256"))
        .and_then(|(_, digest)| digest.to_ascii_lowercase().parse().ok())
        .ok_or_else(|| "a pin is `sha256:` and 64 hexadecimal digits".to_owned())
}

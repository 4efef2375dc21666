//! Holds what a host learnt about a running cluster, compared with what the operator knows about it.

mod error;
mod meant;

pub(super) use error::Condition;
pub use error::JoinError;
pub use meant::{Meant, pin};

use kubeplan_bundle::join_facts::{JoinFacts, JoinSecrets};

use crate::config::{RunningCluster, SecretText};
use crate::pki::certificate::Certificate;

/// What a host learnt about the cluster, opened, with CA certificates that were compared with the pins.
#[derive(Debug)]
pub struct Discovered {
    facts: JoinFacts,
    pub(super) secrets: JoinSecrets,
    pub(super) authorities: Certificate,
}

impl Discovered {
    /// Takes the facts and their opened part; `authorities` is what [`Meant::authorities`] made of the facts.
    ///
    /// # Errors
    /// [`JoinError`] if the sealed part would lead the kubelet to another cluster.
    pub fn new(
        facts: JoinFacts,
        secrets: JoinSecrets,
        authorities: Certificate,
    ) -> Result<Self, JoinError> {
        meant::require_same_kubeconfig(&authorities, &facts, &secrets)?;
        Ok(Self {
            facts,
            secrets,
            authorities,
        })
    }

    /// The CA certificates that the cluster was discovered with.
    #[must_use]
    pub const fn authorities(&self) -> &Certificate {
        &self.authorities
    }

    /// Whether the node joins as a control-plane node.
    #[must_use]
    pub const fn control_plane(&self) -> bool {
        self.facts.control_plane
    }

    /// Refuses a CA that the node's JoinConfiguration does not pin, if it has pins.
    pub(super) fn require_configured(&self, hashes: &[String]) -> Result<(), JoinError> {
        meant::require_configured(&self.authorities, hashes)
    }

    /// The cluster as the configuration takes it. Findings name `file`.
    pub(super) fn cluster<'a>(&'a self, file: &'a str) -> RunningCluster<'a> {
        RunningCluster {
            file,
            server: &self.facts.server,
            cluster_configuration: &self.facts.cluster_configuration,
            kubelet_configuration: &self.facts.kubelet_configuration,
            control_plane: self.facts.control_plane,
            bootstrap_kubeconfig: SecretText::of(&self.secrets.bootstrap_kubeconfig),
            token_endpoint: self.facts.token_endpoint.as_deref(),
            certificate_key: self.facts.certificate_key,
        }
    }
}

//! Makes the keys of a node that joins a running cluster, from what was discovered.
//!
//! In: the opened facts of `kubeapply discover`, and what the operator knows about the cluster. Out: [`Keys`] without a key store: the
//! shared certificates come with the facts, leaves are issued here and are kept in the bundle alone.

mod error;
mod meant;
mod shared;

pub use error::JoinError;
pub use meant::{Meant, pin};

use kubeplan_bundle::join_facts::{JoinFacts, JoinSecrets};
use kubeplan_bundle::seal::CommitSalt;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use super::bundles::Keys;
use super::error::EngineError;
use super::observer::Observer;
use super::session::Session;
use crate::config::{RunningCluster, SecretText};
use crate::pki::MaterialSource;
use crate::pki::certificate::Certificate;
use crate::pki::key_source::KeySource;
use crate::pki::{Material, StoreChange, WorkerMaterial};
use crate::plan::CertificateRow;

/// What a host learnt about the cluster, opened, with CA certificates that were compared with the pins.
#[derive(Debug)]
pub struct Discovered {
    facts: JoinFacts,
    secrets: JoinSecrets,
    authorities: Certificate,
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

impl Session {
    /// Makes the keys of the node that joins.
    ///
    /// # Errors
    /// [`EngineError::Join`] if the cluster did not share what the node needs, [`EngineError::KeyStore`] if what it shared does not fit.
    pub fn issue_joining(
        &self,
        discovered: &Discovered,
        now: Timestamp,
        source: &dyn KeySource,
        observer: &mut dyn Observer,
    ) -> Result<Keys, EngineError> {
        let config = self.first()?;
        let node = if config.is_control_plane() {
            let ensured = shared::ensure(config, &discovered.secrets, now, source, observer)?;
            shared::same_cluster(&discovered.authorities, &ensured.material)?;
            NodeKeys::ControlPlane {
                material: Box::new(ensured.material),
                changes: ensured.changes,
            }
        } else {
            let material = WorkerMaterial::of_authority(discovered.authorities.clone());
            NodeKeys::Worker(Box::new(material.with_test_only(source.test_only())))
        };
        let salt = source.salt().ok();
        let salt = salt.filter(|salt| CommitSalt::new(salt.clone()).is_ok());
        Ok(Keys::Joining(Box::new(JoiningKeys {
            node,
            salt: salt.ok_or(EngineError::Incomplete("there is no randomness for a salt"))?,
            test_only: source.test_only(),
        })))
    }
}

/// The keys of a node that joins a running cluster.
#[derive(Debug)]
pub struct JoiningKeys {
    node: NodeKeys,
    salt: SecretBytes,
    test_only: bool,
}

#[derive(Debug)]
enum NodeKeys {
    /// The cluster's CA.
    Worker(Box<WorkerMaterial>),
    /// The shared certificates and leaves made here.
    ControlPlane {
        material: Box<Material>,
        changes: Vec<StoreChange>,
    },
}

impl JoiningKeys {
    pub(super) fn source(&self) -> MaterialSource<'_> {
        match &self.node {
            NodeKeys::Worker(material) => MaterialSource::Worker(material),
            NodeKeys::ControlPlane { material, .. } => MaterialSource::Issued(material),
        }
    }

    pub(super) fn changes(&self) -> &[StoreChange] {
        match &self.node {
            NodeKeys::Worker(_) => &[],
            NodeKeys::ControlPlane { changes, .. } => changes,
        }
    }

    /// The certificate of the cluster's CA.
    pub(super) fn authority(&self) -> Option<&CertificateRow> {
        let authority = match &self.node {
            NodeKeys::Worker(material) => Some(material.authority()),
            NodeKeys::ControlPlane { material, .. } => material.certificates.get("ca"),
        };
        authority.map(|authority| &authority.row)
    }

    pub(super) fn salt(&self) -> SecretBytes {
        self.salt.clone()
    }

    pub(super) const fn test_only(&self) -> bool {
        self.test_only
    }
}

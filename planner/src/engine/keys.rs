//! The certificates and keys of the nodes of a session.

use kubeplan_bundle::secret::SecretBytes;

use crate::pki::{EnsuredNodes, Material, MaterialSource, StoreChange, WorkerMaterial};
use crate::plan::CertificateRow;

/// The certificates and keys of every node of a session.
#[derive(Debug)]
pub enum Keys {
    /// From the cluster's key store.
    Store(Box<EnsuredNodes>),
    /// Of one node that joins a running cluster; no key store keeps them.
    Joining(Box<JoiningKeys>),
}

/// The keys of a node that joins a running cluster.
#[derive(Debug)]
pub struct JoiningKeys {
    pub(super) node: NodeKeys,
    pub(super) salt: SecretBytes,
    pub(super) test_only: bool,
}

/// What a node that joins has of the cluster's certificates and keys.
#[derive(Debug)]
pub(super) enum NodeKeys {
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

    pub(super) fn take_changes(&mut self) -> Vec<StoreChange> {
        match &mut self.node {
            NodeKeys::Worker(_) => Vec::new(),
            NodeKeys::ControlPlane { changes, .. } => std::mem::take(changes),
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

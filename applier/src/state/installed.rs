//! `installed.json`: what was installed, so that a later run can tell its own files from changed ones.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Index, Name};
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::path::HostPath;
use serde::{Deserialize, Serialize};

use super::document::{self, Document, StateError};
use super::salt::RecordedDigest;
use crate::host::{Actions, Owner, Root};

/// Every installation on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Installed {
    format: String,
    /// One for each cluster and node, in the order they were first installed.
    nodes: Vec<InstalledNode>,
}

/// The installation of one node of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InstalledNode {
    /// The cluster's id.
    pub(crate) cluster_id: Sha256Digest,
    /// The cluster's name, for people.
    pub(crate) cluster_name: Name,
    /// The node's name.
    pub(crate) node: Name,
    /// The plan that was installed last; absent until one was installed completely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan_digest: Option<Sha256Digest>,
    /// Its serial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) serial: Option<u64>,
    /// The bundle was meant for another host, and the operator said to install it here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) target_overridden: bool,
    /// The files.
    pub(crate) files: BTreeMap<HostPath, InstalledFile>,
}

/// What is known of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InstalledFile {
    /// As it was last installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<FileRecord>,
    /// As a run was about to install it; present only if that run was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<FileRecord>,
}

/// Bytes, mode and owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FileRecord {
    /// Digest of the bytes.
    pub(crate) digest: RecordedDigest,
    /// Permission bits.
    pub(crate) mode: FileMode,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
}

impl FileRecord {
    /// Owner and group.
    pub(crate) const fn owner(&self) -> Owner {
        Owner {
            uid: self.uid,
            gid: self.gid,
        }
    }
}

impl Document for Installed {
    const NAME: &'static str = "installed.json";
    const FORMAT: &'static str = "kubeplan.io/installed/1";

    fn format(&self) -> &str {
        &self.format
    }
}

impl Default for Installed {
    fn default() -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            nodes: Vec::new(),
        }
    }
}

impl Installed {
    /// Reads the records; none if nothing was installed yet.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn load(root: &Root) -> Result<Self, StateError> {
        Ok(document::load(root)?.unwrap_or_default())
    }

    /// Replaces the records.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn store(&self, root: &Root, actions: &Actions) -> Result<(), StateError> {
        document::store(root, actions, self)
    }

    /// Every installation.
    pub(crate) fn nodes(&self) -> &[InstalledNode] {
        &self.nodes
    }

    /// The installation this bundle continues.
    pub(crate) fn node(&self, index: &Index) -> Option<&InstalledNode> {
        self.nodes
            .iter()
            .find(|node| node.cluster_id == index.cluster.id && node.node == index.node.name)
    }

    /// The record to change for this bundle; made if there is none.
    pub(crate) fn node_mut(&mut self, index: &Index) -> &mut InstalledNode {
        let position = self
            .nodes
            .iter()
            .position(|node| node.cluster_id == index.cluster.id && node.node == index.node.name)
            .unwrap_or(self.nodes.len());
        if position == self.nodes.len() {
            self.nodes.push(InstalledNode {
                cluster_id: index.cluster.id,
                cluster_name: index.cluster.name.clone(),
                node: index.node.name.clone(),
                plan_digest: None,
                serial: None,
                target_overridden: false,
                files: BTreeMap::new(),
            });
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the position was found, or the element was just added there"
        )]
        &mut self.nodes[position]
    }
}

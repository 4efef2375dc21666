//! `installed.json`: what was installed, so that a later run can tell its own files from changed ones.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{ClusterRef, Name};
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::bits::Bits;
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
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) installed: Option<Timestamp>,
    /// The bundle was meant for another host, and the operator said to install it here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) target_overridden: bool,
    /// Positions of the steps of this plan that were done.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) done: BTreeSet<usize>,
    /// Steps that were not run: they need a running host, or were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remaining: Vec<RemainingRecord>,
    /// The files.
    pub(crate) files: BTreeMap<HostPath, InstalledFile>,
    /// The directories that were made here.
    // The name is that of files on hosts.
    #[serde(
        rename = "folders",
        default,
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(crate) directories: BTreeMap<HostPath, DirectoryRecord>,
}

/// What is known of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InstalledFile {
    /// As it was last installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<FileRecord>,
    /// As a run of an earlier version was about to install it, before there were journals. Also used in memory, for
    /// what an open run was about to install when nothing may be changed to find out. Gone once the file is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<FileRecord>,
    /// How it came here; unknown in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<FileOrigin>,
    /// Who issued the certificate in it, as a digest of name and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<Sha256Digest>,
    /// Another program owns it since it was installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) handoff: bool,
}

/// A step that was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RemainingRecord {
    /// kubeadm's phase it belongs to.
    pub(crate) phase: String,
    /// What it would do, for people.
    pub(crate) what: String,
}

/// How an installed file came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileOrigin {
    /// Nothing was there.
    Created,
    /// Another program's file was there, and the operator allowed to overwrite it.
    Replaced,
    /// It was there as planned already.
    Adopted,
}

/// Mode and owner of a directory that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DirectoryRecord {
    /// Permission bits.
    pub(crate) mode: Bits,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
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
    const FORMAT: &'static str = "kubeplan.io/installed/2";
    const EARLIER: &'static [&'static str] = &["kubeplan.io/installed/1"];

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
        let mut installed: Self = document::load(root)?.unwrap_or_default();
        Self::FORMAT.clone_into(&mut installed.format);
        Ok(installed)
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

    /// The installation of this node of this cluster.
    pub(crate) fn node(&self, cluster: &ClusterRef, node: &Name) -> Option<&InstalledNode> {
        self.nodes
            .iter()
            .find(|known| known.cluster_id == cluster.id && known.node == *node)
    }

    /// The record to change for this node; made if there is none.
    pub(crate) fn node_mut(&mut self, cluster: &ClusterRef, node: &Name) -> &mut InstalledNode {
        let position = self
            .nodes
            .iter()
            .position(|known| known.cluster_id == cluster.id && known.node == *node)
            .unwrap_or(self.nodes.len());
        if position == self.nodes.len() {
            self.nodes.push(InstalledNode {
                done: BTreeSet::new(),
                cluster_id: cluster.id,
                cluster_name: cluster.name.clone(),
                node: node.clone(),
                plan_digest: None,
                serial: None,
                installed: None,
                target_overridden: false,
                remaining: Vec::new(),
                files: BTreeMap::new(),
                directories: BTreeMap::new(),
            });
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the position was found, or the element was just added there"
        )]
        &mut self.nodes[position]
    }

    /// Puts back what was known of a node before; forgets the node if nothing was.
    pub(crate) fn restore(
        &mut self,
        cluster: &ClusterRef,
        node: &Name,
        previous: Option<&InstalledNode>,
    ) {
        match previous {
            Some(previous) => previous.clone_into(self.node_mut(cluster, node)),
            None => self
                .nodes
                .retain(|known| known.cluster_id != cluster.id || known.node != *node),
        }
    }
}

//! What this program put on the host, as far as it remembers.
//!
//! In: the records of what was installed. Out: an [`Inventory`]: files, directories, and whose node this is. The one place
//! that knows how records are kept; whatever else a reset does it decides from the inventory and the host.

use std::collections::{BTreeMap, BTreeSet};

use super::directories;
use crate::host::{Actions, Root, RootPath};
use crate::kubeadm::layout;
use crate::state::StateError;
use crate::state::installed::{FileOrigin, FileRecord, Installed, InstalledNode};
use crate::state::runs::Runs;
use crate::state::salt::RecordedDigest;

/// What was installed on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// Which nodes of which clusters.
    pub(super) nodes: Vec<Node>,
    /// Files by path.
    pub(super) files: BTreeMap<RootPath, OwnFile>,
    /// Directories that were made.
    pub(super) directories: BTreeSet<RootPath>,
}

/// A node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The cluster's name.
    pub(super) cluster: String,
    /// The node's name.
    pub(super) name: String,
}

/// A file that was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnFile {
    /// As it was installed; of a run that was stopped, both what was there and what was to come.
    pub(super) records: Vec<FileRecord>,
    /// How it came here.
    pub(super) origin: FileOrigin,
}

impl OwnFile {
    /// Whether its content is a secret: records of secret files hold keyed digests.
    pub(super) fn is_secret(&self) -> bool {
        let keyed = |record: &FileRecord| matches!(record.digest, RecordedDigest::HmacSha256(_));
        self.records.iter().any(keyed)
    }
}

impl Inventory {
    /// Turns the records into an inventory.
    pub(super) fn new(installed: &Installed) -> Self {
        let mut inventory = Self::default();
        for node in installed.nodes() {
            inventory.nodes.push(Node {
                cluster: node.cluster_name.to_string(),
                name: node.node.to_string(),
            });
            for (path, file) in &node.files {
                let own = OwnFile {
                    records: file.current.iter().chain(&file.pending).cloned().collect(),
                    // Of a run that was stopped it is not known yet; records before there were journals never said.
                    origin: file.origin.unwrap_or(FileOrigin::Created),
                };
                inventory.files.insert(RootPath::from(path), own);
            }
            inventory.directories.extend(directories(node));
        }
        inventory
    }

    /// Whether nothing was installed.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a file in `directory` was installed.
    pub(super) fn has_below(&self, directory: &RootPath) -> bool {
        self.files
            .keys()
            .any(|path| directories::is_below(path, directory))
    }

    /// The static Pods that were installed.
    pub(super) fn static_pods(&self) -> impl Iterator<Item = (&RootPath, &OwnFile)> {
        self.files
            .iter()
            .filter(|(path, _)| directories::is_below(path, &layout::MANIFESTS))
    }

    /// Every other file.
    pub(super) fn other_files(&self) -> impl Iterator<Item = (&RootPath, &OwnFile)> {
        self.files
            .iter()
            .filter(|(path, _)| !directories::is_below(path, &layout::MANIFESTS))
    }
}

/// The directories that were made for a node. Records before there were journals do not name them: then every directory on the
/// way to an installed file counts, except the system's own. A directory is removed only when nothing else is in it.
fn directories(node: &InstalledNode) -> Vec<RootPath> {
    if !node.directories.is_empty() || node.files.values().any(|file| file.origin.is_some()) {
        return node.directories.keys().map(RootPath::from).collect();
    }
    node.files
        .keys()
        .flat_map(|path| RootPath::from(path).ancestors())
        .filter(|directory| !directories::is_system(directory))
        .collect()
}

/// Drops the records of everything that was installed; called when it is durably gone. Journals and backups go first, so
/// that nothing can be brought back into a host that was reset. The trusted keys and the highest serials are kept.
///
/// # Errors
/// [`StateError`].
pub(super) fn forget(root: &Root, actions: &Actions, runs: Runs) -> Result<(), StateError> {
    runs.forget(root, actions)?;
    if Installed::load(root)?.nodes().is_empty() {
        return Ok(());
    }
    Installed::default().store(root, actions)
}

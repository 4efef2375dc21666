//! What this program put on the host, as far as it remembers.
//!
//! In: the records of what was installed. Out: an [`Inventory`]: files, folders, and whose node this is. The one place
//! that knows how records are kept; whatever else a reset does it decides from the inventory and the host.

use std::collections::{BTreeMap, BTreeSet};

use super::layout;
use crate::host::{Actions, Root, RootPath};
use crate::state::StateError;
use crate::state::installed::{FileRecord, Installed, InstalledNode};

/// What was installed on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// Which nodes of which clusters.
    pub(super) nodes: Vec<Node>,
    /// Files by path.
    pub(super) files: BTreeMap<RootPath, OwnFile>,
    /// Folders that were made.
    pub(super) folders: BTreeSet<RootPath>,
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
    pub(super) origin: Origin,
}

/// How an installed file came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nothing was there.
    Created,
    /// Somebody else's file was there and was overwritten.
    Replaced,
    /// It was there already, exactly as planned.
    Adopted,
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
                    origin: Origin::Created,
                };
                inventory.files.insert(RootPath::from(path), own);
            }
            inventory.folders.extend(folders(node));
        }
        inventory
    }

    /// Whether nothing was installed.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a file in `folder` was installed.
    pub(super) fn has_below(&self, folder: &RootPath) -> bool {
        self.files.keys().any(|path| layout::is_below(path, folder))
    }

    /// The static Pods that were installed.
    pub(super) fn static_pods(&self) -> impl Iterator<Item = (&RootPath, &OwnFile)> {
        self.files
            .iter()
            .filter(|(path, _)| layout::is_below(path, &layout::MANIFESTS))
    }

    /// Every other file.
    pub(super) fn other_files(&self) -> impl Iterator<Item = (&RootPath, &OwnFile)> {
        self.files
            .iter()
            .filter(|(path, _)| !layout::is_below(path, &layout::MANIFESTS))
    }
}

/// The folders that were made for a node.
///
/// Records do not name them yet: until they do, every folder on the way to an installed file counts, except the system's
/// own. A folder is removed only when nothing else is in it, so one that was there before is lost only if it was empty.
fn folders(node: &InstalledNode) -> impl Iterator<Item = RootPath> {
    node.files
        .keys()
        .flat_map(|path| RootPath::from(path).ancestors())
        .filter(|folder| !layout::is_system(folder))
}

/// Drops the records of everything that was installed; called when it is durably gone. Whom the host trusts and the
/// highest serials are kept.
///
/// # Errors
/// [`StateError`].
pub(super) fn forget(
    root: &Root,
    actions: &Actions,
    installed: &Installed,
) -> Result<(), StateError> {
    if installed.nodes().is_empty() {
        return Ok(());
    }
    Installed::default().store(root, actions)
}

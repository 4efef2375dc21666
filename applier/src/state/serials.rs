//! `serials.json`: the highest serial of each cluster, so that an old bundle is not installed over a newer one.
//! It outlives the installation itself.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Index;
use serde::{Deserialize, Serialize};

use super::document::{self, Document, StateError};
use super::installed::InstalledNode;
use crate::host::{Actions, Root};

/// The highest serials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Serials {
    format: String,
    /// By cluster id (hex).
    clusters: BTreeMap<Sha256Digest, HighestSerial>,
}

/// The highest serial of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HighestSerial {
    /// The serial.
    pub(crate) serial: u64,
    /// The plan it belongs to.
    pub(crate) plan_digest: Sha256Digest,
}

impl Document for Serials {
    const NAME: &'static str = "serials.json";
    const FORMAT: &'static str = "kubeplan.io/serials/1";

    fn format(&self) -> &str {
        &self.format
    }
}

impl Default for Serials {
    fn default() -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            clusters: BTreeMap::new(),
        }
    }
}

impl Serials {
    /// Reads the serials; none if nothing was installed yet.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn load(root: &Root) -> Result<Self, StateError> {
        Ok(document::load(root)?.unwrap_or_default())
    }

    /// Replaces the serials.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn store(&self, root: &Root, actions: &Actions) -> Result<(), StateError> {
        document::store(root, actions, self)
    }

    /// The highest serial of the bundle's cluster.
    pub(crate) fn highest(&self, index: &Index) -> Option<HighestSerial> {
        self.clusters.get(&index.cluster.id).copied()
    }

    /// Whether a plan with a higher serial than the node's was installed here.
    pub(crate) fn are_above(&self, node: &InstalledNode) -> bool {
        let highest = self.clusters.get(&node.cluster_id);
        highest.is_some_and(|highest| node.serial.is_some_and(|serial| serial < highest.serial))
    }

    /// Remembers that the bundle was installed. A lower serial changes nothing.
    pub(crate) fn advance(&mut self, index: &Index) {
        if self
            .highest(index)
            .is_none_or(|highest| index.serial >= highest.serial)
        {
            self.clusters.insert(
                index.cluster.id,
                HighestSerial {
                    serial: index.serial,
                    plan_digest: index.plan_digest,
                },
            );
        }
    }
}

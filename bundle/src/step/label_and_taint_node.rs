//! `label-and-taint-node`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::questions::{Act, Stage, Surroundings, Work};
use super::{PhaseName, Taint};
use crate::access::StepPath;
use crate::check::Broken;
use crate::name::Name;

/// Sets labels and adds taints of the bundle's own node.
///
/// - Precondition: the kubelet has registered the node, and the node has the label `kubernetes.io/hostname`.
/// - Effect: each label is set to its value; each taint that the node does not have is put in front of those it has.
/// - Twice: labels and taints that are there are not touched.
/// - Completion: the API returns the node with every label and taint.
/// - Undo: none. Labels and taints that were set are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelAndTaintNode {
    /// kubeadm's phase that does so.
    pub phase: PhaseName,
    /// The node.
    pub node: Name,
    /// Labels by key.
    pub labels: BTreeMap<String, String>,
    /// Taints, in order.
    pub taints: Vec<Taint>,
}

impl Act for LabelAndTaintNode {
    fn summary(&self) -> String {
        let labels = self.labels.iter();
        let labels = labels.map(|(key, value)| format!("label {key}={value}"));
        let taints = self.taints.iter().map(|taint| format!("taint {taint}"));
        let all: Vec<String> = labels.chain(taints).collect();
        format!("set on node {}: {}", self.node, all.join(", "))
    }

    fn stage(&self) -> Stage {
        Stage::Live { calls_api: true }
    }

    fn work(&self) -> Work<'_> {
        Work::Other
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check(&self, around: &Surroundings<'_>) -> Result<(), Broken> {
        around.check_node(&self.node, "a step labels the bundle's own node")
    }
}

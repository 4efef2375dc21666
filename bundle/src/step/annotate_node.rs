//! `annotate-node`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PhaseName;
use super::questions::{Act, Stage, Surroundings, Work};
use crate::access::StepPath;
use crate::check::{Broken, broken};
use crate::name::Name;

/// Sets annotations of the bundle's own node.
///
/// - Precondition: the kubelet has registered the node.
/// - Effect: each annotation is set to its value; others are left alone.
/// - Twice: annotations that are as planned are not touched.
/// - Completion: the API returns the node with every annotation.
/// - Undo: none. Annotations that were set are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnnotateNode {
    /// kubeadm's phase that does so.
    pub phase: PhaseName,
    /// The node.
    pub node: Name,
    /// Annotations by key.
    pub annotations: BTreeMap<String, String>,
}

impl Act for AnnotateNode {
    fn summary(&self) -> String {
        let annotations = self.annotations.iter();
        let all: Vec<String> = annotations
            .map(|(key, value)| format!("annotation {key}={value}"))
            .collect();
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
        around.check_node(&self.node, "a step annotates the bundle's own node")?;
        if self.annotations.is_empty() {
            return broken("a step sets at least one annotation", &self.node);
        }
        Ok(())
    }
}

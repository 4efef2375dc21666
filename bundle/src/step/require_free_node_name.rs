//! `require-free-node-name`.

use serde::{Deserialize, Serialize};

use super::PhaseName;
use super::questions::{Act, Stage, Surroundings, Work};
use crate::access::{BOOTSTRAP, KUBELET, MayBe, Role, StepPath};
use crate::check::Broken;
use crate::name::Name;
use crate::path::HostPath;

/// Refuses to continue if another host uses the node's name.
///
/// - Precondition: the API server answers the kubeconfig's user, who may read nodes.
/// - Effect: none.
/// - Twice: once the node's own kubelet has its credentials, nothing is asked.
/// - Completion: there is no node of this name, or it is not ready.
/// - Undo: nothing to undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequireFreeNodeName {
    /// kubeadm's phase that asks.
    pub phase: PhaseName,
    /// The bundle's own node.
    pub node: Name,
    /// The kubeconfig that the kubelet bootstraps with.
    pub bootstrap_kubeconfig: HostPath,
    /// The kubeconfig that the kubelet writes once it has credentials of its own.
    pub kubeconfig: HostPath,
}

impl Act for RequireFreeNodeName {
    fn summary(&self) -> String {
        format!("check that no other host is node {}", self.node)
    }

    fn stage(&self) -> Stage {
        Stage::Live { calls_api: false }
    }

    fn work(&self) -> Work<'_> {
        Work::Other
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        vec![
            StepPath::new(
                "bootstrapKubeconfig",
                self.bootstrap_kubeconfig.as_str(),
                Role::Reads,
                MayBe::Kubeconfig(&[BOOTSTRAP]),
            ),
            StepPath::new(
                "kubeconfig",
                self.kubeconfig.as_str(),
                Role::Reads,
                MayBe::Kubeconfig(&[KUBELET]),
            ),
        ]
    }

    fn check(&self, around: &Surroundings<'_>) -> Result<(), Broken> {
        around.check_node(&self.node, "a step asks for the bundle's own node")
    }
}

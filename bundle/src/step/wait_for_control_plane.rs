//! `wait-for-control-plane`.

use serde::{Deserialize, Serialize};

use super::PhaseName;
use super::questions::{Act, Stage, Surroundings, Work};
use crate::access::{ADMIN, BOOTSTRAP, KUBELET, MayBe, Role, StepPath};
use crate::check::{Broken, broken};
use crate::path::HostPath;

/// Waits until the API server of the cluster that the node joins is ready.
///
/// - Precondition: the kubeconfig is in place.
/// - Effect: none; the server of the kubeconfig's current context is asked whether it is ready, as the kubeconfig's user. It
///   must prove who it is.
/// - Twice: a server that is ready is asked once.
/// - Completion: it has answered 200.
/// - Undo: nothing to undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitForControlPlane {
    /// kubeadm's phase that waits.
    pub phase: PhaseName,
    /// A kubeconfig on the host.
    pub kubeconfig: HostPath,
    /// How long, in seconds.
    pub timeout_seconds: u32,
}

impl Act for WaitForControlPlane {
    fn summary(&self) -> String {
        format!(
            "wait up to {} s for the control plane",
            self.timeout_seconds
        )
    }

    fn stage(&self) -> Stage {
        Stage::Live { calls_api: false }
    }

    fn work(&self) -> Work<'_> {
        Work::Other
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        vec![StepPath::new(
            "kubeconfig",
            self.kubeconfig.as_str(),
            Role::Reads,
            MayBe::Kubeconfig(&[ADMIN, KUBELET, BOOTSTRAP]),
        )]
    }

    fn check(&self, _around: &Surroundings<'_>) -> Result<(), Broken> {
        if self.timeout_seconds == 0 {
            return broken("a step waits for some time", &self.phase);
        }
        Ok(())
    }
}

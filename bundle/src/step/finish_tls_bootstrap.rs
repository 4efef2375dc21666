//! `finish-tls-bootstrap`.

use serde::{Deserialize, Serialize};

use super::PhaseName;
use super::questions::{Act, Stage, Surroundings, Work};
use crate::access::{BOOTSTRAP, KUBELET, MayBe, Role, StepPath};
use crate::check::{Broken, broken};
use crate::path::HostPath;

/// Waits until the kubelet has credentials of its own, and takes those away that it got them with.
///
/// - Precondition: the kubelet runs.
/// - Effect: once the kubeconfig and the certificate that it names are there, the bootstrap kubeconfig is removed; also
///   when the time is over, as it holds a token. One that is not a file of the bundle, or not as it was installed, is
///   left and named.
/// - Twice: where the kubelet has its credentials nothing is waited for.
/// - Completion: the kubeconfig can be used, and the bootstrap kubeconfig is gone or left.
/// - Undo: a rollback puts the file back; before that it is in the journal, with a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinishTlsBootstrap {
    /// kubeadm's phase that waits.
    pub phase: PhaseName,
    /// The kubeconfig that the kubelet bootstraps with.
    pub bootstrap_kubeconfig: HostPath,
    /// The kubeconfig that the kubelet writes.
    pub kubeconfig: HostPath,
    /// How long, in seconds.
    pub timeout_seconds: u32,
}

impl Act for FinishTlsBootstrap {
    fn summary(&self) -> String {
        format!(
            "wait up to {} s for the kubelet's credentials, then remove {}",
            self.timeout_seconds, self.bootstrap_kubeconfig
        )
    }

    fn stage(&self) -> Stage {
        Stage::Live { calls_api: false }
    }

    fn work(&self) -> Work<'_> {
        Work::Removes(&self.bootstrap_kubeconfig)
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        vec![
            StepPath::new(
                "bootstrapKubeconfig",
                self.bootstrap_kubeconfig.as_str(),
                Role::Removes,
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

    fn check(&self, _around: &Surroundings<'_>) -> Result<(), Broken> {
        if self.timeout_seconds == 0 {
            return broken("a step waits for some time", &self.phase);
        }
        Ok(())
    }
}

//! `use-rotated-certificate`.

use serde::{Deserialize, Serialize};

use super::questions::{Act, Stage, Surroundings, Work};
use super::start_service::check_started;
use super::{PhaseName, ServiceName};
use crate::access::{KUBELET, MayBe, Role, StepPath};
use crate::check::Broken;
use crate::path::HostPath;

/// Lets a kubeconfig use the client certificate that the kubelet rotates, instead of the one inside it.
///
/// - Precondition: the kubelet runs. Where it made no certificate of its own there is nothing to do.
/// - Effect: the user of the current context gets the certificate's path as certificate and key, its embedded ones
///   are removed, the file is replaced, and the service is restarted.
/// - Twice: a kubeconfig that names the path is not touched.
/// - Completion: the file names the path and the service is active.
/// - Undo: a rollback puts the file back as it was; before that it is in the journal, with a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UseRotatedCertificate {
    /// kubeadm's phase that does so.
    pub phase: PhaseName,
    /// The kubeconfig on the host.
    pub kubeconfig: HostPath,
    /// The link to the newest certificate and its key, in one file.
    pub certificate: HostPath,
    /// The service that reads the kubeconfig.
    pub service: ServiceName,
}

impl Act for UseRotatedCertificate {
    fn summary(&self) -> String {
        format!("let {} use {}", self.kubeconfig, self.certificate)
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
                "kubeconfig",
                self.kubeconfig.as_str(),
                Role::Changes,
                MayBe::Kubeconfig(&[KUBELET]),
            ),
            StepPath::new(
                "certificate",
                self.certificate.as_str(),
                Role::Reads,
                MayBe::Named("kubelet-client-current.pem"),
            ),
        ]
    }

    fn check(&self, _around: &Surroundings<'_>) -> Result<(), Broken> {
        check_started(&self.service)
    }
}

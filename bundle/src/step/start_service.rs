//! `start-service`.

use serde::{Deserialize, Serialize};

use super::questions::{Act, Stage, Surroundings, Work};
use super::{PhaseName, ServiceName};
use crate::access::StepPath;
use crate::check::{Broken, broken};

/// Services that a step may enable, start and restart.
const STARTED_SERVICES: &[&str] = &["kubelet"];

/// Starts a service of the host's init system with the files that are there now.
///
/// - Precondition: the host runs systemd or OpenRC, which knows the service.
/// - Effect: the init system reads its units again, the service is enabled and, if files changed or it does not run,
///   restarted.
/// - Twice: a service that runs with the files that are there is not touched.
/// - Completion: the init system says that the service is active.
/// - Undo: none; after a rollback of the files the service is restarted with the old ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartService {
    /// kubeadm's phase that does so.
    pub phase: PhaseName,
    /// The service, without the suffix of its unit.
    pub service: ServiceName,
}

impl Act for StartService {
    fn summary(&self) -> String {
        format!("start {}", self.service)
    }

    fn stage(&self) -> Stage {
        Stage::Live { calls_api: false }
    }

    fn work(&self) -> Work<'_> {
        Work::Starts(&self.service)
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check(&self, _around: &Surroundings<'_>) -> Result<(), Broken> {
        check_started(&self.service)
    }
}

/// Checks a service that a step starts or restarts.
pub(super) fn check_started(service: &ServiceName) -> Result<(), Broken> {
    if STARTED_SERVICES.contains(&service.as_str()) {
        return Ok(());
    }
    broken("a step starts only services of a closed list", service)
}

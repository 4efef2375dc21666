//! `wait-for-endpoints`.

use serde::{Deserialize, Serialize};

use super::questions::{Act, Stage, Surroundings, Work};
use super::{Endpoint, EndpointIdentity, PhaseName};
use crate::access::StepPath;
use crate::check::{Broken, broken};

/// Waits until every endpoint answers 200.
///
/// - Precondition: what answers was started.
/// - Effect: none; each endpoint is asked twice a second, all at once.
/// - Twice: endpoints that answer are asked once.
/// - Completion: every endpoint has answered 200 within its time.
/// - Undo: nothing to undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitForEndpoints {
    /// kubeadm's phase that waits.
    pub phase: PhaseName,
    /// The endpoints to ask.
    pub endpoints: Vec<Endpoint>,
    /// How long each of them has, in seconds.
    pub timeout_seconds: u32,
}

impl Act for WaitForEndpoints {
    fn summary(&self) -> String {
        let names: Vec<&str> = self.endpoints.iter().map(|e| e.name.as_str()).collect();
        format!(
            "wait up to {} s for {}",
            self.timeout_seconds,
            names.join(", ")
        )
    }

    fn stage(&self) -> Stage {
        let mut endpoints = self.endpoints.iter();
        Stage::Live {
            calls_api: endpoints.any(|e| e.identity == EndpointIdentity::Administrator),
        }
    }

    fn work(&self) -> Work<'_> {
        Work::Awaits {
            endpoints: &self.endpoints,
            timeout_seconds: self.timeout_seconds,
        }
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check(&self, around: &Surroundings<'_>) -> Result<(), Broken> {
        if self.endpoints.is_empty() || self.timeout_seconds == 0 {
            return broken(
                "a step waits for at least one endpoint, for some time",
                &self.phase,
            );
        }
        for endpoint in &self.endpoints {
            endpoint.check(around.server)?;
        }
        Ok(())
    }
}

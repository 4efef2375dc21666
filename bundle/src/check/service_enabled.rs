//! `service-enabled`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look};
use crate::access::StepPath;
use crate::service::ServiceName;

/// A service exists and starts with the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceEnabled {
    /// The service, without suffix.
    pub service: ServiceName,
}

impl Look for ServiceEnabled {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

//! `service-inactive`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look};
use crate::access::StepPath;
use crate::service::ServiceName;

/// A service does not run, because it would be in the way of these ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceInactive {
    /// The service, without suffix.
    pub service: ServiceName,
    /// Ports that others must reach.
    pub ports: Vec<u16>,
}

impl Look for ServiceInactive {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

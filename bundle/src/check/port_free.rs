//! `port-free`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look};
use crate::access::StepPath;

/// No process listens on a TCP port, on any address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortFree {
    /// The port.
    pub port: u16,
}

impl Look for PortFree {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

//! `runtime-config`.

use serde::{Deserialize, Serialize};

use super::runtime_ready::check_socket;
use super::{Broken, Look};
use crate::access::StepPath;

/// The container runtime tells its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// `unix:///…`.
    pub socket: String,
}

impl Look for RuntimeConfig {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        check_socket(&self.socket)
    }
}

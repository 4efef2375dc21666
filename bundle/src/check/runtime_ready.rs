//! `runtime-ready`.

use serde::{Deserialize, Serialize};

use super::broken;
use super::{Broken, Look};
use crate::access::StepPath;

/// The container runtime answers on its socket and says that it is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeReady {
    /// `unix:///…`.
    pub socket: String,
}

impl Look for RuntimeReady {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        check_socket(&self.socket)
    }
}

/// Refuses what is not a socket of the host: for every kind that asks a container runtime.
pub(super) fn check_socket(socket: &str) -> Result<(), Broken> {
    if !socket.starts_with("unix:///") {
        return broken(
            "a container runtime has a socket of the host",
            &socket.escape_debug(),
        );
    }
    Ok(())
}

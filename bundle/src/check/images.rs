//! `images`.

use serde::{Deserialize, Serialize};

use super::runtime_ready::check_socket;
use super::{Broken, Look};
use crate::access::StepPath;

/// Images are in the container runtime's store, or can be pulled into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Images {
    /// `unix:///…`.
    pub socket: String,
    /// References, in the order in which they are pulled.
    pub references: Vec<String>,
    /// Whether they are pulled.
    pub policy: PullPolicy,
    /// One after the other.
    pub serial: bool,
    /// The image of Pod sandboxes that is planned; a warning is printed if the runtime's configuration has another one.
    pub sandbox: String,
}

/// Whether images are pulled, in Kubernetes' words (core/v1 PullPolicy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullPolicy {
    /// Also if they are in the store.
    Always,
    /// Unless they are in the store.
    #[default]
    IfNotPresent,
    /// Never; the store is not checked either.
    Never,
}

impl Look for Images {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        check_socket(&self.socket)
    }
}

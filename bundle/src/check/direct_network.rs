//! `direct-network`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look};
use crate::access::StepPath;

/// A connection to the second address of a network goes through no proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectNetwork {
    /// The network, in CIDR notation.
    pub cidr: String,
}

impl Look for DirectNetwork {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

//! `no-swap`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look};
use crate::access::StepPath;

/// No swap is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSwap {}

impl Look for NoSwap {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

//! `swap-allowed`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look};
use crate::access::StepPath;

/// Swap may be in use, because the plan's kubelet starts with it (`failSwapOn: false`); with cgroups v1 nothing limits it, which is a
/// finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwapAllowed {}

impl Look for SwapAllowed {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

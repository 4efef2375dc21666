//! `only-in-tests`: a kind with a feature of its own, as every kind that is added has one.

use serde::{Deserialize, Serialize};

use super::{Broken, Look};
use crate::access::StepPath;

/// Looks at nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlyInTests {}

impl Look for OnlyInTests {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

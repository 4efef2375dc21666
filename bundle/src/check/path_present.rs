//! `path-present`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath};
use crate::access::{MayBe, Role, StepPath};

/// Something is at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathPresent {
    /// The path.
    pub path: LookPath,
}

impl Look for PathPresent {
    fn paths(&self) -> Vec<StepPath<'_>> {
        vec![StepPath::new(
            "path",
            self.path.as_str(),
            Role::Looks,
            MayBe::Anywhere,
        )]
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

//! `directory-empty`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath};
use crate::access::{MayBe, Role, StepPath};

/// A directory is empty, or does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryEmpty {
    /// The directory.
    pub path: LookPath,
}

impl Look for DirectoryEmpty {
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

//! `executable`.

use serde::{Deserialize, Serialize};

use super::broken;
use super::{Broken, Look};
use crate::access::StepPath;

/// A program is found in the search path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Executable {
    /// The program.
    pub program: String,
}

impl Look for Executable {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        let program = &self.program;
        if program.is_empty() || program.contains('/') || program.starts_with('-') {
            return broken(
                "a program is named without a directory",
                &program.escape_debug(),
            );
        }
        Ok(())
    }
}

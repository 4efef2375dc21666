//! `program-version`.

use serde::{Deserialize, Serialize};

use super::broken;
use super::{Broken, Look};
use crate::access::StepPath;

/// Programs that a check may run, as root, to learn their version.
const ASKED_PROGRAMS: &[&str] = &["kubelet"];

/// A program's version lies in a range. The program prints it with `--version`, after a `v`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProgramVersion {
    /// The program.
    pub program: String,
    /// The oldest version that will do.
    pub minimum: String,
    /// The newest `major.minor` that will do, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_minor: Option<String>,
}

impl Look for ProgramVersion {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        check_asked(&self.program)
    }
}

/// Refuses a program that is not on the closed list of those that are run as `PROGRAM --version`, as root.
pub(super) fn check_asked(program: &str) -> Result<(), Broken> {
    if ASKED_PROGRAMS.contains(&program) {
        return Ok(());
    }
    broken(
        "a check runs only programs of a closed list to read their version",
        &program.escape_debug(),
    )
}

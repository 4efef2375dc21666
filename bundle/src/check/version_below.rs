//! `version-below`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look};
use crate::access::StepPath;

/// A planned version is older than another one. Looks at no host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionBelow {
    /// Of what, for people.
    pub of: String,
    /// The version, `1.36.2`.
    pub version: String,
    /// The first version that is too new, `1.38.0-0`.
    pub limit: String,
}

impl Look for VersionBelow {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

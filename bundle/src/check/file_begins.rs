//! `file-begins`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath};
use crate::access::{MayBe, Role, StepPath};

/// A file begins with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileBegins {
    /// The file.
    pub path: LookPath,
    /// How it begins.
    pub text: String,
}

impl Look for FileBegins {
    fn paths(&self) -> Vec<StepPath<'_>> {
        let may_be = MayBe::Listed(&[
            "/proc/sys/net/ipv4/ip_forward",
            "/proc/sys/net/ipv6/conf/default/forwarding",
        ]);
        vec![StepPath::new(
            "path",
            self.path.as_str(),
            Role::Reads,
            may_be,
        )]
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

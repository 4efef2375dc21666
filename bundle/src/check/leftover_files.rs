//! `leftover-files`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath, broken, check_consequence, check_lists};
use crate::access::{MayBe, Role, StepPath};

/// A directory holds no files that an earlier cluster, or an editor, may have left there and that the plan's components would use.
///
/// Files of the bundle, files that an earlier installation of the node recorded, and files that a `path-absent` check of the bundle is
/// about do not count; neither do directories, devices, FIFOs and sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeftoverFiles {
    /// The directory.
    pub directory: LookPath,
    /// Only these names count. If it is empty, every name that does not begin with a dot does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Only names with one of these endings count; if it is empty, the ending does not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endings: Vec<String>,
    /// Files count until the node was installed once: afterwards its components write such files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_installed: bool,
    /// What happens because of such files, for people: a clause that follows a colon.
    pub consequence: String,
}

impl Look for LeftoverFiles {
    fn paths(&self) -> Vec<StepPath<'_>> {
        vec![StepPath::new(
            "directory",
            self.directory.as_str(),
            Role::Looks,
            MayBe::Directory,
        )]
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        check_lists(&[&self.names, &self.endings])?;
        for name in self.names.iter().chain(&self.endings) {
            if name.is_empty() || name.contains(['/', '\0']) {
                return broken(
                    "a check looks for names of files, without a directory",
                    &name.escape_debug(),
                );
            }
        }
        check_consequence(&self.consequence)
    }
}

//! The next step when a bundle was cut or changed between the planner and where it is read.
//!
//! In: why a bundle is refused. Out: a hint, for refusals that an incomplete copy or a damaged medium explains. Both programs say the
//! same, because a bundle is carried from one to the other.

use std::path::Path;

use kubeplan_bundle::verify::VerifyError;
use kubeplan_terminal::quote;

/// What to do about the bundle at `path` that is refused because of `error`; `None` if another copy would be refused, too.
#[must_use]
pub fn copy_again(error: &VerifyError, path: &Path) -> Option<String> {
    let file = path.display().to_string();
    let compare = format!(
        "copy it again, and compare its SHA-256 (`sha256sum {}`) with that of the original",
        quote(&file)
    );
    match error {
        error if error.is_damage() => {
            Some(format!("the file was cut or changed on the way: {compare}"))
        }
        VerifyError::FirstMember(_) => Some(format!(
            "`kubeplan plan` names bundles NODE.CLUSTER.tar.gz; if this file is one, {compare}"
        )),
        _ => None,
    }
}

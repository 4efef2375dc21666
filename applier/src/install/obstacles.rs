//! What speaks against writing: paths that the bundle does not have, and what is in the way on the host.

use std::collections::BTreeSet;

use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::Advice;

use super::InstallError;
use super::compare::{Comparison, DirectoryAction, FileAction, Item};
use super::next::take_bits;
use super::planned::{PlannedEntry, PlannedTransaction};
use crate::host::Root;

/// Refuses paths to overwrite that are not files of the bundle.
///
/// # Errors
/// [`InstallError::NoSuchFile`].
pub(super) fn check_overwrite(
    planned: &[PlannedTransaction<'_>],
    overwrite: &BTreeSet<HostPath>,
) -> Result<(), InstallError> {
    for path in overwrite {
        let known = planned
            .iter()
            .flat_map(|t| &t.entries)
            .any(|entry| matches!(entry, PlannedEntry::File(file) if file.path == path));
        if !known {
            return Err(InstallError::NoSuchFile(path.clone()));
        }
    }
    Ok(())
}

/// One error for everything that is in the way.
pub(super) fn obstacles(root: &Root, comparison: &Comparison<'_>) -> InstallError {
    let mut lines = Vec::new();
    let mut bits = Vec::new();
    let (mut foreign, mut other) = (false, false);
    for item in comparison.items().filter(|item| item.refuses()) {
        lines.push(match item {
            Item::File(item) => match &item.action {
                FileAction::Obstacle(reason) => {
                    if item.has_special_bits() {
                        bits.push(take_bits(root, item.planned.path));
                    } else {
                        other = true;
                    }
                    format!("{}: {reason}", item.planned.path)
                }
                _ => {
                    if item.has_special_bits() {
                        bits.push(take_bits(root, item.planned.path));
                    } else {
                        foreign = true;
                    }
                    format!(
                        "{}: exists, was not installed by kubeapply, and differs ({})",
                        item.planned.path,
                        item.differs.join(", ")
                    )
                }
            },
            Item::Directory(item) => match &item.action {
                DirectoryAction::Obstacle(reason) => {
                    other = true;
                    format!("{}: {reason}", item.planned.path)
                }
                _ => continue,
            },
        });
    }
    let mut paths = Advice::items(&lines);
    for command in bits {
        paths = paths.and(format!(
            "look at what the file is for, then run `{command}`"
        ));
    }
    if foreign {
        paths = paths.and("look at the files with --dry-run, then move them away or name each with --overwrite-drift PATH");
    } else if other {
        paths = paths.and("move what is in the way, and run the command again");
    }
    InstallError::Obstacles {
        count: lines.len(),
        paths,
    }
}

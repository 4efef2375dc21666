//! Room for what will be written, and files of others in its way.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::index::{Content, Index, Place};

use super::{Finding, Looked, View};
use crate::host::{Found, Root, RootPath, Space};
use crate::state::installed::InstalledNode;

/// Bytes that stay free beside what is written: journals, logs, what others write meanwhile.
const MARGIN: u64 = 64 * 1024 * 1024;

/// Files that may come into being beside those of the bundle.
const MARGIN_FILES: u64 = 256;

/// A file is there three times at most: staged, in place, and what it replaces.
const COPIES: u64 = 3;

/// Where this program keeps what it remembers; each can be a mount of its own.
const OWN: [RootPath; 3] = [
    RootPath::fixed("/var/lib/kubeplan"),
    RootPath::fixed("/var/lib/kubeplan/runs"),
    RootPath::fixed("/var/lib/kubeplan/receipts"),
];

/// What is written to one filesystem.
#[derive(Clone, Debug)]
struct Needed {
    /// A directory on it, for people.
    directory: String,
    bytes: u64,
    files: u64,
    /// Whether something new comes into being on it.
    writes: bool,
    space: Space,
}

/// Every filesystem can be written and has room for the bundle's files.
pub(super) fn disk(view: &View<'_>, record: Option<&InstalledNode>) -> Looked {
    let mut needed: BTreeMap<(u64, u64), Needed> = BTreeMap::new();
    let mut add =
        |path: &RootPath, bytes: u64, files: u64, writes: bool| -> Result<(), super::CannotLook> {
            let directory = existing(view.root, path)?;
            let entry = match needed.entry(directory.mount()?) {
                std::collections::btree_map::Entry::Occupied(found) => found.into_mut(),
                std::collections::btree_map::Entry::Vacant(free) => free.insert(Needed {
                    directory: directory.path().to_string(),
                    bytes: 0,
                    files: 0,
                    writes: false,
                    space: directory.space()?,
                }),
            };
            entry.bytes = entry.bytes.saturating_add(bytes);
            entry.files = entry.files.saturating_add(files);
            entry.writes |= writes;
            Ok(())
        };
    for directory in OWN {
        add(&directory, 0, 0, true)?;
    }
    let filled: BTreeSet<RootPath> = files(view.index)
        .map(|path| RootPath::from(path).parent())
        .collect();
    for entry in &view.index.entries {
        let size = match &entry.content {
            Content::None => 0,
            Content::Public(blob) => blob.size,
            // The twin says the same but for the secret values, which are small.
            Content::Sealed(sealed) => sealed.twin.size.saturating_add(16 * 1024),
        };
        match &entry.place {
            Place::File(placement) | Place::Directory(placement) => {
                let path = RootPath::from(&placement.path);
                // What this very plan installed before may be as planned, and an existing directory stays as it is.
                let is_installed = record.is_some_and(|node| {
                    node.plan_digest == Some(view.index.plan_digest)
                        && node.files.contains_key(&placement.path)
                });
                let is_directory = matches!(entry.place, Place::Directory(_));
                let is_there =
                    is_directory && matches!(view.root.look(&path), Ok(Found::Directory(_)));
                // A directory into which the plan puts nothing is for what a component writes.
                let is_for_others = is_directory && !filled.contains(&path);
                let writes = is_for_others || !(is_installed || is_there);
                let at = if is_directory { path } else { path.parent() };
                add(&at, size.saturating_mul(COPIES), COPIES, writes)?;
            }
            Place::Object | Place::Payload => {}
        }
    }
    Ok(needed.values().filter_map(judge).collect())
}

fn judge(needed: &Needed) -> Option<Finding> {
    if needed.space.read_only && needed.writes {
        return Some(Finding::AsPlanned(format!(
            "the filesystem of {} is mounted read-only",
            needed.directory
        )));
    }
    let bytes = needed.bytes.saturating_add(MARGIN);
    let files = needed.files.saturating_add(MARGIN_FILES);
    let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
    if needed.space.bytes < bytes {
        return Some(Finding::AsPlanned(format!(
            "the filesystem of {} has {} MiB left, {} MiB are needed",
            needed.directory,
            needed.space.bytes / (1024 * 1024),
            mib(bytes)
        )));
    }
    needed
        .space
        .inodes
        .filter(|left| *left < files)
        .map(|left| {
            Finding::AsPlanned(format!(
                "the filesystem of {} has room for {left} files, {files} are needed",
                needed.directory
            ))
        })
}

/// The directory `path`, or the innermost one on the way to it that exists.
fn existing(root: &Root, path: &RootPath) -> Result<crate::host::Directory, super::CannotLook> {
    let ways = path.ancestors();
    for directory in std::iter::once(path).chain(ways.iter().rev()) {
        // What is in the way of a directory is the installation's to report.
        if let Ok(Some(found)) = root.open_directory(directory) {
            return Ok(found);
        }
    }
    root.open_directory(&RootPath::fixed("/"))?
        .ok_or_else(|| super::CannotLook("the root cannot be opened".to_owned()))
}

/// Files at the bundle's destinations that nothing installed; the installation compares their content.
pub(super) fn foreign(view: &View<'_>, record: Option<&InstalledNode>) -> Looked {
    let mut paths = Vec::new();
    for placement in files(view.index) {
        let recorded = record.is_some_and(|node| node.files.contains_key(placement));
        let found = view.root.look(&placement.into());
        if !recorded && !matches!(found, Ok(Found::Missing)) {
            paths.push(placement.to_string());
        }
    }
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Finding::AsPlanned(format!(
        "{} of the bundle's files exist and were not installed by kubeapply: {}; `install --dry-run` shows which of them differ",
        paths.len(),
        paths.join(", ")
    ))])
}

fn files(index: &Index) -> impl Iterator<Item = &kubeplan_bundle::path::HostPath> {
    index.entries.iter().filter_map(|entry| match &entry.place {
        Place::File(placement) => Some(&placement.path),
        Place::Directory(_) | Place::Object | Place::Payload => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_files_must_fit_with_a_margin() {
        let judged = |bytes, inodes, need_bytes, need_files| {
            judge(&Needed {
                directory: "/x".into(),
                bytes: need_bytes,
                files: need_files,
                writes: true,
                space: Space {
                    bytes,
                    inodes,
                    read_only: false,
                },
            })
        };
        let much = 1 << 40;
        assert_eq!(judged(much, Some(1_000_000), 1024, 10), None);
        assert_eq!(judged(much, None, 1024, 10), None);
        assert_eq!(judged(MARGIN + 10, None, 10, 0), None);
        let text = |finding: Option<Finding>| format!("{finding:?}");
        assert!(text(judged(MARGIN + 9, None, 10, 0)).contains("64 MiB left, 65 MiB"));
        assert!(text(judged(much, Some(100), 0, 0)).contains("100 files, 256"));
        assert!(text(judged(0, None, u64::MAX, 0)).contains("are needed"));
        for writes in [true, false] {
            let finding = judge(&Needed {
                directory: "/etc".into(),
                bytes: 0,
                files: 0,
                writes,
                space: Space {
                    bytes: much,
                    inodes: None,
                    read_only: true,
                },
            });
            let said = text(finding).contains("the filesystem of /etc is mounted read-only");
            assert_eq!(said, writes);
        }
    }
}

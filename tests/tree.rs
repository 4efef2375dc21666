//! Directories as values: what is in them, and how two differ.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use similar::TextDiff;

/// Content of every regular file below `directory`, by relative path.
///
/// # Errors
/// If the directory cannot be read.
pub fn read(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for (name, node) in snapshot(directory)? {
        if let Some(bytes) = node.bytes {
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Kind and permission bits, as `stat` gives them.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Time of last change of content, in nanoseconds since the epoch.
    pub modified: i128,
    /// Content of a regular file.
    pub bytes: Option<Vec<u8>>,
    /// Target of a link.
    pub target: Option<String>,
}

/// Everything below `directory`, the directory itself included as the empty name.
///
/// # Errors
/// If the directory cannot be read.
pub fn snapshot(directory: &Path) -> Result<BTreeMap<String, Node>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![String::new()];
    while let Some(name) = pending.pop() {
        let path = directory.join(&name);
        let metadata = fs::symlink_metadata(&path)
            .with_context(|| format!("looking at {}", path.display()))?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path)? {
                let below = entry?.file_name().to_string_lossy().into_owned();
                pending.push(if name.is_empty() {
                    below
                } else {
                    format!("{name}/{below}")
                });
            }
        }
        let node = Node {
            mode: metadata.permissions().mode(),
            owner: (metadata.uid(), metadata.gid()),
            modified: i128::from(metadata.mtime()) * 1_000_000_000
                + i128::from(metadata.mtime_nsec()),
            bytes: metadata.is_file().then(|| fs::read(&path)).transpose()?,
            target: metadata
                .is_symlink()
                .then(|| fs::read_link(&path))
                .transpose()?
                .map(|t| t.display().to_string()),
        };
        found.insert(name, node);
    }
    Ok(found)
}

/// A unified diff of everything that differs; empty when nothing does.
#[must_use]
pub fn diff(expected: &BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>) -> String {
    let names: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let text = |bytes: Option<&Vec<u8>>| {
        String::from_utf8_lossy(bytes.map_or(&[][..], |b| b)).into_owned()
    };
    let mut all = String::new();
    for name in names {
        let (old, new) = (expected.get(name), found.get(name));
        if old != new {
            let (old, new) = (text(old), text(new));
            let diff = TextDiff::from_lines(&old, &new);
            all.push_str(
                &diff
                    .unified_diff()
                    .header(&format!("expected/{name}"), &format!("found/{name}"))
                    .to_string(),
            );
        }
    }
    all
}

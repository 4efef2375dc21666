//! A directory as a value, and whether it is as before or as after. Knows nothing of the program, so that other suites can
//! use it as it is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// What is in a directory, by relative path. Times do not count.
pub(crate) type Tree = BTreeMap<String, Node>;

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Kind and permission bits, as `stat` gives them.
    pub(crate) mode: u32,
    /// Owner and group.
    pub(crate) owner: (u32, u32),
    /// Bytes of a file, target of a link.
    pub(crate) content: Option<Vec<u8>>,
    /// Extended attributes of a file.
    pub(crate) attributes: BTreeMap<String, Vec<u8>>,
}

/// The extended attributes of a file; none where the file system has none.
pub(crate) fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 64 * 1024];
    let length = rustix::fs::listxattr(path, names.as_mut_slice()).unwrap_or_default();
    names.truncate(length);
    let names = names.split(|byte| *byte == 0);
    names
        .filter(|name| !name.is_empty())
        .map(|name| {
            let name = String::from_utf8(name.to_vec()).unwrap();
            let mut value = vec![0; 64 * 1024];
            let length = rustix::fs::getxattr(path, name.as_str(), value.as_mut_slice()).unwrap();
            value.truncate(length);
            (name, value)
        })
        .collect()
}

/// Everything below `directory` except what is below one of the paths in `without`.
pub(crate) fn read(directory: &Path, without: &[&str]) -> Tree {
    let mut tree = Tree::new();
    let mut pending = vec![String::new()];
    while let Some(name) = pending.pop() {
        if without.contains(&name.as_str()) {
            continue;
        }
        let path = directory.join(&name);
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = if meta.is_file() {
            Some(fs::read(&path).unwrap())
        } else if meta.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            Some(target.display().to_string().into_bytes())
        } else {
            None
        };
        if meta.is_dir() {
            for entry in fs::read_dir(&path).unwrap() {
                let below = entry.unwrap().file_name().to_str().unwrap().to_owned();
                pending.push(format!("{name}/{below}").trim_start_matches('/').to_owned());
            }
        }
        let node = Node {
            mode: meta.permissions().mode(),
            owner: (meta.uid(), meta.gid()),
            content,
            attributes: if meta.is_file() {
                attributes(&path)
            } else {
                BTreeMap::new()
            },
        };
        tree.insert(name, node);
    }
    tree
}

/// How two trees differ, one line for each path; empty if they do not.
pub(crate) fn differences(expected: &Tree, found: &Tree) -> Vec<String> {
    let mut names: Vec<&String> = expected.keys().chain(found.keys()).collect();
    names.sort();
    names.dedup();
    let shown = |node: Option<&Node>| match node {
        None => "missing".to_owned(),
        Some(node) => format!(
            "{:o} {:?} {:?} {:?}",
            node.mode,
            node.owner,
            node.content
                .as_deref()
                .map(String::from_utf8_lossy)
                .map(|text| text.chars().take(40).collect::<String>()),
            node.attributes
        ),
    };
    names
        .into_iter()
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(|name| {
            format!(
                "{name}: expected {}, found {}",
                shown(expected.get(name)),
                shown(found.get(name))
            )
        })
        .collect()
}

/// Only these paths of a tree.
pub(crate) fn only(tree: &Tree, paths: &[&str]) -> Tree {
    tree.iter()
        .filter(|(name, _)| {
            paths
                .iter()
                .any(|path| path.trim_start_matches('/') == name.as_str())
        })
        .map(|(name, node)| (name.clone(), node.clone()))
        .collect()
}

/// Fails unless the paths of each group are, all together, exactly as before or exactly as after.
#[track_caller]
pub(crate) fn check_before_or_after(
    before: &Tree,
    after: &Tree,
    found: &Tree,
    groups: &[&[&str]],
    at: &str,
) {
    for group in groups {
        let [before, after, found] = [before, after, found].map(|tree| only(tree, group));
        assert!(
            found == before || found == after,
            "{at}: neither as before: {:#?}\nnor as after: {:#?}",
            differences(&before, &found),
            differences(&after, &found)
        );
    }
}

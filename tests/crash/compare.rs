//! Whether a host is as before or as after: each file, each transaction, all of it.
//!
//! Content, mode and owner count, times do not, and neither does what the program remembers below `/var/lib/kubeplan`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::tree::{self, Node};

/// How every temporary name of the program begins.
pub const STAGE: &str = ".kubeplan-stage-";

const STATE: &str = "var/lib/kubeplan";

/// Everything below a directory, by relative path.
pub type Tree = BTreeMap<String, Node>;

/// A transaction.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its files and directories, relative to the root.
    pub paths: Vec<String>,
}

/// How many transactions were found as before, as after, and as neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// As before.
    pub before: u64,
    /// Some files as before, some as after.
    pub mixed: u64,
    /// As after.
    pub after: u64,
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.before += other.before;
        self.mixed += other.mixed;
        self.after += other.after;
    }
}

/// Everything below `directory`, without times.
///
/// # Errors
/// If it cannot be read.
pub fn read(directory: &Path) -> Result<Tree> {
    let mut tree = tree::snapshot(directory)?;
    for node in tree.values_mut() {
        node.modified = 0;
    }
    Ok(tree)
}

/// Without what the program remembers.
#[must_use]
pub fn without_state(mut tree: Tree) -> Tree {
    tree.retain(|name, _| !Path::new(name).starts_with(STATE));
    tree
}

/// How two trees differ, one line for each path; empty if they do not.
#[must_use]
pub fn differences(expected: &Tree, found: &Tree) -> Vec<String> {
    let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    names
        .into_iter()
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(|name| {
            let (expected, found) = (shown(expected.get(name)), shown(found.get(name)));
            format!("{name}: expected {expected}, found {found}")
        })
        .collect()
}

fn shown(node: Option<&Node>) -> String {
    let Some(node) = node else {
        return "nothing".to_owned();
    };
    let size = node.bytes.as_ref().map(Vec::len);
    let hash = node.bytes.as_deref().map(|bytes| {
        kubeplan_bundle::digest::Sha256Digest::of(bytes)
            .to_string()
            .chars()
            .take(8)
            .collect::<String>()
    });
    match (size, hash) {
        (Some(size), Some(hash)) => {
            format!("{:o} {:?} {size} bytes {hash}", node.mode, node.owner)
        }
        _ => format!("{:o} {:?}", node.mode, node.owner),
    }
}

/// What is neither as in `one` nor as in `other`; temporary names do not count.
#[must_use]
pub fn strangers(one: &Tree, other: &Tree, found: &Tree) -> Vec<String> {
    let names: BTreeSet<&String> = one
        .keys()
        .chain(other.keys())
        .chain(found.keys())
        .filter(|name| !name.contains(STAGE))
        .collect();
    names
        .into_iter()
        .filter(|name| {
            let is = found.get(*name);
            is != one.get(*name) && is != other.get(*name)
        })
        .map(|name| {
            format!(
                "{name}: {} before, {} after, found {}",
                shown(one.get(name)),
                shown(other.get(name)),
                shown(found.get(name))
            )
        })
        .collect()
}

/// Which transactions are as before and which as after.
#[must_use]
pub fn seen(before: &Tree, after: &Tree, found: &Tree, groups: &[Group]) -> Seen {
    let mut seen = Seen::default();
    for group in groups {
        match mixed(before, after, found, group) {
            Some(true) => seen.after += 1,
            Some(false) => seen.before += 1,
            None => seen.mixed += 1,
        }
    }
    seen
}

/// Whether a transaction is as after (`true`) or as before; `None` if it is neither.
fn mixed(before: &Tree, after: &Tree, found: &Tree, group: &Group) -> Option<bool> {
    let is = |tree: &Tree| {
        group
            .paths
            .iter()
            .all(|path| tree.get(path) == found.get(path))
    };
    match (is(after), is(before)) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

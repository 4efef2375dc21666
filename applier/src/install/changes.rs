//! What a comparison comes to, in the journal's words.
//!
//! In: a comparison that refuses nothing. Out: for each transaction that changes something its directories, outermost first, and its
//! files in the bundle's order, each with how it was and how it will be. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::path::HostPath;

use super::InstallError;
use super::compare::{ComparedTransaction, Comparison, DirectoryAction, FileItem, Item};
use super::planned::{PlannedDirectory, PlannedFile};
use crate::host::ensure::PARENT_MODE;
use crate::host::{Owner, Root, RootPath};
use crate::state::journal::record::{Bits, Change, DirectoryState, FileState, PlannedChanges};
use crate::state::salt::{RecordedDigest, Salt};

/// Where numbering goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    /// The next transaction's.
    pub(crate) transaction: u32,
    /// The next backup's.
    pub(crate) backup: u32,
}

/// The changes of every transaction that has any and is not left to a live step, and which transaction of the comparison each is.
///
/// # Errors
/// [`InstallError::TooLarge`]; [`InstallError::Path`], which the checks of the index rule out.
pub(crate) fn plan<'c, 'a>(
    root: &Root,
    comparison: &'c Comparison<'a>,
    salt: &Salt,
    mut numbers: Numbers,
) -> Result<Vec<(PlannedChanges, &'c ComparedTransaction<'a>)>, InstallError> {
    let named: BTreeMap<RootPath, PlannedDirectory<'_>> = comparison
        .items()
        .filter_map(|item| match item {
            Item::Directory(item) => Some((RootPath::from(item.planned.path), item.planned)),
            Item::File(_) => None,
        })
        .collect();
    let missing: BTreeSet<RootPath> = comparison
        .parents
        .iter()
        .cloned()
        .chain(comparison.items().filter_map(|item| match item {
            Item::Directory(item) if item.action == DirectoryAction::Create => {
                Some(RootPath::from(item.planned.path))
            }
            _ => None,
        }))
        .collect();
    let mut made = BTreeSet::new();
    let mut planned = Vec::new();
    let now = |transaction: &&ComparedTransaction<'_>| !transaction.planned.is_live;
    for transaction in comparison.transactions.iter().filter(now) {
        let mut directories = Vec::new();
        let mut files = Vec::new();
        for item in transaction.items.iter().filter(|item| item.writes()) {
            let path = RootPath::from(item.path());
            let mut way = path.ancestors();
            match item {
                Item::Directory(_) => way.push(path),
                Item::File(item) => files.push(file(root, item, salt, &mut numbers)?),
            }
            for directory in way {
                if missing.contains(&directory) && made.insert(directory.clone()) {
                    directories.push(make_directory(root, &directory, named.get(&directory))?);
                }
            }
        }
        if directories.is_empty() && files.is_empty() {
            continue;
        }
        let changes = PlannedChanges {
            number: numbers.transaction,
            name: transaction.planned.name.clone(),
            phase: transaction.planned.phase.clone(),
            changes: directories.into_iter().chain(files).collect(),
        };
        numbers.transaction = numbers.transaction.saturating_add(1);
        planned.push((changes, transaction));
    }
    Ok(planned)
}

/// The directories that the bundle names.
pub(crate) fn bundle_directories(comparison: &Comparison<'_>) -> Vec<RootPath> {
    comparison
        .items()
        .filter_map(|item| match item {
            Item::Directory(item) => Some(RootPath::from(item.planned.path)),
            Item::File(_) => None,
        })
        .collect()
}

/// How a planned file with these bytes is recorded.
pub(crate) fn after(
    root: &Root,
    planned: &PlannedFile<'_>,
    bytes: &[u8],
    salt: &Salt,
) -> FileState {
    let owner = given_owner(root, planned.owner);
    FileState {
        digest: if planned.secret.is_some() {
            salt.digest(bytes)
        } else {
            RecordedDigest::Sha256(Sha256Digest::of(bytes))
        },
        mode: Bits::new(u32::from(planned.mode.bits())),
        uid: owner.uid,
        gid: owner.gid,
    }
}

/// Without privileges a file can only belong to the invoking user.
fn given_owner(root: &Root, planned: Owner) -> Owner {
    if root.is_privileged() {
        planned
    } else {
        root.invoker()
    }
}

fn file(
    root: &Root,
    item: &FileItem<'_>,
    salt: &Salt,
    numbers: &mut Numbers,
) -> Result<Change, InstallError> {
    let path = item.planned.path.clone();
    let after = after(root, &item.planned, item.planned.bytes, salt);
    let Some(host) = &item.host else {
        return Ok(Change::Create { path, after });
    };
    // What others left there may be secret, whatever the bundle has in its place: the digest is keyed.
    let bytes = host.bytes.as_ref();
    let bytes = bytes.ok_or_else(|| InstallError::TooLarge(path.clone()))?;
    let before = FileState::of(host.meta, salt.digest(bytes.expose()));
    let backup = numbers.backup;
    numbers.backup = backup.saturating_add(1);
    Ok(Change::Replace {
        path,
        before,
        after,
        backup,
    })
}

fn make_directory(
    root: &Root,
    path: &RootPath,
    planned: Option<&PlannedDirectory<'_>>,
) -> Result<Change, InstallError> {
    let (mode, owner) = match planned {
        Some(planned) => (
            u32::from(planned.mode.bits()),
            given_owner(root, planned.owner),
        ),
        None => (PARENT_MODE, root.invoker()),
    };
    let path: HostPath = path.as_str().parse()?;
    Ok(Change::MakeDirectory {
        path,
        after: DirectoryState {
            mode: Bits::new(mode),
            uid: owner.uid,
            gid: owner.gid,
        },
    })
}

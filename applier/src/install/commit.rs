//! Brings the planned files and folders to the host, one transaction after the other.
//!
//! In: a comparison that refuses nothing, and the lock. The order of durable actions, for each transaction in
//! step order:
//!
//! 1. missing folders, outermost first, each complete when it appears;
//! 2. every file to be written is staged: created, written, given its owner and mode, synced;
//! 3. every staged file is renamed to its destination, in the transaction's order;
//! 4. every folder that got a file is synced;
//! 5. the empty stage is removed.
//!
//! Stopped anywhere, every destination holds the old file or the new one. The next transaction starts when the one
//! before is durable, so what must come last is last after a power failure too.

use std::collections::BTreeMap;

use super::compare::{ComparedTransaction, Comparison, DirectoryAction, Item};
use super::planned::PlannedDirectory;
use super::stage::{Placed, Stage, clear_leftovers, owner_to_set};
use crate::host::ensure::{PARENT_MODE, open};
use crate::host::{Actions, Found, HostError, Root, RootPath};
use crate::state;

/// What a commit did, complete or not.
#[derive(Default)]
pub(crate) struct Committed<'a> {
    /// Files that have their new content.
    pub(crate) placed: Vec<Placed<'a>>,
    /// Folders that were made.
    pub(crate) folders: Vec<RootPath>,
    /// Where and why it stopped.
    pub(crate) failure: Option<(String, HostError)>,
}

/// Removes what an earlier run that was killed left behind.
///
/// # Errors
/// [`HostError`].
pub(crate) fn clear(
    root: &Root,
    actions: &Actions,
    comparison: &Comparison<'_>,
) -> Result<(), HostError> {
    let mut folders: Vec<RootPath> = comparison
        .items()
        .flat_map(|item| RootPath::from(item.path()).ancestors())
        .collect();
    folders.extend(state::FOLDER.ancestors());
    folders.push(state::FOLDER);
    folders.push(RootPath::fixed("/"));
    folders.sort();
    folders.dedup();
    for folder in &folders {
        clear_leftovers(root, actions, folder)?;
    }
    Ok(())
}

/// Commits every transaction.
pub(crate) fn commit<'a>(
    root: &'a Root,
    actions: &'a Actions,
    comparison: &Comparison<'a>,
) -> Committed<'a> {
    let planned: BTreeMap<RootPath, PlannedDirectory<'a>> = comparison
        .items()
        .filter_map(|item| match item {
            Item::Directory(item) => Some((RootPath::from(item.planned.path), item.planned)),
            Item::File(_) => None,
        })
        .collect();
    let committer = Committer {
        root,
        actions,
        bundle_folders: planned.keys().cloned().collect(),
        planned,
    };
    let mut committed = Committed::default();
    for transaction in &comparison.transactions {
        if let Err(error) = committer.commit(transaction, &mut committed) {
            committed.failure = Some((transaction.planned.name.to_string(), error));
            break;
        }
    }
    committed
}

struct Committer<'a> {
    root: &'a Root,
    actions: &'a Actions,
    planned: BTreeMap<RootPath, PlannedDirectory<'a>>,
    bundle_folders: Vec<RootPath>,
}

impl<'a> Committer<'a> {
    fn commit(
        &self,
        transaction: &ComparedTransaction<'a>,
        committed: &mut Committed<'a>,
    ) -> Result<(), HostError> {
        for item in transaction.items.iter().filter(|item| item.writes()) {
            let path = RootPath::from(item.path());
            for folder in path.ancestors() {
                self.ensure(&folder, committed)?;
            }
            if matches!(item, Item::Directory(item) if item.action == DirectoryAction::Create) {
                self.ensure(&path, committed)?;
            }
        }
        let mut stage = Stage::new(self.root, self.actions);
        let outcome = self.place(transaction, &mut stage, committed);
        let cleared = stage.clear();
        outcome.and(cleared)
    }

    fn place(
        &self,
        transaction: &ComparedTransaction<'a>,
        stage: &mut Stage<'a>,
        committed: &mut Committed<'a>,
    ) -> Result<(), HostError> {
        for item in &transaction.items {
            if let Item::File(item) = item
                && item.action.writes()
            {
                stage.add(item.planned, &self.bundle_folders)?;
            }
        }
        stage.commit(|placed| committed.placed.push(placed))
    }

    /// Makes the folder if it is missing: as planned if the bundle names it, with 0755 otherwise.
    fn ensure(&self, path: &RootPath, committed: &mut Committed<'a>) -> Result<(), HostError> {
        if self.root.open_directory(path)?.is_some() {
            return Ok(());
        }
        let parent = open(self.root, &path.parent())?;
        if parent.inspect(path.file_name())? != Found::Missing {
            return Err(HostError::NotADirectory {
                path: path.to_string(),
            });
        }
        let (mode, owner) = match self.planned.get(path) {
            Some(planned) => (
                u32::from(planned.mode.bits()),
                owner_to_set(self.root, planned.owner),
            ),
            None => (PARENT_MODE, None),
        };
        if self
            .actions
            .create_directory(&parent, path.file_name(), mode, owner)?
        {
            committed.folders.push(path.clone());
        }
        Ok(())
    }
}

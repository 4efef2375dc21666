//! Brings the planned files and directories to the host, one transaction after the other, each as a whole.
//!
//! In: changes that the journal holds already, and the lock. The order of durable actions, for each transaction in step
//! order:
//!
//! 1. missing directories, outermost first, each complete when it appears;
//! 2. the old bytes and extended attributes of every file to be replaced are written to the run's `backup` directory and synced;
//! 3. every new file is staged: created, written, given its owner and mode and the attributes of the file that it replaces, synced;
//! 4. the journal says `prepared`;
//! 5. every staged file takes its place, in the transaction's order;
//! 6. every directory that got a file is synced;
//! 7. the journal says `committed`;
//! 8. the stage, with the old files in it, is removed.
//!
//! Stopped before 4 there is nothing but directories to remove; between 4 and 7 everything is brought back from the backups
//! ([`super::undo`]); from 7 on the transaction is there to stay. The next one starts when the one before is durable, so what must come
//! last is last after a power failure too.

use std::collections::BTreeMap;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::Advice;

use super::compare::{ComparedTransaction, FileItem, Item};
use super::recover::left_note;
use super::stage::{NewFile, Place, Stage, Swap};
use super::undo;
use crate::host::ensure::open;
use crate::host::{Attributes, Found, HostError, Owner, RootPath};
use crate::state::StateError;
use crate::state::journal::record::{Change, PlannedChanges, Record};
use crate::state::runs::{self, Runs};

/// A transaction that did not come to its end.
pub(crate) struct Stopped {
    /// Why.
    pub(crate) error: StateError,
    /// What became of its files.
    pub(crate) files: Aftermath,
}

impl Stopped {
    /// Why transaction `name` did not come to its end, and what became of its files.
    pub(crate) fn advice(self, name: &Name) -> Advice {
        let hints = self.files.hints(name).into_iter();
        hints.fold(Advice::because(self.error), Advice::and)
    }
}

/// What became of the files of a transaction that failed.
pub(crate) enum Aftermath {
    /// They are as before, except these, which others changed.
    Undone(Vec<HostPath>),
    /// They may be half old and half new; the next run brings them back.
    Open,
    /// They are in place; something after that failed.
    Committed,
}

impl Aftermath {
    /// What became of the files of transaction `name`, for people.
    pub(crate) fn hints(&self, name: &Name) -> Vec<String> {
        match self {
            Self::Undone(left) => {
                let undone = format!(
                    "every file of transaction `{name}` is as it was before the transaction"
                );
                std::iter::once(undone).chain(left_note(left)).collect()
            }
            Self::Open => vec![format!(
                "transaction `{name}` may be half done: the next resume, install or rollback restores its files first"
            )],
            Self::Committed => Vec::new(),
        }
    }
}

/// Commits one transaction. If it fails it is undone at once, if that can be done.
///
/// # Errors
/// [`Stopped`].
pub(crate) fn commit<'a>(
    place: Place<'a>,
    runs: &mut Runs,
    run: u32,
    changes: &'a PlannedChanges,
    compared: &'a ComparedTransaction<'_>,
    bundle_directories: &'a [RootPath],
) -> Result<(), Stopped> {
    commit_with(
        place,
        runs,
        run,
        changes.number,
        bundle_directories,
        |stage| prepare(place, stage, run, changes, compared),
    )
}

/// Commits the change of one file that a live step makes itself: `old` is what is there, `new` what is to be there, if
/// anything is.
///
/// # Errors
/// [`Stopped`].
pub(crate) fn commit_own<'a>(
    place: Place<'a>,
    runs: &mut Runs,
    run: u32,
    number: u32,
    change: &'a Change,
    (old, new): (&'a [u8], Option<&'a [u8]>),
    bundle_directories: &'a [RootPath],
) -> Result<(), Stopped> {
    commit_with(place, runs, run, number, bundle_directories, |stage| {
        let path = RootPath::from(change.path());
        let mut attributes = Attributes::default();
        let expected = match change.before() {
            Some((before, backup)) => {
                attributes = place.attributes(&path, before)?;
                runs::keep_backup(place.root, place.actions, run, backup, old, &attributes)?;
                runs::sync_backups(place.root, place.actions, run)?;
                Some(before)
            }
            None => None,
        };
        let new = match (new, change.after()) {
            (Some(bytes), Some(after)) => Some(NewFile {
                bytes,
                mode: after.mode.get(),
                owner: after.owner(),
                attributes: place.for_other_content(attributes),
            }),
            _ => None,
        };
        stage.add(Swap {
            path,
            expected,
            new,
        })?;
        Ok(())
    })
}

fn commit_with<'a>(
    place: Place<'a>,
    runs: &mut Runs,
    run: u32,
    transaction: u32,
    bundle_directories: &'a [RootPath],
    prepare: impl FnOnce(&mut Stage<'a>) -> Result<(), StateError>,
) -> Result<(), Stopped> {
    let tag = runs.get(run).and_then(|run| run.begin.stages.clone());
    // What cannot be removed at once is removed when this transaction is undone.
    place.actions.recognise(tag.clone());
    place.actions.name_after(tag);
    let mut stage = Stage::new(place, bundle_directories);
    let outcome = prepare(&mut stage)
        .map_err(Failure::certain)
        .and_then(|()| record(place, runs, run, Record::Prepared { transaction }))
        .and_then(|()| match stage.commit(true) {
            Ok(refused) => match refused.into_iter().next() {
                None => Ok(()),
                Some(path) => Err(Failure::certain(StateError::Host(HostError::Changed {
                    path: path.to_string(),
                }))),
            },
            Err(error) => Err(Failure::certain(error)),
        })
        .and_then(|()| record(place, runs, run, Record::Committed { transaction }));
    let cleared = stage.clear();
    match outcome {
        Ok(()) => cleared.map_err(|error| Stopped {
            error: error.into(),
            files: Aftermath::Committed,
        }),
        Err(failure) => {
            let undone = if failure.journal_is_certain {
                undo::undo_in_flight(place, runs, run).ok().flatten()
            } else {
                None
            };
            Err(Stopped {
                error: failure.error,
                files: undone.map_or(Aftermath::Open, |undone| Aftermath::Undone(undone.left)),
            })
        }
    }
}

/// A failure, and whether it is known what the journal holds.
struct Failure {
    error: StateError,
    journal_is_certain: bool,
}

impl Failure {
    const fn certain(error: StateError) -> Self {
        Self {
            error,
            journal_is_certain: true,
        }
    }
}

fn record(place: Place<'_>, runs: &mut Runs, run: u32, record: Record) -> Result<(), Failure> {
    runs.record(place.root, place.actions, run, record)
        .map_err(|failure| Failure {
            error: failure.error,
            journal_is_certain: failure.unchanged,
        })
}

/// Everything up to the point where files change.
fn prepare<'a>(
    place: Place<'a>,
    stage: &mut Stage<'a>,
    run: u32,
    changes: &'a PlannedChanges,
    compared: &'a ComparedTransaction<'_>,
) -> Result<(), StateError> {
    for change in &changes.changes {
        if let Change::MakeDirectory { path, after } = change {
            let owner = Owner {
                uid: after.uid,
                gid: after.gid,
            };
            make_directory(place, &RootPath::from(path), after.mode.get(), owner)?;
        }
    }
    let mut kept: BTreeMap<&HostPath, Attributes> = BTreeMap::new();
    for change in &changes.changes {
        if let Change::Replace {
            path,
            before,
            backup,
            ..
        } = change
            && let Some(old) =
                find(compared, path).and_then(|item| item.host.as_ref()?.bytes.as_ref())
        {
            let attributes = place.attributes(&RootPath::from(path), before)?;
            let (root, actions) = (place.root, place.actions);
            runs::keep_backup(root, actions, run, *backup, old.expose(), &attributes)?;
            kept.insert(path, attributes);
        }
    }
    if !kept.is_empty() {
        runs::sync_backups(place.root, place.actions, run)?;
    }
    for change in &changes.changes {
        let (path, expected, after) = match change {
            // The last two are a live step's own: see `commit_own`.
            Change::MakeDirectory { .. } | Change::Edit { .. } | Change::Remove { .. } => continue,
            Change::Create { path, after } => (path, None, after),
            Change::Replace {
                path,
                before,
                after,
                ..
            } => (path, Some(before), after),
        };
        if let Some(item) = find(compared, path) {
            stage.add(Swap {
                path: RootPath::from(path),
                expected,
                new: Some(NewFile {
                    bytes: item.planned.bytes,
                    mode: after.mode.get(),
                    owner: after.owner(),
                    attributes: place.for_other_content(kept.remove(path).unwrap_or_default()),
                }),
            })?;
        }
    }
    Ok(())
}

fn find<'c, 'a>(
    compared: &'c ComparedTransaction<'a>,
    path: &HostPath,
) -> Option<&'c FileItem<'a>> {
    compared.items.iter().find_map(|item| match item {
        Item::File(item) if item.planned.path == path => Some(item),
        _ => None,
    })
}

/// Makes the directory unless others did so meanwhile.
fn make_directory(
    place: Place<'_>,
    path: &RootPath,
    mode: u32,
    owner: Owner,
) -> Result<(), HostError> {
    if place.root.open_directory(path)?.is_some() {
        return Ok(());
    }
    let parent = open(place.root, &path.parent())?;
    if parent.inspect(path.file_name())? != Found::Missing {
        return Err(HostError::NotADirectory {
            path: path.to_string(),
        });
    }
    let owner = place.root.is_privileged().then_some(owner);
    place
        .actions
        .create_directory(&parent, path.file_name(), mode, owner)?;
    // By whatever path it was made, it can be one in which this program's own directories are to lie.
    place.root.forget_guard();
    Ok(())
}

//! Brings a transaction back to how everything was before it.
//!
//! In: the journal's account of the transaction, the backups, the lock. For each change, whatever had come of it:
//!
//! | on the host | what happens |
//! |---|---|
//! | as after the change | as before again |
//! | as before it | nothing |
//! | nothing there, and a step had removed the file | as before again, from the copy |
//! | anything else | others changed it: left and named, unless overwriting this path was allowed |
//!
//! So it may be stopped and run again at any time. The order of durable actions: what a killed run left in stages is removed; all old
//! files are staged and synced; they take their places, the last one that was changed first; their directories are synced; directories
//! that were made are removed if they are empty, innermost first; the stage is removed; the journal says `undone`.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;

use super::stage::{NewFile, Place, Stage, Swap};
use crate::host::{Attributes, Found, GROUP_BITS, HostError, RootPath};
use crate::state::StateError;
use crate::state::journal::record::{Bits, Change, FileState, Record};
use crate::state::journal::{Attempt, Progress, Run};
use crate::state::runs::{self, Runs};

/// What undoing a transaction came to.
#[derive(Debug, Default)]
pub(crate) struct Undone {
    /// Name of the transaction.
    pub(crate) transaction: String,
    /// Files and directories that are as before again, because of this.
    pub(crate) restored: Vec<HostPath>,
    /// Files and directories that others changed, and that were left.
    pub(crate) left: Vec<HostPath>,
}

/// What is to be done with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is as before.
    Nothing,
    /// It is as the run left it, or may be overwritten as it is.
    Back(Option<FileState>),
    /// Others changed it.
    Leave,
}

/// Undoes the transaction that was being committed when the run stopped; `None` if there is none.
///
/// # Errors
/// [`StateError`]; it can be tried again.
pub(crate) fn undo_in_flight(
    place: Place<'_>,
    runs: &mut Runs,
    run: u32,
) -> Result<Option<Undone>, StateError> {
    let Some(attempt) = runs.get(run).and_then(Run::in_flight).cloned() else {
        return Ok(None);
    };
    undo(place, runs, run, &attempt, &BTreeSet::new()).map(Some)
}

/// Undoes one transaction of a run, and says so in the journal.
///
/// # Errors
/// [`StateError`]; it can be tried again.
pub(crate) fn undo(
    place: Place<'_>,
    runs: &mut Runs,
    run: u32,
    attempt: &Attempt,
    overwrite: &BTreeSet<HostPath>,
) -> Result<Undone, StateError> {
    let changes = &attempt.planned.changes;
    let directories: Vec<RootPath> = changes
        .iter()
        .map(|change| RootPath::from(change.path()))
        .flat_map(|path| [path.parent(), path])
        .collect();
    place
        .actions
        .name_after(runs.get(run).and_then(|run| run.begin.stages.clone()));
    place.clear_leftovers(directories)?;
    let mut undone = Undone {
        transaction: attempt.planned.name.to_string(),
        ..Undone::default()
    };
    if matches!(attempt.progress, Progress::Prepared | Progress::Committed) {
        let Some(run) = runs.get(run) else {
            return Err(StateError::NoRun { run });
        };
        undo_files(place, run, changes, overwrite, &mut undone)?;
    }
    for change in changes.iter().rev() {
        if let Change::MakeDirectory { path, .. } = change {
            remove_directory(place, path, &mut undone)?;
        }
    }
    let record = Record::Undone {
        transaction: attempt.planned.number,
        left: undone.left.clone(),
    };
    runs.record(place.root, place.actions, run, record)
        .map_err(|failure| failure.error)?;
    Ok(undone)
}

/// What is to be done with a file that was changed.
///
/// # Errors
/// [`StateError`] if it cannot be looked at.
pub(crate) fn way(
    place: Place<'_>,
    change: &Change,
    overwrite: &BTreeSet<HostPath>,
) -> Result<Way, StateError> {
    if matches!(change, Change::MakeDirectory { .. }) {
        return Ok(Way::Nothing);
    }
    let path = change.path();
    let before = change.before().map(|(before, _)| before);
    let after = change.after();
    let at = RootPath::from(path);
    let directory = match place.root.open_directory(&at.parent()) {
        Ok(Some(directory)) => directory,
        Ok(None) if before.is_none() => return Ok(Way::Nothing),
        Ok(None) => return Ok(Way::Leave),
        Err(error) if error.is_of_the_way() => return Ok(Way::Leave),
        Err(error) => return Err(error.into()),
    };
    let name = at.file_name();
    let found = directory.inspect(name)?;
    match (found, before) {
        (Found::Missing, None) => return Ok(Way::Nothing),
        (_, Some(before)) if place.is_as(&directory, name, before)? => return Ok(Way::Nothing),
        _ => {}
    }
    match (found, after) {
        (Found::Missing, None) => return Ok(Way::Back(None)),
        (_, Some(after)) if place.is_as(&directory, name, after)? => {
            return Ok(Way::Back(Some(after.clone())));
        }
        _ => {}
    }
    // A file that had an access control list comes back without it, with fewer rights for its group.
    if let (Found::File(meta), Some(before)) = (found, before)
        && meta.mode & !before.mode.get() & GROUP_BITS == 0
    {
        let group = meta.mode & GROUP_BITS;
        let without_list = FileState {
            mode: Bits::new(before.mode.get() & !GROUP_BITS | group),
            ..before.clone()
        };
        if place.is_as(&directory, name, &without_list)? {
            return Ok(Way::Nothing);
        }
    }
    if !overwrite.contains(path) {
        return Ok(Way::Leave);
    }
    match (found, place.salt) {
        (Found::Missing, _) => Ok(Way::Back(None)),
        (Found::File(meta), Some(salt)) => match place.read(&directory, name)? {
            Some(bytes) => Ok(Way::Back(Some(FileState::of(
                meta,
                salt.digest(bytes.expose()),
            )))),
            None => Ok(Way::Leave),
        },
        _ => Ok(Way::Leave),
    }
}

fn undo_files(
    place: Place<'_>,
    run: &Run,
    changes: &[Change],
    overwrite: &BTreeSet<HostPath>,
    undone: &mut Undone,
) -> Result<(), StateError> {
    let directories = &run.begin.directories;
    let mut back: Vec<(&Change, Option<FileState>, Option<Old>)> = Vec::new();
    for change in changes.iter().rev() {
        match way(place, change, overwrite)? {
            Way::Nothing => {}
            Way::Leave => undone.left.push(change.path().clone()),
            Way::Back(found) => back.push((change, found, old(place, run.number(), change)?)),
        }
    }
    if back.is_empty() {
        return Ok(());
    }
    let directories: Vec<RootPath> = directories.iter().map(RootPath::from).collect();
    let mut stage = Stage::new(place, &directories);
    let mut outcome = Ok(());
    for (change, found, old) in &back {
        let new = match (change.before(), old) {
            (Some((before, _)), Some(old)) => Some(NewFile {
                bytes: old.bytes.expose(),
                mode: old.attributes.mode_without_list(before.mode.get()),
                owner: before.owner(),
                attributes: old.attributes.clone(),
            }),
            _ => None,
        };
        outcome = stage.add(Swap {
            path: RootPath::from(change.path()),
            expected: found.as_ref(),
            new,
        });
        if outcome.is_err() {
            break;
        }
    }
    let outcome = outcome
        .map_err(StateError::from)
        .and_then(|()| stage.commit(false));
    let cleared = stage.clear();
    let refused = outcome?;
    cleared?;
    for (change, ..) in &back {
        let path = change.path();
        if refused.contains(&RootPath::from(path)) {
            undone.left.push(path.clone());
        } else {
            undone.restored.push(path.clone());
        }
    }
    Ok(())
}

/// What a backup holds of a file.
struct Old {
    bytes: SecretBytes,
    attributes: Attributes,
}

/// What to bring back, if there is anything; the bytes must be those that were kept.
fn old(place: Place<'_>, run: u32, change: &Change) -> Result<Option<Old>, StateError> {
    let Some((before, backup)) = change.before() else {
        return Ok(None);
    };
    let bytes = runs::backup(place.root, run, backup)?;
    if !before.digest.matches(bytes.expose(), place.salt)? {
        return Err(StateError::BadBackup {
            path: runs::path(run).join("backup").join(&backup.to_string()),
            of: change.path().clone(),
        });
    }
    let attributes = runs::attributes(place.root, run, backup, change.path())?;
    Ok(Some(Old { bytes, attributes }))
}

/// Removes a directory that was made, if nothing is in it.
fn remove_directory(
    place: Place<'_>,
    path: &HostPath,
    undone: &mut Undone,
) -> Result<(), StateError> {
    let at = RootPath::from(path);
    let parent = match place.root.open_directory(&at.parent()) {
        Ok(Some(parent)) => parent,
        Ok(None) => return Ok(()),
        // It is not where it was made: what has its path now is not ours to remove.
        Err(error) if error.is_of_the_way() => {
            undone.left.push(path.clone());
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if !matches!(parent.inspect(at.file_name())?, Found::Directory(_)) {
        return Ok(());
    }
    match place.actions.remove_directory(&parent, at.file_name()) {
        Ok(()) => {
            place.actions.sync_directory(&parent)?;
            undone.restored.push(path.clone());
        }
        Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::DirectoryNotEmpty => {
            undone.left.push(path.clone());
        }
        // By this path another directory is reached now, one that is never removed.
        Err(error) if error.is_of_the_way() => undone.left.push(path.clone()),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

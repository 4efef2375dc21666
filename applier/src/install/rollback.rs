//! Restores the host to how it was before a run.
//!
//! In: the run's journal and backups, and the lock. Out: files, modes and owners as before; what was added is gone. The order: the
//! journal says that it begins; each committed transaction is undone, the last one first ([`super::undo`]); `installed.json` says what
//! it said before; the journal says that it is over; the backups are removed. Stopped anywhere, the next one goes on.
//!
//! Serials are not put back: that a newer plan was here stays known.

use std::collections::BTreeSet;

use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::timestamp::Timestamp;

use super::stage::Place;
use super::undo::{self, Undone, Way};
use crate::host::{Actions, Found, Root, RootPath};
use crate::state::StateError;
use crate::state::journal::record::{Change, Record};
use crate::state::journal::{Attempt, Progress, Run, Standing};
use crate::state::memory::Memory;

/// What a rollback came to.
#[derive(Debug, Default)]
pub(crate) struct RolledBack {
    /// Files and directories that are as before again.
    pub(crate) restored: Vec<HostPath>,
    /// Files and directories that others changed, and that were left.
    pub(crate) left: Vec<HostPath>,
}

impl RolledBack {
    /// Adds what became of an earlier transaction: of a path that several changed the last word is that of the first.
    fn add(&mut self, undone: Undone) {
        let known = |paths: &[HostPath], path: &HostPath| paths.contains(path);
        for path in undone.restored {
            if !known(&self.restored, &path) && !known(&self.left, &path) {
                self.restored.push(path);
            }
        }
        for path in undone.left {
            self.restored.retain(|restored| *restored != path);
            if !known(&self.left, &path) {
                self.left.push(path);
            }
        }
    }
}

/// What a rollback would do with a file.
#[derive(Debug)]
pub(crate) struct Preview {
    /// Which.
    pub(crate) path: HostPath,
    /// One word: `restore`, `remove` or `leave`.
    pub(crate) action: &'static str,
}

/// The transactions that are to be undone, the last one first.
fn to_undo(run: &Run) -> Vec<Attempt> {
    let in_flight = run.in_flight().map(|attempt| attempt.planned.number);
    run.attempts
        .iter()
        .rev()
        .filter(|attempt| match attempt.progress {
            Progress::Prepared | Progress::Committed => true,
            Progress::Planned => Some(attempt.planned.number) == in_flight,
            Progress::Undone => false,
        })
        .cloned()
        .collect()
}

/// What a rollback would do, in the order of doing it. Changes nothing.
///
/// # Errors
/// [`StateError`] if the host cannot be looked at.
pub(crate) fn preview(
    place: Place<'_>,
    run: &Run,
    overwrite: &BTreeSet<HostPath>,
) -> Result<Vec<Preview>, StateError> {
    let mut previews: Vec<Preview> = Vec::new();
    for attempt in to_undo(run) {
        for change in attempt.planned.changes.iter().rev() {
            let action = match change {
                Change::MakeDirectory { .. } | Change::Create { .. } => "remove",
                Change::Replace { .. } | Change::Edit { .. } | Change::Remove { .. } => "restore",
            };
            // What the run changed twice is first brought to how it was between the two.
            let known = previews
                .iter()
                .position(|preview| preview.path == *change.path());
            if let Some(at) = known {
                let gone = place.root.look(&RootPath::from(change.path()))? == Found::Missing;
                if matches!(change, Change::Create { .. }) && gone {
                    previews.remove(at);
                } else if let Some(preview) = previews.get_mut(at).filter(|p| p.action != "leave") {
                    preview.action = action;
                }
                continue;
            }
            let action = match (undo::way(place, change, overwrite)?, change) {
                (_, Change::MakeDirectory { .. }) | (Way::Back(_), _) => action,
                (Way::Nothing, _) => continue,
                (Way::Leave, _) => "leave",
            };
            previews.push(Preview {
                path: change.path().clone(),
                action,
            });
        }
    }
    Ok(previews)
}

/// Says in the journal that the run is being rolled back.
///
/// # Errors
/// [`StateError`].
pub(crate) fn begin(
    memory: &mut Memory,
    root: &Root,
    actions: &Actions,
    now: Timestamp,
    run: u32,
    overwrite: &BTreeSet<HostPath>,
) -> Result<(), StateError> {
    let record = Record::RollbackBegun {
        time: now,
        overwrite: overwrite.iter().cloned().collect(),
    };
    memory
        .runs
        .record(root, actions, run, record)
        .map_err(|failure| failure.error)
}

/// Rolls back a run for which [`begin`] was called, by this run of the program or an earlier one.
///
/// # Errors
/// [`StateError`]; it can be tried again.
pub(crate) fn carry_out(
    memory: &mut Memory,
    root: &Root,
    actions: &Actions,
    now: Timestamp,
    number: u32,
) -> Result<RolledBack, StateError> {
    let run = memory
        .runs
        .get(number)
        .filter(|run| matches!(run.standing, Standing::RollingBack(_)))
        .cloned()
        .ok_or(StateError::NoRun { run: number })?;
    let overwrite: BTreeSet<HostPath> = run.overwrite.iter().cloned().collect();
    let place = Place {
        root,
        actions,
        salt: memory.salt.as_ref(),
    };
    let mut outcome = RolledBack::default();
    for attempt in to_undo(&run) {
        let undone = undo::undo(place, &mut memory.runs, number, &attempt, &overwrite)?;
        outcome.add(undone);
    }
    let before = memory.installed.clone();
    let Run { begin, .. } = &run;
    memory
        .installed
        .restore(&begin.cluster, &begin.node, begin.previous.as_ref());
    if memory.installed != before {
        memory.installed.store(root, actions)?;
    }
    let record = Record::RolledBack {
        time: now,
        left: outcome.left.clone(),
    };
    memory
        .runs
        .record(root, actions, number, record)
        .map_err(|failure| failure.error)?;
    memory.runs.prune(root, actions, now)?;
    Ok(outcome)
}

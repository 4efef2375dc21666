//! Before anything else: what a stopped run left half done is brought to an end.
//!
//! In: the memory, and the lock. Out: a host on which each transaction is applied completely or not at all. A transaction that was being committed
//! is undone; a rollback that was begun is carried to its end. Called by `install`, `resume` and `rollback`, never by a
//! command that only looks.

use kubeplan_bundle::timestamp::Timestamp;

use super::rollback;
use super::stage::Place;
use super::undo::{self, Undone};
use crate::host::{Actions, Root};
use crate::state::StateError;
use crate::state::journal::{Run, Standing};
use crate::state::memory::Memory;
use crate::state::runs;

/// Brings the host to where the journal can go on. Returns what was done, for people.
///
/// # Errors
/// [`StateError`]; it can be tried again.
pub(crate) fn recover(
    memory: &mut Memory,
    root: &Root,
    actions: &Actions,
    now: Timestamp,
) -> Result<Vec<String>, StateError> {
    let mut notes = Vec::new();
    tidy(memory, root, actions)?;
    let Some((number, standing)) = memory
        .runs
        .current()
        .map(|run| (run.number(), run.standing.clone()))
    else {
        notes.extend(actions.take_remarks());
        return Ok(notes);
    };
    match standing {
        Standing::RollingBack(_) => {
            let outcome = rollback::carry_out(memory, root, actions, now, number)?;
            notes.push(format!(
                "the interrupted rollback of run {number} was completed ({} files and directories)",
                outcome.restored.len()
            ));
            notes.extend(left_note(&outcome.left));
        }
        Standing::Open | Standing::Superseded(_) => {
            let place = Place {
                root,
                actions,
                salt: memory.salt.as_ref(),
            };
            // Stages of a transaction that was committed as the last thing.
            let paths: Vec<_> = memory
                .runs
                .get(number)
                .into_iter()
                .flat_map(Run::changes)
                .map(|change| crate::host::RootPath::from(change.path()).parent())
                .collect();
            place.clear_leftovers(paths)?;
            if let Some(undone) = undo::undo_in_flight(place, &mut memory.runs, number)? {
                notes.push(undone_note(&undone));
                notes.extend(left_note(&undone.left));
            }
        }
        Standing::Finished(_) | Standing::RolledBack(_) => {}
    }
    notes.extend(actions.take_remarks());
    Ok(notes)
}

/// Makes the state directory fit to be written to: the journal ends with a whole record, and nothing temporary is left.
///
/// # Errors
/// [`StateError`]; it can be tried again.
pub(crate) fn tidy(memory: &mut Memory, root: &Root, actions: &Actions) -> Result<(), StateError> {
    actions.recognise(memory.runs.tags());
    let current = memory.runs.current();
    actions.name_after(current.and_then(|run| run.begin.stages.clone()));
    memory.runs.repair(root, actions)?;
    let directories = runs::directories(&memory.runs);
    Ok(Place::of(memory, root, actions).clear_leftovers(directories)?)
}

fn undone_note(undone: &Undone) -> String {
    format!(
        "an earlier run was interrupted in transaction `{}`; its files were restored to how they were before it",
        undone.transaction
    )
}

/// Names what others changed meanwhile.
pub(crate) fn left_note(left: &[kubeplan_bundle::path::HostPath]) -> Option<String> {
    let paths: Vec<&str> = left.iter().map(|path| path.as_str()).collect();
    (!paths.is_empty()).then(|| {
        format!(
            "left as they are, because they were changed in the meantime or are not empty: {}",
            paths.join(", ")
        )
    })
}

//! The transaction that a live step commits, once it knows what fills the hole of its file.
//!
//! In: the step's request, the run that is open. Out: the transaction committed as every other one ([`super::commit`]): what it changes is
//! recorded first (record `filled`), so a run that is stopped from then on is brought back and goes on like any other. Nothing of the
//! transaction is decided before: the host is compared when the step asks, with the text that will be written.

use std::error::Error;

use kubeplan_bundle::index::{Place, TransactionName};
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;

use super::changes::{self, Numbers};
use super::commit;
use super::compare::{Comparer, Comparison, FileAction, Item};
use super::obstacles::obstacles;
use super::planned::{self, PlannedEntry, PlannedTransaction};
use super::stage;
use super::steps::{LiveSteps, Recorder};
use crate::host::{Root, RootPath};
use crate::state::StateError;
use crate::state::journal::record::Record;
use crate::steps::holes::fill_text;
use crate::steps::{ChangeError, Committed, Committer, Filled, Removal, Standing};

/// No run is open.
pub(super) const NONE_OPEN: &str = "no run is open in whose journal the change would be recorded";

/// Why it cannot be done: of an installation, of the host, or said in a few words.
pub(super) type Trouble = Box<dyn Error + Send + Sync>;

impl Committer for Recorder<'_, '_> {
    fn look(&mut self, transaction: &TransactionName) -> Result<Standing, ChangeError> {
        self.standing(transaction)
            .map_err(of(transaction, "looked at"))
    }

    fn begin(&mut self, position: usize, leaves: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (Some(run), Some(step)) = (self.steps.run.get(), self.steps.index.steps.get(position))
        else {
            return Ok(());
        };
        let time = self.clock.now().ok_or("the system's clock has no time")?;
        let record = Record::LiveStepBegun {
            position,
            phase: step.phase().clone(),
            leaves: leaves.to_owned(),
            time,
        };
        self.record(run, record).map_err(Into::into)
    }

    fn commit(
        &mut self,
        transaction: &TransactionName,
        value: &str,
    ) -> Result<Committed, ChangeError> {
        self.fill(transaction, value)
            .map_err(of(transaction, "committed"))
    }

    fn replace(
        &mut self,
        position: usize,
        path: &HostPath,
        (old, new): (&SecretBytes, &SecretBytes),
        mode: u32,
    ) -> Result<(), ChangeError> {
        self.replace_own(position, path, (old, new), mode)
            .map_err(of_file(path, "replaced"))
    }

    fn remove(&mut self, position: usize, path: &HostPath) -> Result<Removal, ChangeError> {
        self.remove_own(position, path)
            .map_err(of_file(path, "removed"))
    }
}

impl Recorder<'_, '_> {
    /// Compares with what is installed by now.
    fn compare<'a>(
        &self,
        planned: &'a [PlannedTransaction<'a>],
    ) -> Result<Comparison<'a>, StateError> {
        let steps = self.steps;
        let installed = self.memory.as_installed();
        let comparer = Comparer::of(
            self.memory,
            steps.root,
            steps.index,
            &installed,
            &steps.request.overwrite,
        );
        comparer.compare(planned)
    }

    fn standing(&self, name: &TransactionName) -> Result<Standing, Trouble> {
        let steps = self.steps;
        let planned = [transaction(steps, name)?];
        let comparison = self.compare(&planned)?;
        let mut standing = Standing {
            file: Filled::Otherwise,
            data: None,
        };
        for item in comparison.items() {
            match item {
                Item::File(item) if item.planned.hole.is_some() => {
                    standing.file = match item.action {
                        FileAction::Create => Filled::Missing,
                        FileAction::Unchanged | FileAction::Adopt => Filled::AsPlanned,
                        _ => Filled::Otherwise,
                    };
                }
                Item::File(_) => {}
                Item::Directory(item) => {
                    let directory = RootPath::from(item.planned.path);
                    if is_left_to_others(steps, &directory)
                        && holds_anything(steps.root, &directory)?
                    {
                        standing.data = Some(item.planned.path.clone());
                    }
                }
            }
        }
        Ok(standing)
    }

    fn fill(&mut self, name: &TransactionName, value: &str) -> Result<Committed, Trouble> {
        let steps = self.steps;
        let mut planned = transaction(steps, name)?;
        let filled = filled_text(&planned, value)?;
        for entry in &mut planned.entries {
            if let PlannedEntry::File(file) = entry
                && file.hole.take().is_some()
            {
                file.bytes = &filled;
            }
        }
        planned.is_live = false;
        let planned = [planned];
        let comparison = self.compare(&planned)?;
        if comparison.refuses() {
            return Err(obstacles(steps.root, &comparison).into());
        }
        if comparison.changes() == 0 {
            let left = comparison
                .items()
                .any(|item| matches!(item, Item::File(item) if item.action == FileAction::Drift));
            return Ok(if left {
                Committed::Left
            } else {
                Committed::Unchanged
            });
        }
        let number = self.open_run()?;
        let run = self.memory.runs.get(number).ok_or(NONE_OPEN)?;
        let numbers = Numbers {
            transaction: run.next_transaction(),
            backup: run.next_backup(),
        };
        let directories: Vec<RootPath> = run.begin.directories.iter().map(RootPath::from).collect();
        let salt = self
            .memory
            .salt
            .as_ref()
            .ok_or("there is no key for the digests of the journal")?;
        let changes = changes::plan(steps.root, &comparison, salt, numbers)?;
        let record = Record::Filled {
            time: self.clock.now().ok_or("the system's clock has no time")?,
            transactions: changes.iter().map(|(changes, _)| changes.clone()).collect(),
        };
        self.record(number, record)?;
        for (changes, compared) in &changes {
            let place = stage::Place {
                root: steps.root,
                actions: steps.actions,
                salt: self.memory.salt.as_ref(),
            };
            let runs = &mut self.memory.runs;
            commit::commit(place, runs, number, changes, compared, &directories)
                .map_err(|stopped| stopped.advice(&changes.name))?;
        }
        Ok(Committed::Written)
    }
}

/// The transaction as the index has it.
fn transaction<'a>(
    steps: &LiveSteps<'a>,
    name: &TransactionName,
) -> Result<PlannedTransaction<'a>, Trouble> {
    planned::transactions(steps.index, steps.contents)?
        .into_iter()
        .find(|planned| planned.name == name)
        .ok_or_else(|| "the bundle does not have it".into())
}

/// The text of its file with `value` in its hole.
fn filled_text(planned: &PlannedTransaction<'_>, value: &str) -> Result<Vec<u8>, Trouble> {
    let file = planned.entries.iter().find_map(|entry| match entry {
        PlannedEntry::File(file) => Some((file, file.hole?)),
        PlannedEntry::Directory(_) => None,
    });
    let (file, hole) = file.ok_or("no file of it has a hole")?;
    fill_text(file.bytes, hole, value).map_err(|reason| format!("`{}`: {reason}", file.path).into())
}

/// Whether the bundle puts nothing below the directory: it is there for what runs on the host.
fn is_left_to_others(steps: &LiveSteps<'_>, directory: &RootPath) -> bool {
    !steps.index.entries.iter().any(|entry| match &entry.place {
        Place::File(placement) | Place::Directory(placement) => RootPath::from(&placement.path)
            .ancestors()
            .contains(directory),
        Place::Object | Place::Payload => false,
    })
}

fn holds_anything(root: &Root, directory: &RootPath) -> Result<bool, Trouble> {
    Ok(match root.open_directory(directory)? {
        Some(directory) => !directory.names()?.is_empty(),
        None => false,
    })
}

/// What could not be done to the files of a transaction.
fn of<'a>(
    transaction: &'a TransactionName,
    what: &'static str,
) -> impl FnOnce(Trouble) -> ChangeError + 'a {
    move |source| ChangeError {
        which: format!("the files of transaction `{transaction}`"),
        what,
        source,
    }
}

/// What could not be done to a file.
fn of_file<'a>(path: &'a HostPath, what: &'static str) -> impl FnOnce(Trouble) -> ChangeError + 'a {
    move |source| ChangeError {
        which: format!("`{path}`"),
        what,
        source,
    }
}

#[cfg(test)]
mod tests;

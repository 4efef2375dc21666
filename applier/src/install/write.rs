//! Everything that changes the host: the run begins, each transaction is committed, the end is recorded.
//!
//! In: a comparison that refuses nothing, the lock, a memory after [`super::recover`]. Out: a host as planned, or an error that says how
//! far it came; the journal says the same. A run of the same bundle that was interrupted goes on in its own journal; on top of one of another
//! bundle a new run begins.

use std::collections::BTreeSet;

use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::Advice;

use super::InstallError;
use super::changes::{self, Numbers};
use super::commit::{self, Aftermath};
use super::compare::ComparedTransaction;
use super::receipt::{self, Told};
use super::record::{ensure_salt, remember};
use super::stage::Place;
use super::steps::LateRun;
use super::supervise;
use super::writing::Writing;
use crate::host::{RootPath, RunTag};
use crate::state::StateError;
use crate::state::journal::record::{Begin, FORMAT, PlannedChanges, Record};
use crate::state::journal::{Run, Standing};
use crate::state::memory::Memory;

impl LateRun for Writing<'_, '_> {
    fn begin_late(&self, memory: &mut Memory) -> Result<u32, InstallError> {
        self.refuse_unconfirmed(memory)?;
        ensure_salt(memory, self.root, self.actions).map_err(|error| self.not_begun(error))?;
        let (run, _) = self.begin(memory)?;
        self.arm(memory, run)?;
        Ok(run)
    }
}

/// A transaction as the journal and as the comparison have it.
type Planned<'a> = (PlannedChanges, &'a ComparedTransaction<'a>);

impl<'a> Writing<'a, '_> {
    /// Writes every file. Returns the number of the run, which is open until [`Writing::finish`]; `None` if there was nothing to
    /// change and nothing else that the journal has to tell.
    ///
    /// # Errors
    /// [`InstallError::PartWay`].
    pub(super) fn write(&self, memory: &mut Memory) -> Result<Option<u32>, InstallError> {
        let early = |error| self.not_begun(error);
        let directories: Vec<RootPath> = self
            .comparison
            .items()
            .map(|item| RootPath::from(item.path()))
            .collect();
        Place::of(memory, self.root, self.actions)
            .clear_leftovers(directories)
            .map_err(|error| early(error.into()))?;
        memory
            .runs
            .prune(self.root, self.actions, self.now)
            .map_err(early)?;
        let nothing = self.comparison.changes() == 0 && memory.runs.interrupted().is_none();
        if nothing && !self.live_steps_are_new {
            remember(self, memory, false, self.done).map_err(early)?;
            return Ok(None);
        }
        ensure_salt(memory, self.root, self.actions).map_err(early)?;
        let (run, planned) = self.begin(memory)?;
        self.arm(memory, run)?;
        let done = self.commit(memory, run, &planned)?;
        remember(self, memory, true, self.done)
            .map_err(|error| self.stopped("while recording what was installed", done, error))?;
        Ok(Some(run))
    }

    /// Records the steps that are done and, unless one failed, keeps the receipt and records the end of the run. Returns the
    /// path of the receipt, if one was written.
    ///
    /// # Errors
    /// [`InstallError::PartWay`].
    pub(super) fn finish(
        &self,
        memory: &mut Memory,
        run: Option<u32>,
        told: &Told<'_>,
        failed: bool,
    ) -> Result<Option<String>, InstallError> {
        let end = |memory: &mut Memory| {
            remember(self, memory, run.is_some(), told.done)?;
            if failed {
                return Ok(None);
            }
            let receipt = receipt::keep(self, told)?;
            if let Some(run) = run {
                self.record(memory, run, Record::Finished { time: self.now })?;
                memory.runs.prune(self.root, self.actions, self.now)?;
            }
            Ok(receipt)
        };
        end(memory).map_err(|error| {
            let changes = self.comparison.changes_before_live_steps();
            self.stopped("while recording what was installed", changes, error)
        })
    }

    /// Begins a run, or goes on with the one that was interrupted.
    fn begin(&self, memory: &mut Memory) -> Result<(u32, Vec<Planned<'a>>), InstallError> {
        let early = |error| self.not_begun(error);
        let interrupted = memory.runs.interrupted();
        let same = interrupted.filter(|run| {
            run.standing == Standing::Open && run.begin.index_digest == self.index_digest
        });
        let numbers = same.map_or(
            Numbers {
                transaction: 1,
                backup: 1,
            },
            |run| Numbers {
                transaction: run.next_transaction(),
                backup: run.next_backup(),
            },
        );
        let salt = memory.salt.as_ref().ok_or(InstallError::NoSalt)?;
        let planned = changes::plan(self.root, self.comparison, salt, numbers)?;
        let transactions = planned.iter().map(|(changes, _)| changes.clone()).collect();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        if let Some(number) = same.map(Run::number) {
            let resumed = Record::Resumed {
                time: self.now,
                version,
                transactions,
            };
            self.record(memory, number, resumed).map_err(early)?;
            let tag = memory
                .runs
                .get(number)
                .and_then(|run| run.begin.stages.clone());
            self.actions.name_after(tag);
            return Ok((number, planned));
        }
        let next = memory.runs.next_number();
        if let Some(below) = interrupted.map(Run::number) {
            memory.installed = memory.as_installed();
            memory
                .installed
                .store(self.root, self.actions)
                .and_then(|()| self.record(memory, below, Record::Superseded { by: next }))
                .map_err(early)?;
        }
        let tag = RunTag::random().map_err(|error| early(error.into()))?;
        let begin = Begin {
            format: FORMAT.to_owned(),
            run: next,
            time: self.now,
            version,
            request: self.request.recorded(),
            index_digest: self.index_digest,
            plan_digest: self.index.plan_digest,
            cluster: self.index.cluster.clone(),
            node: self.index.node.name.clone(),
            serial: self.index.serial,
            confirm_by: self
                .request
                .confirm_within
                .map(|within| self.now.saturating_add(within)),
            previous: memory
                .installed
                .node(&self.index.cluster, &self.index.node.name)
                .cloned(),
            stages: Some(tag.clone()),
            directories: self.named_directories(),
            transactions,
        };
        let run = memory
            .runs
            .begin(self.root, self.actions, begin)
            .map_err(early)?;
        self.actions.name_after(Some(tag));
        Ok((run, planned))
    }

    /// Whether the run before waits to be confirmed: on top of it nothing is changed.
    fn refuse_unconfirmed(&self, memory: &Memory) -> Result<(), InstallError> {
        match memory.runs.current() {
            Some(run)
                if run.waits_for_confirm().is_some()
                    && matches!(run.standing, Standing::Finished(_)) =>
            {
                Err(InstallError::unconfirmed(self.root, run.number(), None))
            }
            _ => Ok(()),
        }
    }

    fn named_directories(&self) -> Vec<kubeplan_bundle::path::HostPath> {
        self.comparison
            .items()
            .filter_map(|item| match item {
                super::compare::Item::Directory(item) => Some(item.planned.path.clone()),
                super::compare::Item::File(_) => None,
            })
            .collect()
    }

    /// Sees to it that the run is rolled back unless it is confirmed in time. Nothing was changed yet.
    fn arm(&self, memory: &mut Memory, run: u32) -> Result<(), InstallError> {
        let Some(within) = self.request.confirm_within else {
            return Ok(());
        };
        supervise::arm(self.root, run, within).or_else(|error| {
            let none = BTreeSet::new();
            super::rollback::begin(memory, self.root, self.actions, self.now, run, &none)?;
            super::rollback::carry_out(memory, self.root, self.actions, self.now, run)?;
            Err(error)
        })
    }

    /// Returns how many changes are in place.
    fn commit(
        &self,
        memory: &mut Memory,
        run: u32,
        planned: &[Planned<'a>],
    ) -> Result<usize, InstallError> {
        let directories = changes::bundle_directories(self.comparison);
        let mut done = 0;
        for (changes, compared) in planned {
            let place = Place {
                root: self.root,
                actions: self.actions,
                salt: memory.salt.as_ref(),
            };
            let outcome = commit::commit(
                place,
                &mut memory.runs,
                run,
                changes,
                compared,
                &directories,
            );
            let Err(stopped) = outcome else {
                done += changes.changes.len();
                continue;
            };
            let name = &changes.name;
            let at = if matches!(stopped.files, Aftermath::Committed) {
                done += changes.changes.len();
                format!("after transaction `{name}`")
            } else {
                format!("in transaction `{name}`")
            };
            let mut why = Advice::because(stopped.error);
            why = memory
                .runs
                .get(run)
                .and_then(in_place)
                .into_iter()
                .fold(why, Advice::and);
            why = stopped.files.hints(name).into_iter().fold(why, Advice::and);
            return Err(self.part_way(&at, done, self.ways_on(why)));
        }
        Ok(done)
    }

    fn record(&self, memory: &mut Memory, run: u32, record: Record) -> Result<(), StateError> {
        memory
            .runs
            .record(self.root, self.actions, run, record)
            .map_err(|failure| failure.error)
    }

    /// A failure while nothing of this run is in place. To roll back would be to roll back the run before: that is not offered.
    fn not_begun(&self, source: StateError) -> InstallError {
        let why = Advice::because(source).and(format!(
            "remove the cause and run the same command again; `{}` shows the state of this host",
            super::next::command(self.root, &["status"])
        ));
        self.part_way("before the first transaction", 0, why)
    }

    fn stopped(&self, at: &str, done: usize, source: StateError) -> InstallError {
        self.part_way(at, done, self.ways_on(Advice::because(source)))
    }

    fn part_way(&self, at: &str, done: usize, why: Advice) -> InstallError {
        InstallError::PartWay {
            at: at.to_owned(),
            done,
            planned: self
                .comparison
                .changes_before_live_steps()
                .saturating_add(self.comparison.parents.len()),
            why,
        }
    }

    fn ways_on(&self, why: Advice) -> Advice {
        let command = |words: &[&str]| super::next::command(self.root, words);
        why.and(format!(
            "remove the cause, then continue with `{}` or undo the run with `{}`; `{}` shows the state of this host",
            command(&["resume"]),
            command(&["rollback", "--yes"]),
            command(&["status"]),
        ))
    }
}

/// Names paths that the run has in place, if there are any.
fn in_place(run: &Run) -> Option<String> {
    const SHOWN: usize = 12;
    let in_place: Vec<&str> = run
        .paths_in_place()
        .into_iter()
        .map(HostPath::as_str)
        .collect();
    let shown = in_place.get(..SHOWN.min(in_place.len()))?;
    let more = match in_place.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!shown.is_empty()).then(|| format!("in place: {}{more}", shown.join(", ")))
}

//! Which steps of a bundle are run, and how the live ones go on record.
//!
//! In: what the operator asks for, the index. Out: the files' share and positions of live steps; each live step that is done
//! is in the journal before the next one begins.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::error::Error;

use kubeplan_bundle::index::{EntryName, Index, Place};
use kubeplan_bundle::step::Step;
use kubeplan_terminal::Advice;

use super::InstallError;
use super::compare::Comparison;
use super::means::{Means, Operator};
use crate::contents::Contents;
use crate::host::clock::Clock;
use crate::host::{Actions, Root};
use crate::state::StateError;
use crate::state::journal::record::Record;
use crate::state::memory::Memory;
use crate::steps::{self, Committer, Event, LiveFailure, LiveOutcome, LiveRequest, Observer};

use super::planned::PlannedTransaction;
use super::request::Request;

/// Which steps are run on this host.
pub(super) struct Selected {
    /// Whether the bundle's checks are run.
    pub(super) preflight: bool,
    /// Positions of the steps that put files in place; if there are none, files are compared and not written.
    pub(super) commits: BTreeSet<usize>,
    /// Positions of live steps; none unless the root is the running system.
    pub(super) live: BTreeSet<usize>,
}

impl Selected {
    /// # Errors
    /// [`InstallError::Phase`] or [`InstallError::NoSuchObject`] if the bundle does not have it.
    pub(super) fn of(request: &Request, index: &Index, root: &Root) -> Result<Self, InstallError> {
        let wanted = &request.steps;
        let positions = wanted.phases.select(index)?;
        let object = |name: &EntryName| index.entry(name).is_some_and(|e| e.place == Place::Object);
        if let Some(unknown) = request.overwrite_objects.iter().find(|name| !object(name)) {
            return Err(InstallError::NoSuchObject(unknown.clone()));
        }
        let of = |is: fn(&Step) -> bool| -> BTreeSet<usize> {
            let steps = positions.iter().copied();
            steps
                .filter(|position| index.steps.get(*position).is_some_and(is))
                .collect()
        };
        let mut selected = Self {
            preflight: !of(Step::only_looks).is_empty(),
            commits: of(|step| step.commits().is_some() && !step.is_live()),
            live: of(Step::is_live),
        };
        if wanted.live_only {
            selected.commits.clear();
        }
        if wanted.files_only || !root.is_live() {
            selected.live.clear();
        }
        Ok(selected)
    }
}

impl Selected {
    /// Positions of the steps whose files are looked at: those that put files in place, all of them if none is to; and the live
    /// ones that will.
    pub(super) fn transactions(&self, planned: &[PlannedTransaction<'_>]) -> BTreeSet<usize> {
        let positions = planned.iter().filter(|transaction| {
            let position = &transaction.position;
            if transaction.is_live {
                self.live.contains(position)
            } else {
                self.commits.is_empty() || self.commits.contains(position)
            }
        });
        positions.map(|transaction| transaction.position).collect()
    }
}

/// Files are to be left alone, and are not as planned.
pub(super) fn not_as_planned(comparison: &Comparison<'_>) -> InstallError {
    InstallError::NotAsPlanned {
        changes: comparison.changes_before_live_steps(),
        first: Advice::hint("install the files first, without --live-only and with their phases"),
    }
}

/// Begins a run when a live step turns out to change a file, and nothing else had to be told.
pub(super) trait LateRun {
    /// Returns the run's number.
    ///
    /// # Errors
    /// [`InstallError`].
    fn begin_late(&self, memory: &mut Memory) -> Result<u32, InstallError>;
}

/// The live steps of one run.
pub(super) struct LiveSteps<'a> {
    pub(super) request: &'a Request,
    pub(super) index: &'a Index,
    pub(super) contents: &'a dyn Contents,
    pub(super) root: &'a Root,
    pub(super) actions: &'a Actions,
    pub(super) selected: &'a BTreeSet<usize>,
    /// Those that were done before.
    pub(super) completed: &'a BTreeSet<usize>,
    /// Files changed in this run, or in the one that it goes on with.
    pub(super) files_changed: bool,
    /// The run whose journal tells of them; none if nothing is left to be told.
    pub(super) run: Cell<Option<u32>>,
    /// What begins a run if a step changes a file all the same.
    pub(super) late: Option<&'a dyn LateRun>,
}

impl LiveSteps<'_> {
    /// Runs them up to the first that fails.
    pub(super) fn run(&self, memory: &mut Memory, means: &mut Means<'_>) -> LiveOutcome {
        let request = LiveRequest {
            index: self.index,
            contents: self.contents,
            root: self.root,
            programs: &means.programs,
            clock: means.clock,
            files_changed: self.files_changed,
            completed: self.completed,
            selected: self.selected,
            overwrite: &self.request.overwrite_objects,
            skip_token_print: self.request.skip_token_print,
        };
        let mut recorder = Recorder {
            operator: &mut *means.operator,
            clock: means.clock,
            memory,
            steps: self,
        };
        steps::run(&request, &mut recorder)
    }

    /// The error that a step which failed ends the run with.
    pub(super) fn error(&self, failure: LiveFailure) -> InstallError {
        let go_on = match self.run.get() {
            Some(_) => format!("`{}`", super::next::command(self.root, &["resume"])),
            None => "the same command".to_owned(),
        };
        let hints = failure.hints(&go_on).into_iter();
        InstallError::Live {
            step: failure.step,
            phase: failure.phase,
            what: failure.what,
            why: hints.fold(Advice::because(failure.source), Advice::and),
        }
    }
}

/// Hands events on, and writes what is done into the journal.
pub(super) struct Recorder<'a, 'b> {
    pub(super) operator: &'a mut dyn Operator,
    pub(super) clock: Clock,
    pub(super) memory: &'a mut Memory,
    pub(super) steps: &'a LiveSteps<'b>,
}

impl Observer for Recorder<'_, '_> {
    fn event(&mut self, event: &Event) {
        self.operator.event(event);
    }

    fn completed(
        &mut self,
        position: usize,
        _outcome: &str,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (Some(run), Some(step)) = (self.steps.run.get(), self.steps.index.steps.get(position))
        else {
            return Ok(());
        };
        let time = self.clock.now().ok_or("the system's clock has no time")?;
        let record = Record::LiveStep {
            position,
            phase: step.phase().clone(),
            what: step.summary(),
            time,
        };
        self.record(run, record).map_err(Into::into)
    }

    fn files(&mut self) -> Option<&mut dyn Committer> {
        Some(self)
    }
}

impl Recorder<'_, '_> {
    /// Writes a record into the journal of the run.
    pub(super) fn record(&mut self, run: u32, record: Record) -> Result<(), StateError> {
        self.memory
            .runs
            .record(self.steps.root, self.steps.actions, run, record)
            .map_err(|failure| failure.error)
    }
}

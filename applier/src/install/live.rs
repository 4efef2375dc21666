//! The live steps of an installation: which are run, and what the operator is told if one fails.
//!
//! In: what the operator asked for, and a bundle whose files are in place. Out: what [`crate::live`] made of its steps.
//! Below a root that is not the running system no live step is run.

use std::collections::BTreeSet;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::{Index, Place};
use kubeplan_bundle::step::Step;

use super::compare::Comparison;
use super::planned::Contents;
use super::run::Request;
use crate::error::CliError;
use crate::host::clock::Clock;
use crate::host::service::Programs;
use crate::host::{Actions, Root};
use crate::live::selection::Phases;
use crate::live::{self, LiveFailure, LiveOutcome, LiveRequest, Observer};

/// Which steps of a bundle are run.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// Those of these phases.
    pub(crate) phases: Phases,
    /// Only files.
    pub(crate) files_only: bool,
    /// Only steps that need a running host.
    pub(crate) live_only: bool,
}

/// What live steps need besides the bundle.
pub(crate) struct Live<'a> {
    /// The host's programs.
    pub(crate) programs: Programs,
    /// What time it is when a step runs.
    pub(crate) clock: Clock,
    /// Who is told how they go.
    pub(crate) observer: &'a mut dyn Observer,
}

/// An installation whose files are in place.
pub(super) struct Ready<'a> {
    /// What was asked for.
    pub(super) request: &'a Request<'a>,
    /// The bundle's index.
    pub(super) index: &'a Index,
    /// The bytes of its entries.
    pub(super) contents: &'a dyn Contents,
    /// The host.
    pub(super) root: &'a Root,
    /// Changes of files.
    pub(super) actions: &'a Actions,
    /// Whether this run changed files.
    pub(super) files_changed: bool,
    /// Positions of steps that an earlier run of the same plan completed.
    pub(super) completed: &'a BTreeSet<usize>,
    /// Which steps are run.
    pub(super) selected: &'a Selected,
}

impl Live<'_> {
    /// Runs the selected live steps; `None` if the root is not the running system.
    pub(super) fn run(&mut self, ready: &Ready<'_>) -> Option<LiveOutcome> {
        let request = LiveRequest {
            index: ready.index,
            contents: ready.contents,
            root: ready.root,
            actions: ready.actions,
            programs: &self.programs,
            clock: self.clock,
            files_changed: ready.files_changed,
            completed: ready.completed,
            selected: &ready.selected.live,
            overwrite: &ready.request.overwrite_objects,
            skip_token_print: ready.request.skip_token_print,
        };
        ready
            .root
            .is_live()
            .then(|| live::run(&request, self.observer))
    }
}

/// A live step failed.
pub(super) fn live_error(failure: LiveFailure) -> CliError {
    let hints = failure.hints();
    hints
        .into_iter()
        .fold(CliError::new(Exit::Partial, failure), CliError::hint)
}

/// Which steps are run.
pub(super) struct Selected {
    /// Whether files are installed.
    pub(super) files: bool,
    /// Positions of live steps.
    pub(super) live: BTreeSet<usize>,
}

impl Selected {
    /// Reads the operator's wish.
    ///
    /// # Errors
    /// [`CliError`] of kind `Usage` if the bundle does not have what was named, or only a part of the files is wanted.
    pub(super) fn of(request: &Request<'_>, index: &Index) -> Result<Self, CliError> {
        let wanted = &request.steps;
        let positions = wanted.phases.select(index).map_err(CliError::usage)?;
        let transactions = || {
            index
                .steps
                .iter()
                .enumerate()
                .filter(|(_, step)| !step.is_live())
        };
        let chosen = transactions()
            .filter(|(position, _)| positions.contains(position))
            .count();
        if chosen > 0 && chosen < transactions().count() {
            return Err(CliError::usage(
                "these phases have a part of the bundle's files, which are installed together",
            )
            .hint("leave the phases with files out, or name them all")
            .hint(format!(
                "phases with files: {}",
                transactions()
                    .map(|(_, step)| step.phase().to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        }
        for name in &request.overwrite_objects {
            if index
                .entry(name)
                .is_none_or(|entry| entry.place != Place::Object)
            {
                return Err(CliError::usage(format!(
                    "`--overwrite-drift {name}`: the bundle has no object of this name"
                )));
            }
        }
        let live = |position: &usize| index.steps.get(*position).is_some_and(Step::is_live);
        Ok(Self {
            files: !wanted.live_only && (chosen > 0 || wanted.phases.is_all()),
            live: if wanted.files_only {
                BTreeSet::new()
            } else {
                positions.into_iter().filter(live).collect()
            },
        })
    }
}

/// Files are to be left alone, and are not as planned.
pub(super) fn not_as_planned(comparison: &Comparison<'_>) -> CliError {
    CliError::new(
        Exit::Preflight,
        format!(
            "{} of the bundle's files and folders are not as planned, and only live steps are to be run",
            comparison.changes()
        ),
    )
    .hint("install the files first, without --live-only and without --phase")
}

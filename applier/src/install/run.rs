//! The pipeline of `install` and `resume`, from the file to the report.

use std::cell::Cell;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Index;
use kubeplan_bundle::reader::{Bundle, Trusted};
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::Advice;

use super::InstallError;
use super::bundle::{open_trusted, unseal};
use super::compare::{Comparer, Comparison};
use super::done_steps;
use super::means::Means;
use super::obstacles::{check_overwrite, obstacles};
use super::planned::{self, PlannedTransaction};
use super::receipt::{self, Told};
use super::recover::recover;
use super::report::{InstallReport, InstallResult};
use super::request::Request;
use super::steps::{LiveSteps, Selected, not_as_planned};
use super::writing::Writing;
use crate::admission::{self, Host, Refusal};
use crate::contents::{BundleContents, Contents};
use crate::host::identity::HostIdentity;
use crate::host::lock::Lock;
use crate::host::system::Live;
use crate::host::{Actions, Root};
use crate::preflight;
use crate::state;
use crate::state::memory::Memory;
use crate::state::reset::ResetProgress;
use crate::steps::{LiveOutcome, LiveReport};
use crate::trust;

/// A report if it got that far, and an error if it did not get to the end.
pub(crate) struct Outcome {
    /// What was or would be done.
    pub(crate) report: Option<InstallReport>,
    /// Why it is not done.
    pub(crate) error: Option<InstallError>,
}

impl From<InstallError> for Outcome {
    fn from(error: InstallError) -> Self {
        Self {
            report: None,
            error: Some(error),
        }
    }
}

/// Installs a bundle, or shows what that would do.
pub(crate) fn run(
    request: &Request,
    root: &Root,
    now: Timestamp,
    actions: &Actions,
    mut means: Means<'_>,
) -> Outcome {
    pipeline(request, root, now, actions, &mut means).unwrap_or_else(Outcome::from)
}

/// verify → admit → lock → (preflight) → unseal → recover → compare → ask → write → live steps → record.
fn pipeline(
    request: &Request,
    root: &Root,
    now: Timestamp,
    actions: &Actions,
    means: &mut Means<'_>,
) -> Result<Outcome, InstallError> {
    let bundle = open_trusted(request.path(), root, &request.trust(), now)?;
    let index = bundle.index();
    let index_digest = Sha256Digest::of(bundle.index_bytes());
    check_resumed(request, index_digest)?;
    let (lock, mut notes) = admit(request, index, root, now)?;
    notes.extend(trust::policy_memory::changed(root, now)?);

    let selected = Selected::of(request, index, root)?;
    if selected.preflight {
        notes.extend(preflight(request, &bundle, root, now)?);
    }
    let receipt_key = receipt::key(request, root)?;
    let unsealed = unseal(&bundle, root, &request.identities, &mut notes)?;
    let contents = BundleContents {
        bundle: &bundle,
        unsealed: unsealed.as_ref(),
    };
    let mut planned = planned::transactions(index, &contents)?;
    check_overwrite(&planned, &request.overwrite)?;
    let chosen = selected.transactions(&planned);
    planned = planned::choose(planned, &chosen);
    let session = Session {
        request,
        index,
        index_digest,
        contents: &contents,
        receipt_key: receipt_key.as_ref(),
        root,
        actions,
        now,
        planned: &planned,
    };
    let (lock, mut memory, comparison) = session.look(lock, &mut notes)?;
    let mut in_place = done_steps::done_before(&memory, index);
    in_place.extend(&selected.commits);
    let report = |result| {
        let mut report =
            InstallReport::new(result, root, index, bundle.trust(), &comparison, &in_place);
        if request.dry_run {
            report.list_all();
        }
        for note in &notes {
            report.note(note.clone());
        }
        if request.allowed.as_node.is_some() {
            report.note("the bundle's target was not compared with this host (--as-node)");
        }
        report
    };
    let done = |result| Outcome {
        report: Some(report(result)),
        error: None,
    };
    if comparison.refuses() {
        return Ok(Outcome {
            error: Some(obstacles(root, &comparison)),
            ..done(InstallResult::Refused)
        });
    }
    if request.dry_run {
        return Ok(done(InstallResult::DryRun));
    }
    if selected.commits.is_empty() && comparison.changes_before_live_steps() > 0 {
        return Err(not_as_planned(&comparison));
    }
    session.check_confirmation(&memory, &comparison)?;
    if comparison.changes() > 0 {
        let answer = means.operator.agrees(&report(InstallResult::Asking));
        if !answer.map_err(InstallError::Unanswered)? {
            return Err(InstallError::Declined);
        }
    }
    let performed = session.perform(&mut memory, &comparison, &selected, means)?;
    drop(lock);
    let mut outcome = done(performed.result());
    if let Some(report) = &mut outcome.report {
        if let Some(run) = performed.run {
            report.written(root, &memory, run);
        }
        for remark in actions.take_remarks() {
            report.note(remark);
        }
        report.add_live(performed.live);
        report.receipt = performed.receipt;
    }
    outcome.error = performed.error;
    Ok(outcome)
}

/// What an installation came to.
struct Performed {
    run: Option<u32>,
    live: LiveReport,
    changed: bool,
    receipt: Option<String>,
    error: Option<InstallError>,
}

impl Performed {
    const fn result(&self) -> InstallResult {
        match (&self.error, self.changed) {
            (Some(_), _) => InstallResult::Stopped,
            (None, true) => InstallResult::Installed,
            (None, false) => InstallResult::Unchanged,
        }
    }
}

fn check_resumed(request: &Request, found: Sha256Digest) -> Result<(), InstallError> {
    match request.resumes {
        Some(expected) if expected != found => Err(InstallError::NotResumed {
            path: request.path().to_owned(),
            found: found.short(),
            expected: expected.short(),
            instead: Advice::hint(
                "give the bundle that was being installed; to install this one instead, use `install`",
            ),
        }),
        _ => Ok(()),
    }
}

/// May this bundle be installed on this host now? Takes the lock if its file exists; nothing is created for it yet.
fn admit(
    request: &Request,
    index: &Index,
    root: &Root,
    now: Timestamp,
) -> Result<(Option<Lock>, Vec<String>), InstallError> {
    let identity = HostIdentity::read(root);
    let host = Host {
        identity: &identity,
        live: root.is_live(),
        now,
    };
    let mut refusals = admission::check(index, &host, &request.allowed);
    let mut notes = Vec::new();
    if request.resumes.is_some() {
        // Half a node is worse than one that has to be renewed soon.
        refusals.retain(|refusal| {
            let late = matches!(refusal, Refusal::TooEarly { .. } | Refusal::TooLate { .. });
            if late {
                notes.push(refusal.to_string());
            }
            !late
        });
    }
    let lock = if request.dry_run {
        None
    } else {
        state::lock_existing(root)?
    };
    state::check_directories(root)?;
    let serials = state::serials::Serials::load(root)?;
    let installed = Memory::load(root)?.as_found();
    refusals.extend(admission::check_records(
        index,
        &installed,
        serials.highest(index),
        &request.allowed,
    ));
    if let Some(refused) = admission::into_error(&refusals) {
        return Err(refused.into());
    }
    if !request.dry_run {
        require_root(root, "installing into the running system")?;
    }
    Ok((lock, notes))
}

/// Runs the bundle's checks: everything about the bundle is known, nothing secret is open, nothing is changed. Returns the warnings.
fn preflight(
    request: &Request,
    bundle: &Bundle<Trusted>,
    root: &Root,
    now: Timestamp,
) -> Result<Vec<String>, InstallError> {
    let index = bundle.index();
    let installed = Memory::load(root)?.as_found();
    let checked = preflight::run(&preflight::Request {
        root,
        running: root.is_live(),
        system: &Live,
        index,
        contents: &BundleContents {
            bundle,
            unsealed: None,
        },
        now,
        record: installed.node(&index.cluster, &index.node.name),
        overwrite: &request.overwrite,
        ignored: &request.ignored,
        pull: !request.dry_run,
        alone: false,
    })?;
    match checked.full_error() {
        Some(failed) => Err(failed.into()),
        None => Ok(checked.warnings()),
    }
}

/// Refuses to change the running system without privileges.
///
/// # Errors
/// [`InstallError::NeedsRoot`].
pub(crate) fn require_root(root: &Root, what: &str) -> Result<(), InstallError> {
    if root.is_live() && !root.is_privileged() {
        return Err(InstallError::NeedsRoot {
            what: what.to_owned(),
            advice: Advice::hint("run as root, or work on a directory tree with --root DIR"),
        });
    }
    Ok(())
}

/// One installation.
struct Session<'a> {
    request: &'a Request,
    index: &'a Index,
    index_digest: Sha256Digest,
    contents: &'a dyn Contents,
    receipt_key: Option<&'a PrivateKey>,
    root: &'a Root,
    actions: &'a Actions,
    now: Timestamp,
    planned: &'a [PlannedTransaction<'a>],
}

impl<'a> Session<'a> {
    /// Reads the memory, brings what is half done to an end, compares. What was seen before the lock was held counts for nothing.
    fn look(
        &self,
        lock: Option<Lock>,
        notes: &mut Vec<String>,
    ) -> Result<(Option<Lock>, Memory, Comparison<'a>), InstallError> {
        let memory = Memory::load(self.root)?;
        if lock.is_some() {
            let (memory, comparison) = self.recover(memory, notes)?;
            return Ok((lock, memory, comparison));
        }
        let comparison = self.compare(&memory, &memory.as_found())?;
        if self.request.dry_run || comparison.refuses() {
            if let Some(run) = memory.runs.interrupted() {
                notes.push(format!(
                    "run {} was interrupted; a transaction that it left half done is undone first",
                    run.number()
                ));
            }
            return Ok((None, memory, comparison));
        }
        let lock = state::lock(self.root, self.actions)?;
        let memory = Memory::load(self.root)?;
        // Another first run may have been faster.
        let late = admission::check_records(
            self.index,
            &memory.as_found(),
            memory.serials.highest(self.index),
            &self.request.allowed,
        );
        if let Some(refused) = admission::into_error(late.as_slice()) {
            return Err(refused.into());
        }
        let (memory, comparison) = self.recover(memory, notes)?;
        Ok((Some(lock), memory, comparison))
    }

    fn recover(
        &self,
        mut memory: Memory,
        notes: &mut Vec<String>,
    ) -> Result<(Memory, Comparison<'a>), InstallError> {
        notes.extend(recover(&mut memory, self.root, self.actions, self.now)?);
        let comparison = self.compare(&memory, &memory.as_installed())?;
        Ok((memory, comparison))
    }

    fn compare(
        &self,
        memory: &Memory,
        installed: &state::installed::Installed,
    ) -> Result<Comparison<'a>, InstallError> {
        let comparer = Comparer::of(
            memory,
            self.root,
            self.index,
            installed,
            &self.request.overwrite,
        );
        Ok(comparer.compare(self.planned)?)
    }

    /// write → live steps → record → receipt.
    fn perform(
        &self,
        memory: &mut Memory,
        comparison: &Comparison<'a>,
        selected: &Selected,
        means: &mut Means<'_>,
    ) -> Result<Performed, InstallError> {
        trust::policy_memory::remember(self.root, self.actions, self.now)?;
        // An installation ends a reset that was stopped, and the permission that it had.
        if ResetProgress::load(self.root)?.is_some() {
            ResetProgress::remove(self.root, self.actions)?;
        }
        done_steps::forget_what_is_gone(memory, self.root, self.actions, self.index)?;
        let done_before = done_steps::done_before(memory, self.index);
        let interrupted = memory.runs.interrupted();
        let files_changed = comparison.changes_before_live_steps() > 0
            || interrupted.is_some_and(|run| run.in_place().next().is_some());
        let mut done = done_before.clone();
        done.extend(&selected.commits);
        let writing = Writing {
            root: self.root,
            actions: self.actions,
            index: self.index,
            index_digest: self.index_digest,
            comparison,
            request: self.request,
            now: self.now,
            done: &done,
            receipt_key: self.receipt_key,
            live_steps_are_new: !selected.live.is_subset(&done_before),
        };
        let run = writing.write(memory)?;
        let live = LiveSteps {
            request: self.request,
            index: self.index,
            contents: self.contents,
            root: self.root,
            actions: self.actions,
            selected: &selected.live,
            completed: &done_before,
            files_changed,
            run: Cell::new(run),
            late: Some(&writing),
        };
        let LiveOutcome { report, failure } = live.run(memory, means);
        let run = live.run.get();
        let mut done = done.clone();
        done.extend(report.steps.iter().map(|step| step.step));
        let changed = comparison.changes_before_live_steps() > 0 || report.changed();
        let told = Told {
            done: &done,
            live: &report,
            changed: changed || run.is_some(),
            finished: means.clock.now().unwrap_or(self.now),
        };
        let receipt = writing.finish(memory, run, &told, failure.is_some())?;
        Ok(Performed {
            run,
            live: report,
            changed,
            receipt,
            error: failure.map(|failure| live.error(failure)),
        })
    }

    /// Whether a run waits for the operator's confirmation, and whether this one can.
    fn check_confirmation(
        &self,
        memory: &Memory,
        comparison: &Comparison<'_>,
    ) -> Result<(), InstallError> {
        if comparison.changes() == 0 {
            return Ok(());
        }
        let command = |words: &[&str]| super::next::command(self.root, words);
        if let Some(run) = memory.runs.current()
            && self.request.resumes.is_none()
            && let Some(until) = run.waits_for_confirm()
            && matches!(run.standing, state::journal::Standing::Finished(_))
        {
            return Err(InstallError::unconfirmed(
                self.root,
                run.number(),
                Some(until),
            ));
        }
        if self.request.confirm_within.is_some() && memory.runs.interrupted().is_some() {
            let first = Advice::hint(format!(
                "first continue with `{}`, or undo the run with `{}`",
                command(&["resume"]),
                command(&["rollback", "--yes"])
            ));
            return Err(InstallError::ConfirmAfterInterruption(first));
        }
        let installed = memory
            .installed
            .node(&self.index.cluster, &self.index.node.name)
            .is_some_and(|node| node.plan_digest.is_some());
        if self.request.confirm_within.is_some() && !installed {
            return Err(InstallError::ConfirmFirst(Advice::hint(
                "install without it; `rollback` removes what a first installation added",
            )));
        }
        Ok(())
    }
}

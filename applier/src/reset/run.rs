//! The order of a reset: lock, records, plan, consent, steps, forgetting.
//!
//! Stopped anywhere it can be run again: what is gone needs no further step, and the records of what was installed are
//! dropped last, when everything in them is durably gone.

use kubeplan_terminal::Advice;

use super::directories;
use super::executor::{Executor, StepError};
use super::inventory::{self, Inventory};
use super::live::{LiveHost, Running};
use super::phase::Phase;
use super::plan::{Plan, Planner, Work};
use super::report::{ResetReport, ResetResult};
use super::{Request, ResetError};
use crate::host::durable::is_temporary_name;
use crate::host::tree::{self, Stays};
use crate::host::{Actions, HostError, Root, RootPath};
use crate::kubeadm::layout;
use crate::state::installed::Installed;
use crate::state::reset::ResetProgress;
use crate::state::runs::Runs;
use crate::state::salt::Salt;
use crate::state::{self, StateError};

/// A report if it got that far, and an error if it did not get to the end.
pub(crate) struct Outcome {
    /// What was or would be done.
    pub(crate) report: Option<ResetReport>,
    /// Why it is not done.
    pub(crate) error: Option<ResetError>,
}

/// Asks for consent to a plan, or says why it cannot be asked for.
pub(crate) type Consent<'a> = &'a mut dyn FnMut(&ResetReport) -> Result<bool, String>;

/// Resets the host, or shows what that would do.
pub(crate) fn run(
    request: &Request,
    root: &Root,
    actions: &Actions,
    consent: Consent<'_>,
) -> Outcome {
    let running = Running { root };
    let live: Option<&dyn LiveHost> = root.is_live().then_some(&running as &dyn LiveHost);
    run_on(request, root, live, actions, consent)
}

/// As [`run`], with this running system.
pub(super) fn run_on(
    request: &Request,
    root: &Root,
    live: Option<&dyn LiveHost>,
    actions: &Actions,
    consent: Consent<'_>,
) -> Outcome {
    match pipeline(request, root, live, actions, consent) {
        Ok(report) => Outcome {
            report: Some(report),
            error: None,
        },
        Err(error) => Outcome {
            report: None,
            error: Some(error),
        },
    }
}

/// What to do after a reset that did not remove everything.
const AGAIN: &str = "remove the cause and run the same reset again, it continues";

/// What the host remembers.
struct Memory {
    /// What was installed, with what a run that was stopped may have in place.
    installed: Installed,
    runs: Runs,
    progress: Option<ResetProgress>,
    salt: Option<Salt>,
}

impl Memory {
    fn load(root: &Root) -> Result<Self, StateError> {
        let memory = crate::state::memory::Memory::load(root)?;
        Ok(Self {
            installed: memory.as_found(),
            runs: memory.runs,
            progress: ResetProgress::load(root)?,
            salt: memory.salt,
        })
    }
}

impl Memory {
    /// What says that a reset of these installations has begun; `None` if that is kept already, or if nothing is installed.
    fn begun(&self) -> Result<Option<ResetProgress>, StateError> {
        let known = match &self.progress {
            Some(progress) => progress.is_of(&self.installed)?,
            None => self.installed.nodes().is_empty(),
        };
        if known {
            return Ok(None);
        }
        ResetProgress::new(&self.installed).map(Some)
    }
}

fn pipeline(
    request: &Request,
    root: &Root,
    live: Option<&dyn LiveHost>,
    actions: &Actions,
    consent: Consent<'_>,
) -> Result<ResetReport, ResetError> {
    let certificates = match &request.cert_dir {
        Some(path) => directories::certificates(path)?,
        None => RootPath::fixed(layout::CERTIFICATES),
    };
    if !request.dry_run && !Phase::Preflight.is_in(&request.skip) {
        check_privileges(root)?;
    }
    // Held while the operator reads the plan, if there is one already; nothing is created for it yet.
    let mut lock = if request.dry_run {
        None
    } else {
        state::lock_existing(root)?
    };
    let memory = Memory::load(root)?;
    actions.recognise(memory.runs.tags());
    let inventory = Inventory::new(&memory.installed);
    let report = |result, plan: &Plan| ResetReport::new(result, root, request, &inventory, plan);
    if inventory.is_empty() && !request.kubeadm_node {
        check_traces(root)?;
        return Ok(report(ResetResult::Nothing, &Plan::default()));
    }
    let plan = Planner {
        request,
        root,
        live,
        installed: &memory.installed,
        inventory: &inventory,
        progress: memory.progress.as_ref(),
        salt: memory.salt.as_ref(),
        recorded: actions,
        certificates: &certificates,
    }
    .plan()?;
    if request.dry_run {
        return Ok(report(ResetResult::DryRun, &plan));
    }
    if inventory.is_empty() && plan.work() == 0 {
        return Ok(report(ResetResult::Nothing, &plan));
    }
    let planned = report(ResetResult::Planned, &plan);
    if !consent(&planned).map_err(ResetError::Unanswered)? {
        return Err(ResetError::Declined);
    }
    if lock.is_none() {
        lock = Some(state::lock(root, actions)?);
        if Memory::load(root)?.installed != memory.installed {
            return Err(ResetError::Outdated(Advice::hint("run the reset again")));
        }
    }
    let begun = memory.begun()?;
    let stays = execute(
        request,
        root,
        live,
        actions,
        memory.runs,
        begun.as_ref(),
        &plan,
    )?;
    drop(lock);
    let mut done = report(ResetResult::Reset, &plan);
    for stays in stays {
        done.stayed(format!("{} was left: {}", stays.path, stays.reason));
    }
    for remark in actions.take_remarks() {
        done.stayed(remark);
    }
    Ok(done)
}

fn check_privileges(root: &Root) -> Result<(), ResetError> {
    if root.is_live() && !root.is_privileged() {
        return Err(ResetError::NeedsRoot(Advice::hint(
            "run as root, or reset a directory tree with --root DIR",
        )));
    }
    Ok(())
}

/// A node that kubeapply did not install is reset only on request.
fn check_traces(root: &Root) -> Result<(), ResetError> {
    let traces = directories::traces(root)?;
    if traces.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = traces.iter().map(ToString::to_string).collect();
    Err(ResetError::NotInstalled {
        traces: shown.join(", "),
        advice: Advice::hint(
            "to remove what `kubeadm reset` removes, add --kubeadm-node; --dry-run shows what that is",
        ),
    })
}

/// Performs the steps, then forgets what was installed. `begun` is kept first, if it is not kept already.
fn execute(
    request: &Request,
    root: &Root,
    live: Option<&dyn LiveHost>,
    actions: &Actions,
    runs: Runs,
    begun: Option<&ResetProgress>,
    plan: &Plan,
) -> Result<Vec<Stays>, ResetError> {
    let planned = plan.work();
    let mut done = 0;
    let mut stays = Vec::new();
    let executor = Executor {
        root,
        live,
        actions,
    };
    let failed = |phase: Phase, done: usize, source: StepError| ResetError::PartWay {
        phase: phase.name(),
        done,
        planned,
        why: Advice::because(source).and(by_hand(phase)).and(AGAIN),
    };
    clear_leftovers(root, actions, &runs)
        .map_err(|error| failed(Phase::Preflight, done, error.into()))?;
    if let Some(begun) = begun {
        begun
            .store(root, actions)
            .map_err(|error| failed(Phase::Preflight, done, error.into()))?;
    }
    let mut permission = plan.permission.as_ref();
    for step in &plan.steps {
        if step.phase != Phase::RemoveEtcdMember
            && let Some(permission) = permission.take()
        {
            permission
                .store(root, actions)
                .map_err(|error| failed(Phase::RemoveEtcdMember, done, error.into()))?;
        }
        let more = executor
            .removal(step, &stays)
            .map_err(|error| failed(step.phase, done, error))?;
        stays.extend(more);
        if step.work != Work::Nothing {
            done += 1;
        }
    }
    if stays.iter().any(|stays| stays.failed) {
        return Err(not_everything(&stays));
    }
    if Phase::RemoveFiles.is_in(&request.skip) {
        return Ok(stays);
    }
    // In this order: a permission without records could be taken for one of the next installation.
    ResetProgress::remove(root, actions)
        .and_then(|()| inventory::forget(root, actions, runs))
        .map_err(|error| failed(Phase::RemoveFiles, done, error.into()))?;
    Ok(stays)
}

/// Removes temporary files that a killed run left in the state's directories. Called with the lock held.
fn clear_leftovers(root: &Root, actions: &Actions, runs: &Runs) -> Result<(), HostError> {
    for place in state::runs::directories(runs) {
        let Some(directory) = root.open_directory(&place)? else {
            continue;
        };
        for name in directory
            .names()?
            .iter()
            .filter(|name| is_temporary_name(name))
        {
            let stays = tree::remove(root, actions, &directory, name)?;
            for stays in stays {
                actions.remark(format!("{} was left: {}", stays.path, stays.reason));
            }
        }
    }
    Ok(())
}

/// Everything else is removed, and what is not is still recorded.
fn not_everything(stays: &[Stays]) -> ResetError {
    let lines: Vec<String> = stays
        .iter()
        .filter(|stays| stays.failed)
        .map(|stays| format!("{}: {}", stays.path, stays.reason))
        .collect();
    ResetError::Stays {
        count: lines.len(),
        paths: Advice::items(lines).and(AGAIN),
    }
}

/// What the operator can do about a phase that fails.
fn by_hand(phase: Phase) -> String {
    let what = match phase {
        Phase::RemoveEtcdMember => {
            "no data of etcd was removed; see `etcdctl member list` on another control-plane node"
        }
        Phase::StopKubelet => "stop the kubelet by hand",
        Phase::Unmount => "see what uses the mount with `fuser -vm PATH`",
        Phase::RemoveSandboxes => "remove it by hand: crictl stopp ID, crictl rmp ID",
        _ => return "what is not removed yet is still recorded".to_owned(),
    };
    format!("{what}; --skip-phases {} skips this", phase.name())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn what_could_not_be_removed_has_a_line_for_each_path() {
        let stays = ["/data/a", "/data/b"].map(|path| Stays {
            path: RootPath::fixed(path),
            reason: Cow::Borrowed("it is busy"),
            mounted: false,
            failed: true,
        });
        let error = not_everything(&stays);
        assert!(matches!(error, ResetError::Stays { count: 2, .. }));
        assert!(!error.to_string().contains('\n'), "{error}");
        assert_eq!(
            kubeplan_terminal::details(&error).as_str(),
            "  - /data/a: it is busy\n  - /data/b: it is busy\n"
        );
    }
}

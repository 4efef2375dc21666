//! The order of a reset: lock, records, plan, consent, steps, forgetting.
//!
//! Stopped anywhere it can be run again: what is gone needs no further step, and the records of what was installed are
//! dropped last, when everything in them is durably gone.

use std::io::ErrorKind;

use kubeplan_bundle::exit::Exit;

use super::Request;
use super::inventory::{self, Inventory};
use super::layout;
use super::live::{LiveError, LiveHost, Running};
use super::phase::Phase;
use super::plan::{Plan, Planner, Step, Work};
use super::report::{ResetReport, ResetResult};
use crate::error::CliError;
use crate::host::durable::is_temporary_name;
use crate::host::tree::{self, Stays};
use crate::host::{Actions, Found, HostError, Root, RootPath};
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
    pub(crate) error: Option<CliError>,
}

/// Asks for consent to a plan; an error ends the reset before anything is changed.
pub(crate) type Consent<'a> = &'a mut dyn FnMut(&ResetReport) -> Result<(), CliError>;

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

/// A reset that was stopped in the middle.
#[derive(Debug, thiserror::Error)]
#[error("the reset stopped part-way, in {phase}: {done} of {planned} steps are done")]
struct PartWay {
    phase: &'static str,
    done: usize,
    planned: usize,
    #[source]
    source: StepError,
}

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Live(#[from] LiveError),
}

/// What the host remembers.
struct Memory {
    /// What was installed, with what a run that was stopped may have in place.
    installed: Installed,
    runs: Runs,
    progress: Option<ResetProgress>,
    salt: Option<Salt>,
}

impl Memory {
    fn load(root: &Root) -> Result<Self, CliError> {
        let memory = crate::install::memory::Memory::load(root)?;
        Ok(Self {
            installed: memory.as_found(),
            runs: memory.runs,
            progress: ResetProgress::load(root)?,
            salt: memory.salt,
        })
    }
}

fn pipeline(
    request: &Request,
    root: &Root,
    live: Option<&dyn LiveHost>,
    actions: &Actions,
    consent: Consent<'_>,
) -> Result<ResetReport, CliError> {
    let certificates = match &request.cert_dir {
        Some(path) => layout::certificates(path).map_err(CliError::usage)?,
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
        certificates: &certificates,
    }
    .plan()?;
    if request.dry_run {
        return Ok(report(ResetResult::DryRun, &plan));
    }
    if inventory.is_empty() && plan.work() == 0 {
        return Ok(report(ResetResult::Nothing, &plan));
    }
    consent(&report(ResetResult::Planned, &plan))?;
    if lock.is_none() {
        lock = Some(state::lock(root, actions)?);
        if Memory::load(root)?.installed != memory.installed {
            return Err(CliError::new(
                Exit::Failed,
                "something was installed while the plan was shown; nothing was removed",
            )
            .hint("run the reset again"));
        }
    }
    let stays = execute(request, root, live, actions, memory.runs, &plan)?;
    drop(lock);
    let mut done = report(ResetResult::Reset, &plan);
    for stays in stays {
        done.stayed(format!("{} was left: {}", stays.path, stays.reason));
    }
    Ok(done)
}

fn check_privileges(root: &Root) -> Result<(), CliError> {
    if root.is_live() && !root.is_privileged() {
        return Err(
            CliError::new(Exit::Preflight, "resetting the running system needs root")
                .hint("run as root, or reset a folder with --root DIR"),
        );
    }
    Ok(())
}

/// A node that somebody else made is not reset without a word.
fn check_traces(root: &Root) -> Result<(), CliError> {
    let traces = layout::traces(root)?;
    if traces.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = traces.iter().map(ToString::to_string).collect();
    Err(CliError::usage(format!(
        "this node was not installed by kubeapply, and it has {}",
        shown.join(", ")
    ))
    .hint("to remove what `kubeadm reset` removes, say so with --kubeadm-node; --dry-run shows it"))
}

/// Performs the steps, then forgets what was installed.
fn execute(
    request: &Request,
    root: &Root,
    live: Option<&dyn LiveHost>,
    actions: &Actions,
    runs: Runs,
    plan: &Plan,
) -> Result<Vec<Stays>, CliError> {
    let planned = plan.work();
    let mut done = 0;
    let mut stays = Vec::new();
    let executor = Executor {
        root,
        live,
        actions,
    };
    let failed = |phase: Phase, done: usize, source: StepError| {
        let by_hand = by_hand(phase);
        let error = PartWay {
            phase: phase.name(),
            done,
            planned,
            source,
        };
        CliError::new(Exit::Partial, error)
            .hint(by_hand)
            .hint("remove the cause and run the same reset again, it continues")
    };
    clear_leftovers(root, actions, &runs)
        .map_err(|error| failed(Phase::Preflight, done, error.into()))?;
    let mut progress = plan.progress.as_ref();
    for step in &plan.steps {
        if step.phase != Phase::RemoveEtcdMember
            && let Some(progress) = progress.take()
        {
            progress
                .store(root, actions)
                .map_err(|error| failed(Phase::RemoveEtcdMember, done, error.into()))?;
        }
        let more = executor
            .step(step)
            .map_err(|error| failed(step.phase, done, error))?;
        stays.extend(more);
        if step.work != Work::Nothing {
            done += 1;
        }
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

/// Removes temporary files that a killed run left in the state's folders. Called with the lock held.
fn clear_leftovers(root: &Root, actions: &Actions, runs: &Runs) -> Result<(), HostError> {
    for place in state::runs::folders(runs) {
        let Some(folder) = root.open_directory(&place)? else {
            continue;
        };
        for name in folder
            .names()?
            .iter()
            .filter(|name| is_temporary_name(name))
        {
            tree::remove(actions, &folder, name)?;
        }
    }
    Ok(())
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
    format!("{what}; --skip-phases {} leaves this out", phase.name())
}

struct Executor<'a> {
    root: &'a Root,
    live: Option<&'a dyn LiveHost>,
    actions: &'a Actions,
}

impl Executor<'_> {
    /// Performs a step; returns what stayed although it was to go.
    fn step(&self, step: &Step) -> Result<Vec<Stays>, StepError> {
        match &step.work {
            Work::Nothing => {}
            Work::RemoveFile(path) => return self.remove_file(path),
            Work::RemoveTree(path) => {
                if let Some(folder) = self.root.open_directory(&path.parent())? {
                    return Ok(tree::remove(self.actions, &folder, path.file_name())?);
                }
            }
            Work::Clear(path) => {
                if let Some(folder) = self.root.open_directory(path)? {
                    return Ok(tree::clear(self.actions, &folder)?);
                }
            }
            Work::RemoveFolder(path) => return self.remove_folder(path),
            Work::StopService(_)
            | Work::Unmount(_)
            | Work::RemoveSandbox { .. }
            | Work::RemoveMember { .. } => {
                if let Some(live) = self.live {
                    live_step(live, &step.work)?;
                }
            }
        }
        Ok(Vec::new())
    }

    fn remove_file(&self, path: &RootPath) -> Result<Vec<Stays>, StepError> {
        let Some(folder) = self.root.open_directory(&path.parent())? else {
            return Ok(Vec::new());
        };
        // Looked at again: what was a file in the plan may have become somebody's folder or link.
        match folder.inspect(path.file_name())? {
            Found::Missing => {}
            Found::File(_) => {
                self.actions.remove_file(&folder, path.file_name())?;
                self.actions.sync_directory(&folder)?;
            }
            _ => {
                return Ok(vec![Stays {
                    path: path.clone(),
                    reason: "it is no file any more",
                    mounted: false,
                }]);
            }
        }
        Ok(Vec::new())
    }

    fn remove_folder(&self, path: &RootPath) -> Result<Vec<Stays>, StepError> {
        let Some(parent) = self.root.open_directory(&path.parent())? else {
            return Ok(Vec::new());
        };
        let stays = |reason| {
            Ok(vec![Stays {
                path: path.clone(),
                reason,
                mounted: false,
            }])
        };
        match self.actions.remove_directory(&parent, path.file_name()) {
            Ok(()) => {
                self.actions.sync_directory(&parent)?;
                Ok(Vec::new())
            }
            Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::DirectoryNotEmpty => {
                stays("something is in it")
            }
            Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::ResourceBusy => {
                stays("it is a mount point")
            }
            Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::NotADirectory => {
                stays("it is no folder any more")
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn live_step(live: &dyn LiveHost, work: &Work) -> Result<(), LiveError> {
    match work {
        Work::StopService(name) => live.stop_service(name),
        Work::Unmount(path) => live.unmount(path),
        Work::RemoveSandbox { socket, id } => live.remove_sandbox(socket, id),
        Work::RemoveMember { local, id } => live.remove_etcd_member(local, *id),
        _ => Ok(()),
    }
}

//! `kubeapply rollback`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::{ParseServiceError, ServiceName};
use kubeplan_terminal::{CliError, Io, Report, Text};
use serde::Serialize;

use super::{FormatArgs, RootArgs};
use crate::host::init::{self, InitError};
use crate::host::program::{Programs, detach};
use crate::host::{Root, Surroundings, process};
use crate::install::rollback::{self, Preview, RolledBack};
use crate::install::stage::Place;
use crate::install::{next, recover, require_root, supervise};
use crate::state::journal::record::Change;
use crate::state::journal::{Run, Standing};
use crate::state::memory::Memory;
use crate::state::runs::Runs;
use crate::state::{self, StateError};

/// How long a supervisor waits for the lock.
const LOCK_PATIENCE: u32 = 600;

/// Undo the last run: restore files, modes and owners
///
/// Removes what the run added, and directories that it made if they are empty.
/// Restores what it replaced. Leaves and names what was changed since. Lists the
/// steps that were done in a running cluster, which it does not undo. Run it
/// again to continue an interrupted rollback.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    root: RootArgs,

    /// Do not ask; required without a terminal
    #[arg(long)]
    yes: bool,

    /// Restore the file PATH even if it was changed since; may be repeated
    #[arg(long = "overwrite-drift", value_name = "PATH")]
    overwrite_drift: Vec<HostPath>,

    /// Only if run RUN still waits to be confirmed
    #[arg(long, value_name = "RUN", hide = true)]
    unconfirmed: Option<u32>,

    /// Wait this long first
    #[arg(long, value_name = "SECONDS", hide = true, requires = "unconfirmed")]
    after: Option<u64>,

    #[command(flatten)]
    format: FormatArgs,
}

/// What a rollback came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RollbackReport {
    run: u32,
    cluster: String,
    node: String,
    restored: Vec<String>,
    /// Those of them that the run had added.
    #[serde(skip)]
    removed: BTreeSet<String>,
    left: Vec<String>,
    /// Steps that were done in the cluster and are not taken back.
    live_steps: Vec<String>,
    notes: Vec<String>,
    next: Vec<String>,
}

impl Report for RollbackReport {
    const COMMAND: &'static str = "rollback";

    fn text(&self) -> Text {
        let mut text = Text::new();
        for path in &self.restored {
            let word = if self.removed.contains(path) {
                "removed"
            } else {
                "restored"
            };
            text.line(format_args!("{word:<10} {path}"));
        }
        for path in &self.left {
            text.line(format_args!(
                "left       {path}  (changed since, or not empty)"
            ));
        }
        for step in &self.live_steps {
            text.line(format_args!("not undone: {step}"));
        }
        let all = self.left.is_empty() && self.live_steps.is_empty();
        text.line(format_args!(
            "run {} (node {} of cluster {}) was rolled back{}",
            self.run,
            self.node,
            self.cluster,
            if all {
                ""
            } else {
                ", except for what is listed above as left or not undone"
            }
        ));
        for next in &self.next {
            text.line(format_args!("next: {next}"));
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: &RollbackArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    require_root(&root, "rolling back the running system")?;
    if let (Some(run), Some(seconds)) = (args.unconfirmed, args.after)
        && !wait(&root, run, seconds, io)?
    {
        return Ok(());
    }
    match roll_back(args, &root, around, io)? {
        Some(report) => io.report(args.format.format, &report),
        None => Ok(()),
    }
}

/// Waits in the background. `false` if the run was confirmed, or rolled back, meanwhile.
fn wait(root: &Root, run: u32, seconds: u64, io: &mut Io) -> Result<bool, CliError> {
    detach::leave_session();
    io.print(&Text::of(detach::READY))?;
    for _ in 0..seconds {
        process::sleep(Duration::from_secs(1));
        // What cannot be read now may be readable when it counts.
        if Runs::load(root).is_ok_and(|runs| !waits(&runs, run)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn waits(runs: &Runs, number: u32) -> bool {
    runs.current()
        .is_some_and(|run| run.number() == number && run.waits_for_confirm().is_some())
}

/// `None` if a supervisor finds nothing to do.
fn roll_back(
    args: &RollbackArgs,
    root: &Root,
    around: &Surroundings,
    io: &mut Io,
) -> Result<Option<RollbackReport>, CliError> {
    let nothing = || CliError::new(Exit::Failed, "there is nothing to roll back on this host");
    let (actions, now) = (&around.actions, super::now(around)?);
    let Some(_lock) = lock(args, root)? else {
        return Err(nothing());
    };
    let mut memory = Memory::load(root)?;
    if let Some(number) = args.unconfirmed
        && !waits(&memory.runs, number)
    {
        return Ok(None);
    }
    let run = memory.runs.current().ok_or_else(nothing)?.clone();
    let number = run.number();
    refuse(&run, root)?;
    let overwrite: BTreeSet<HostPath> = args.overwrite_drift.iter().cloned().collect();
    for path in &overwrite {
        if !run.changes().any(|change| change.path() == path) {
            return Err(CliError::usage(format!(
                "`--overwrite-drift {path}`: run {number} did not change this path"
            )));
        }
    }
    let part_way = |error: StateError| {
        CliError::new(Exit::Partial, Stopped(error))
            .hint("files that were restored stay restored; remove the cause, then continue with the command below")
            .hint(next::command(root, &["rollback", "--yes"]))
    };
    let begun = matches!(run.standing, Standing::RollingBack(_));
    if !begun && !args.yes {
        let preview = rollback::preview(Place::of(&memory, root, actions), &run, &overwrite)?;
        if !ask(&run, &preview, root, io)? {
            return Err(CliError::new(
                Exit::Failed,
                "the answer was no: nothing was changed",
            ));
        }
    }
    let mut notes = Vec::new();
    let mut outcome = RolledBack::default();
    if begun {
        recover::tidy(&mut memory, root, actions).map_err(part_way)?;
    } else {
        notes = recover::recover(&mut memory, root, actions, now).map_err(part_way)?;
    }
    if !begun || !overwrite.is_empty() {
        rollback::begin(&mut memory, root, actions, now, number, &overwrite).map_err(part_way)?;
    }
    let done = rollback::carry_out(&mut memory, root, actions, now, number).map_err(part_way)?;
    outcome.restored.extend(done.restored);
    outcome.left.extend(done.left);
    supervise::disarm(root, number);
    notes.extend(actions.take_remarks());
    let node = memory.installed.node(&run.begin.cluster, &run.begin.node);
    notes.extend(node.and_then(|node| next::older_plan(root, &memory, node)));
    Ok(Some(report(args, root, &run, outcome, notes)))
}

/// A rollback that was stopped in the middle.
#[derive(Debug, thiserror::Error)]
#[error("the rollback stopped part-way")]
struct Stopped(#[source] StateError);

fn report(
    args: &RollbackArgs,
    root: &Root,
    run: &Run,
    outcome: RolledBack,
    mut notes: Vec<String>,
) -> RollbackReport {
    let text = |paths: Vec<HostPath>| paths.iter().map(ToString::to_string).collect();
    let mut next = Vec::new();
    if root.is_live() {
        if args.unconfirmed.is_some() {
            match kubelet(|kubelet| init::start(&Programs::SearchPath, kubelet, true)) {
                Ok(_) => notes.push("the kubelet was restarted".to_owned()),
                Err(reason) => notes.push(format!("the kubelet was not restarted: {reason}")),
            }
        } else if run.begin.previous.is_none() && run.stays().next().is_some() {
            // Nothing is left to restart it with.
            notes.push("services that live steps started still run, and keep their data; to remove a whole node, use `reset` instead of `rollback`".to_owned());
            next.push("kubeapply reset --kubeadm-node --dry-run".to_owned());
        } else {
            match kubelet(|kubelet| init::restart_line(&Programs::SearchPath, kubelet)) {
                Ok(line) => next.push(line),
                Err(reason) => notes.push(format!("restart the kubelet by hand: {reason}")),
            }
        }
    }
    RollbackReport {
        run: run.number(),
        cluster: run.begin.cluster.name.to_string(),
        node: run.begin.node.to_string(),
        removed: added(run),
        restored: text(outcome.restored),
        left: text(outcome.left),
        live_steps: run
            .stays()
            .map(|step| format!("{} {}", step.phase, step.what))
            .collect(),
        notes,
        next,
    }
}

/// The paths at which nothing was before the run.
fn added(run: &Run) -> BTreeSet<String> {
    let mut first: BTreeMap<&HostPath, bool> = BTreeMap::new();
    for change in run.changes() {
        let adds = matches!(change, Change::Create { .. } | Change::MakeDirectory { .. });
        first.entry(change.path()).or_insert(adds);
    }
    let added = first.into_iter().filter(|(_, adds)| *adds);
    added.map(|(path, _)| path.to_string()).collect()
}

/// Does something with the service of the kubelet, which reads the files only when it starts.
fn kubelet<T>(act: impl FnOnce(&ServiceName) -> Result<T, InitError>) -> Result<T, String> {
    let service = "kubelet"
        .parse()
        .map_err(|error: ParseServiceError| error.to_string())?;
    act(&service).map_err(|error| error.to_string())
}

/// Takes the lock; a supervisor waits for it. `None` if there never was a run.
fn lock(args: &RollbackArgs, root: &Root) -> Result<Option<crate::host::lock::Lock>, CliError> {
    let mut patience = if args.unconfirmed.is_some() {
        LOCK_PATIENCE
    } else {
        0
    };
    loop {
        match state::lock_existing(root) {
            Err(StateError::Locked(_)) if patience > 0 => {
                patience -= 1;
                process::sleep(Duration::from_secs(1));
            }
            other => return Ok(other?),
        }
    }
}

fn refuse(run: &Run, root: &Root) -> Result<(), CliError> {
    let number = run.number();
    let reason = if let Standing::RolledBack(time) = run.standing {
        format!("run {number} was rolled back at {time} already")
    } else if let Some(time) = run.confirmed {
        format!("run {number} was confirmed at {time}: the copies of the old files are gone")
    } else if run.expired {
        format!("run {number} is older than 30 days: the copies of the old files are gone")
    } else {
        return Ok(());
    };
    Err(CliError::new(Exit::Failed, reason).hint(format!(
        "to go back to an older plan: `{}`; to remove the node: `{}`",
        next::command(root, &["install", "BUNDLE", "--allow-older-serial"]),
        next::command(root, &["reset"])
    )))
}

fn ask(run: &Run, preview: &[Preview], root: &Root, io: &mut Io) -> Result<bool, CliError> {
    if !io.terminals().stdin {
        return Err(
            CliError::usage("cannot ask: standard input is not a terminal").hint(format!(
                "to roll back without a question: {}",
                next::command(root, &["rollback", "--yes"])
            )),
        );
    }
    let mut text = Text::of(format_args!(
        "Run {} of {} (node {} of cluster {}) is to be rolled back:",
        run.number(),
        run.begin.time,
        run.begin.node,
        run.begin.cluster.name
    ));
    for Preview { path, action } in preview {
        text.line(format_args!("  {action:<8} {path}"));
    }
    io.tell(&text);
    io.ask("Continue?")
}

//! How a host stands: what is installed, whether a run is not over, what others changed since, what to do next.
//!
//! In: a root. Out: a report. Nothing is changed, no lock is taken; while another run is at work the answer is that of an
//! instant.

use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{Report, Text, with_causes};
use serde::Serialize;

use super::attributes::LIMIT;
use super::attributes::owner_fits;
use super::drift::{self, Suspect};
use super::next::{again, command, older_plan, remaining};
use crate::host::{HostError, Root, RootPath};
use crate::state::StateError;
use crate::state::installed::InstalledNode;
use crate::state::journal::{Progress, Run, Standing};
use crate::state::memory::Memory;
use crate::state::reset::ResetProgress;
use crate::trust;

/// The report of `status`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusReport {
    state: State,
    root: String,
    installed: Vec<NodeLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunLine>,
    drift: Vec<DriftLine>,
    remaining: Vec<StepLine>,
    /// What keeps this host from accepting bundles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    next: Vec<String>,
}

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    NothingInstalled,
    Installed,
    Interrupted,
    WaitingForConfirm,
    RollbackInterrupted,
    ResetInterrupted,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeLine {
    cluster: String,
    cluster_id: String,
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed: Option<String>,
    files: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RunLine {
    number: u32,
    begun: String,
    bundle: String,
    cluster: String,
    node: String,
    serial: u64,
    plan_digest: String,
    transactions: Vec<TransactionLine>,
    in_place: Vec<String>,
    /// Steps that were done in the cluster: no rollback takes them back.
    live_steps: Vec<StepLine>,
    can_be_rolled_back: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_by: Option<String>,
    overdue: bool,
}

#[derive(Debug, Serialize)]
struct TransactionLine {
    name: String,
    phase: String,
    progress: &'static str,
}

#[derive(Debug, Serialize)]
struct StepLine {
    phase: String,
    what: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DriftLine {
    path: String,
    what: Vec<&'static str>,
    by: Suspect,
    words: &'static str,
}

/// Looks at a host.
///
/// # Errors
/// [`StateError`] if it, or what it remembers, cannot be read.
pub(crate) fn look(root: &Root, now: Timestamp) -> Result<StatusReport, StateError> {
    let memory = Memory::load(root)?;
    let current = memory.runs.current();
    let found = memory.as_found();
    let resets = match ResetProgress::load(root)? {
        Some(progress) => progress.is_of(&found)?,
        None => false,
    };
    let state = match current.map(|run| &run.standing) {
        _ if resets => State::ResetInterrupted,
        Some(Standing::RollingBack(_)) => State::RollbackInterrupted,
        Some(Standing::Open | Standing::Superseded(_)) => State::Interrupted,
        Some(Standing::Finished(_)) if current.and_then(Run::waits_for_confirm).is_some() => {
            State::WaitingForConfirm
        }
        _ if memory.installed.nodes().is_empty() => State::NothingInstalled,
        _ => State::Installed,
    };
    let mut drift = Vec::new();
    for node in found.nodes() {
        // What a rollback has half restored, or a reset half removed, is not drift.
        if !matches!(state, State::RollbackInterrupted | State::ResetInterrupted) {
            drift.extend(drift_of(root, &memory, node)?);
        }
    }
    let remaining = memory
        .installed
        .nodes()
        .iter()
        .flat_map(|node| &node.remaining)
        .map(|step| StepLine {
            phase: step.phase.clone(),
            what: step.what.clone(),
        })
        .collect();
    let mut next = next(root, state, &memory, Changed::of(&drift));
    let mut notes: Vec<String> = match state {
        State::Installed => {
            let nodes = memory.installed.nodes().iter();
            nodes
                .filter_map(|node| older_plan(root, &memory, node))
                .collect()
        }
        _ => Vec::new(),
    };
    match trust::policy_memory::is_missed(root) {
        Ok(false) => {}
        Ok(true) => {
            notes.push(trust::policy_memory::missing_note(root));
            next.push(trust::policy_memory::accept_command(root));
        }
        // How the host stands is told all the same.
        Err(error) => notes.push(with_causes(&error)),
    }
    Ok(StatusReport {
        state,
        root: root.shown().to_owned(),
        installed: memory.installed.nodes().iter().map(node_line).collect(),
        run: current.map(|run| run_line(run, now)),
        next,
        drift,
        remaining,
        notes,
    })
}

fn node_line(node: &InstalledNode) -> NodeLine {
    NodeLine {
        cluster: node.cluster_name.to_string(),
        cluster_id: node.cluster_id.to_string(),
        node: node.node.to_string(),
        plan_digest: node.plan_digest.map(|digest| digest.to_string()),
        serial: node.serial,
        installed: node.installed.map(|time| time.to_string()),
        files: node.files.len(),
    }
}

fn run_line(run: &Run, now: Timestamp) -> RunLine {
    let in_flight = run.in_flight().map(|attempt| attempt.planned.number);
    RunLine {
        number: run.number(),
        begun: run.begin.time.to_string(),
        bundle: run.begin.request.bundle.clone(),
        cluster: run.begin.cluster.name.to_string(),
        node: run.begin.node.to_string(),
        serial: run.begin.serial,
        plan_digest: run.begin.plan_digest.to_string(),
        transactions: run
            .attempts
            .iter()
            .map(|attempt| TransactionLine {
                name: attempt.planned.name.to_string(),
                phase: attempt.planned.phase.to_string(),
                progress: match attempt.progress {
                    Progress::Committed => "in-place",
                    Progress::Undone => "as-before",
                    Progress::Prepared => "half-done",
                    Progress::Planned if Some(attempt.planned.number) == in_flight => "begun",
                    Progress::Planned => "not-begun",
                },
            })
            .collect(),
        in_place: run
            .paths_in_place()
            .into_iter()
            .map(ToString::to_string)
            .collect(),
        live_steps: run
            .stays()
            .map(|step| StepLine {
                phase: step.phase.to_string(),
                what: step.what.clone(),
            })
            .collect(),
        can_be_rolled_back: run.can_be_rolled_back(),
        confirm_by: run.waits_for_confirm().map(|until| until.to_string()),
        overdue: run.waits_for_confirm().is_some_and(|until| now > until),
    }
}

/// What others changed since, all in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changed {
    /// Nothing, or what was given to them.
    Nothing,
    /// Some files.
    Some,
    /// The node was taken away.
    All,
}

impl Changed {
    fn of(drift: &[DriftLine]) -> Self {
        let mut all = Self::Nothing;
        for line in drift {
            match line.by {
                Suspect::Kubelet => {}
                Suspect::Reset => return Self::All,
                Suspect::Renewal | Suspect::Upgrade | Suspect::ByHand => all = Self::Some,
            }
        }
        all
    }
}

fn next(root: &Root, state: State, memory: &Memory, changed: Changed) -> Vec<String> {
    match state {
        State::NothingInstalled => vec![command(root, &["install", "BUNDLE"])],
        State::Installed => {
            let nodes = memory.installed.nodes();
            let install = |flags: &[&str]| {
                let commands = nodes.iter().map(|node| again(root, memory, node, flags));
                commands.collect::<Vec<String>>()
            };
            match changed {
                Changed::Nothing => {
                    let remains = nodes.iter().any(|node| !node.remaining.is_empty());
                    remaining(root, remains)
                }
                Changed::Some => install(&["--dry-run"]),
                // To have the node again, or to forget that it was here.
                Changed::All => install(&[])
                    .into_iter()
                    .chain([command(root, &["reset", "--yes"])])
                    .collect(),
            }
        }
        State::ResetInterrupted => vec![command(root, &["reset", "--yes"])],
        State::Interrupted => vec![
            command(root, &["resume"]),
            command(root, &["rollback", "--yes"]),
        ],
        State::WaitingForConfirm => vec![
            command(root, &["confirm"]),
            command(root, &["rollback", "--yes"]),
        ],
        State::RollbackInterrupted => vec![command(root, &["rollback", "--yes"])],
    }
}

/// What others changed since.
fn drift_of(
    root: &Root,
    memory: &Memory,
    node: &InstalledNode,
) -> Result<Vec<DriftLine>, StateError> {
    let mut drift = Vec::new();
    let gone = drift::is_gone(root, node)?;
    for (path, file) in &node.files {
        let mut line = |what: Vec<&'static str>, bytes: Option<&[u8]>| {
            let by = if gone {
                Suspect::Reset
            } else {
                drift::suspect(root, node, memory.salt.as_ref(), path, bytes)
            };
            drift.push(DriftLine {
                path: path.to_string(),
                what,
                by,
                words: by.words(),
            });
        };
        let Some((meta, bytes)) = read(root, path)? else {
            // What a stopped run had not come to is not missing.
            if file.current.is_some() {
                line(vec!["missing"], None);
            }
            continue;
        };
        let records = [&file.current, &file.pending];
        let mut differs: Option<Vec<&'static str>> = None;
        for record in records.into_iter().flatten() {
            let mut what = Vec::new();
            if !record
                .digest
                .matches(bytes.expose(), memory.salt.as_ref())?
            {
                what.push("content");
            }
            if meta.mode != u32::from(record.mode.bits()) {
                what.push("mode");
            }
            if !owner_fits(root, meta.owner, record.owner()) {
                what.push("owner");
            }
            if differs
                .as_ref()
                .is_none_or(|known| known.len() > what.len())
            {
                differs = Some(what);
            }
        }
        match differs {
            // Not ours yet: a stopped run was about to overwrite it.
            _ if file.current.is_none() => {}
            Some(what) if !what.is_empty() => line(what, Some(bytes.expose())),
            _ => {}
        }
    }
    Ok(drift)
}

/// Mode, owner and bytes; no bytes if there are too many. `None` if it is not a file (any more).
fn read(
    root: &Root,
    path: &HostPath,
) -> Result<Option<(crate::host::FileMeta, SecretBytes)>, HostError> {
    let path = RootPath::from(path);
    let directory = match root.open_directory(&path.parent()) {
        Ok(Some(directory)) => directory,
        Ok(None) => return Ok(None),
        Err(error) if error.is_of_the_way() => return Ok(None),
        Err(error) => return Err(error),
    };
    match directory.content(path.file_name(), LIMIT) {
        Ok(found) => Ok(found.map(|found| (found.meta, found.bytes.unwrap_or_default()))),
        Err(HostError::NotAFile { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Report for StatusReport {
    const COMMAND: &'static str = "status";

    fn text(&self) -> Text {
        let mut text = Text::of(format_args!(
            "{}: {}",
            self.root,
            match self.state {
                State::NothingInstalled => "nothing is installed",
                State::Installed => "installed",
                State::Interrupted => "a run was interrupted",
                State::WaitingForConfirm => "installed, waiting to be confirmed",
                State::RollbackInterrupted => "a rollback was interrupted",
                State::ResetInterrupted => "a reset was interrupted, or a part of it left out",
            }
        ));
        for node in &self.installed {
            text.line(format_args!(
                "node {} of cluster {}: serial {}, plan {}, installed {}, {} files",
                node.node,
                node.cluster,
                node.serial
                    .map_or("none".to_owned(), |serial| serial.to_string()),
                short(node.plan_digest.as_deref()),
                node.installed.as_deref().unwrap_or("at an unknown time"),
                node.files,
            ));
        }
        if let Some(run) = self.run.as_ref().filter(|_| {
            !matches!(
                self.state,
                State::Installed | State::NothingInstalled | State::ResetInterrupted
            )
        }) {
            text.line(format_args!(
                "run {} of {}: node {} of cluster {}, serial {}, plan {}",
                run.number,
                run.begun,
                run.node,
                run.cluster,
                run.serial,
                short(Some(&run.plan_digest)),
            ));
            text.line(format_args!("  bundle {}", run.bundle));
            for transaction in &run.transactions {
                text.line(format_args!(
                    "  {:<10} transaction {} ({})",
                    transaction.progress, transaction.name, transaction.phase
                ));
            }
            if self.state != State::WaitingForConfirm {
                for path in &run.in_place {
                    text.line(format_args!("  in place: {path}"));
                }
            }
            for step in &run.live_steps {
                text.line(format_args!(
                    "  done in the cluster: {} {}",
                    step.phase, step.what
                ));
            }
            if let Some(until) = &run.confirm_by {
                text.line(format_args!(
                    "  to be confirmed until {until}{}",
                    if run.overdue {
                        "; that has passed, and the files were not brought back"
                    } else {
                        ""
                    }
                ));
            }
        }
        let (gone, changed): (Vec<&DriftLine>, Vec<&DriftLine>) = self
            .drift
            .iter()
            .partition(|line| line.by == Suspect::Reset);
        if let Some(line) = gone.first() {
            text.line(format_args!(
                "{} files are missing: {}",
                gone.len(),
                line.words
            ));
        }
        for line in changed {
            text.line(format_args!(
                "changed since: {} ({}): {}",
                line.path,
                line.what.join(", "),
                line.words
            ));
        }
        if !self.remaining.is_empty() {
            text.line("remaining (not run):");
        }
        for step in &self.remaining {
            text.line(format_args!("  {:<24} {}", step.phase, step.what));
        }
        for next in &self.next {
            text.line(format_args!("next: {next}"));
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

fn short(digest: Option<&str>) -> String {
    digest.map_or("none".to_owned(), |digest| {
        digest.chars().take(12).collect()
    })
}

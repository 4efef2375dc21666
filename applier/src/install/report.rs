//! What an installation did or would do, for people and machines.

use std::collections::BTreeSet;

use kubeplan_bundle::index::Index;
use kubeplan_bundle::policy::Trust;
use kubeplan_terminal::{Report, Text, quote};
use serde::Serialize;

use super::compare::{Comparison, DirectoryAction, FileAction, Item};
use super::diff;
use super::drift::Suspect;
use super::planned::{self, RemainingStep};
use crate::host::Root;
use crate::state::memory::Memory;
use crate::steps::{LiveReport, StepReport};

/// The report of `install`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstallReport {
    /// What came of it.
    pub(crate) result: InstallResult,
    root: String,
    cluster: String,
    cluster_id: String,
    node: String,
    serial: u64,
    plan_digest: String,
    authors: Vec<Signer>,
    approvals: Vec<Signer>,
    entries: Vec<EntryLine>,
    /// Directories on the way, made with mode 0755.
    parents: Vec<String>,
    /// Installed before, no longer planned, left as they are.
    orphans: Vec<String>,
    /// Until when the operator has to confirm.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_by: Option<String>,
    /// Where the host's receipt for the bundle lies, if one was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) receipt: Option<String>,
    /// Live steps that were run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    live: Vec<StepReport>,
    /// Steps that were not run: they need a running cluster, were not asked for, or come after one that failed.
    remaining: Vec<RemainingStep>,
    notes: Vec<String>,
    next: Vec<String>,
    /// Whether a refusal lists what is not in the way, too.
    #[serde(skip)]
    lists_all: bool,
}

/// What came of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InstallResult {
    /// Changes were made.
    Installed,
    /// There was nothing to change.
    Unchanged,
    /// Nothing was written yet: the operator is asked first.
    Asking,
    /// The files are in place; a live step is not done.
    Stopped,
    /// Nothing was written because nothing was to be.
    DryRun,
    /// Nothing was written because something is in the way.
    Refused,
}

/// A key that counts.
#[derive(Debug, Serialize)]
struct Signer {
    principal: String,
    fingerprint: String,
}

/// The keys that count.
fn signers(keys: &[kubeplan_bundle::policy::TrustedKey]) -> Vec<Signer> {
    keys.iter()
        .map(|key| Signer {
            principal: key.principal.clone(),
            fingerprint: key.fingerprint.to_string(),
        })
        .collect()
}

impl Signer {
    /// For people.
    fn line(&self) -> String {
        format!("{} ({})", self.fingerprint, self.principal)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryLine {
    path: String,
    kind: &'static str,
    action: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    phase: String,
    secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    /// What becomes of it once a live step has committed it.
    #[serde(skip)]
    by_live_step: Option<&'static str>,
    /// Whether the installation is refused because of it.
    #[serde(skip)]
    refuses: bool,
}

/// The action of an entry that a live step has yet to write.
const LATER: &str = "later";

impl InstallReport {
    /// Describes a comparison.
    pub(crate) fn new(
        result: InstallResult,
        root: &Root,
        index: &Index,
        trust: &Trust,
        comparison: &Comparison<'_>,
        in_place: &BTreeSet<usize>,
    ) -> Self {
        // Of what is refused, the rest is not the question.
        let with_diff = |item: &Item<'_>| match result {
            InstallResult::DryRun => true,
            InstallResult::Refused => item.refuses(),
            _ => false,
        };
        let entries = comparison
            .transactions
            .iter()
            .flat_map(|transaction| {
                let planned = transaction.planned;
                transaction.items.iter().map(move |item| {
                    let mut line = line(item, planned.phase.as_str(), with_diff(item));
                    if planned.is_live && item.writes() {
                        line.by_live_step = Some(std::mem::replace(&mut line.action, LATER));
                        line.reason = Some(format!("written by the live step {}", planned.phase));
                    }
                    line
                })
            })
            .collect();
        let mut report = Self {
            result,
            root: root.shown().to_owned(),
            cluster: index.cluster.name.to_string(),
            cluster_id: index.cluster.id.to_string(),
            node: index.node.name.to_string(),
            serial: index.serial,
            plan_digest: index.plan_digest.to_string(),
            authors: signers(&trust.authors),
            approvals: signers(&trust.approvals),
            entries,
            parents: comparison.parents.iter().map(ToString::to_string).collect(),
            orphans: comparison.orphans.iter().map(ToString::to_string).collect(),
            confirm_by: None,
            receipt: None,
            live: Vec::new(),
            remaining: planned::remaining(index, in_place),
            notes: Vec::new(),
            next: Vec::new(),
            lists_all: false,
        };
        report.add_notes(root, comparison);
        report.add_next(root);
        report
    }

    /// Lists everything, also if the installation would be refused: what a dry run is asked for.
    pub(super) const fn list_all(&mut self) {
        self.lists_all = true;
    }

    /// Says what live steps wrote, how the operator can go back, and until when.
    pub(super) fn written(&mut self, root: &Root, memory: &Memory, run: u32) {
        let Some(run) = memory.runs.get(run) else {
            return;
        };
        for change in run.in_place() {
            let path = change.path().as_str();
            let written = self.entries.iter_mut().find(|entry| entry.path == path);
            if let Some(entry) = written
                && let Some(action) = entry.by_live_step.take()
            {
                entry.action = action;
                entry.reason = None;
            }
        }
        if let Some(until) = run.waits_for_confirm() {
            self.confirm_by = Some(until.to_string());
            self.next.insert(
                0,
                format!(
                    "confirm until {until}, or everything is brought back: {}",
                    super::next::command(root, &["confirm"])
                ),
            );
        }
    }

    /// Adds a remark.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds what came of live steps.
    pub(crate) fn add_live(&mut self, live: LiveReport) {
        if live.steps.is_empty() {
            return;
        }
        self.next.clear();
        self.remaining.retain(|remaining| {
            !live
                .steps
                .iter()
                .any(|step| step.step == remaining.position)
        });
        for step in &live.steps {
            self.notes.extend(step.result.notes.iter().cloned());
        }
        self.live = live.steps;
    }

    fn add_notes(&mut self, root: &Root, comparison: &Comparison<'_>) {
        if !root.is_privileged() {
            self.note(format!(
                "not running as root: files belong to user {} and not to the planned owners",
                root.invoker()
            ));
        }
        for item in comparison.items() {
            match item {
                Item::File(item) => match item.action {
                    FileAction::Drift if item.has_special_bits() => self.note(format!(
                        "{} was changed since it was installed ({}) and is left as it is; it has a set-user-ID, set-group-ID or sticky bit, which `{}` removes",
                        item.planned.path,
                        item.suspect.unwrap_or(Suspect::ByHand).words(),
                        super::next::take_bits(root, item.planned.path)
                    )),
                    FileAction::Drift => self.note(format!(
                        "{} was changed since it was installed ({}) and is left as it is; replace it with --overwrite-drift {}",
                        item.planned.path,
                        item.suspect.unwrap_or(Suspect::ByHand).words(),
                        quote(item.planned.path.as_str())
                    )),
                    FileAction::HandedOff if item.host.is_none() => self.note(format!(
                        "{} was removed after its use, and is not restored",
                        item.planned.path
                    )),
                    FileAction::HandedOff => self.note(format!(
                        "{} was handed off when it was installed and is left to its owner",
                        item.planned.path
                    )),
                    _ => {}
                },
                Item::Directory(item) => {
                    if let DirectoryAction::Left(how) = &item.action {
                        self.note(format!(
                            "directory {} exists and is left as it is ({how})",
                            item.planned.path
                        ));
                    }
                }
            }
        }
        for path in &comparison.orphans {
            self.note(format!(
                "{path} was installed before and is no longer planned; it is left as it is"
            ));
        }
    }

    fn add_next(&mut self, root: &Root) {
        if !matches!(
            self.result,
            InstallResult::Installed | InstallResult::Unchanged
        ) {
            return;
        }
        let live = self.remaining.iter().any(|step| step.step.is_live());
        self.next.extend(super::next::remaining(root, live));
    }
}

fn line(item: &Item<'_>, phase: &str, with_diff: bool) -> EntryLine {
    match item {
        Item::File(item) => EntryLine {
            path: item.planned.path.to_string(),
            kind: "file",
            action: item.action.word(),
            mode: item.planned.mode.to_string(),
            uid: item.planned.owner.uid,
            gid: item.planned.owner.gid,
            phase: phase.to_owned(),
            secret: item.planned.secret.is_some(),
            reason: match &item.action {
                FileAction::Obstacle(reason) => Some(reason.clone()),
                _ if item.differs.is_empty() => None,
                _ => Some(format!("{} differs", item.differs.join(", "))),
            },
            diff: if with_diff && !matches!(item.action, FileAction::Obstacle(_)) {
                diff::unified(item)
            } else {
                None
            },
            by_live_step: None,
            refuses: item.action.refuses(),
        },
        Item::Directory(item) => EntryLine {
            path: item.planned.path.to_string(),
            kind: "directory",
            action: item.action.word(),
            mode: item.planned.mode.to_string(),
            uid: item.planned.owner.uid,
            gid: item.planned.owner.gid,
            phase: phase.to_owned(),
            secret: false,
            reason: match &item.action {
                DirectoryAction::Left(reason) | DirectoryAction::Obstacle(reason) => {
                    Some(reason.clone())
                }
                _ => None,
            },
            diff: None,
            by_live_step: None,
            refuses: matches!(item.action, DirectoryAction::Obstacle(_)),
        },
    }
}

impl Report for InstallReport {
    const COMMAND: &'static str = "install";

    fn text(&self) -> Text {
        let mut text = Text::of(format_args!(
            "node {} of cluster {} (serial {}, plan {}) → {}",
            self.node,
            self.cluster,
            self.serial,
            self.plan_digest.chars().take(12).collect::<String>(),
            self.root,
        ));
        for signer in &self.authors {
            text.line(format_args!("signed by {}", signer.line()));
        }
        for signer in &self.approvals {
            text.line(format_args!("approved by {}", signer.line()));
        }
        text.blank();
        let complete = self.result == InstallResult::DryRun;
        let refused = self.result == InstallResult::Refused && !self.lists_all;
        for path in self.parents.iter().filter(|_| !refused) {
            text.line(format_args!("{:<10} 0755 {:>7}  {path}/", "create", ""));
        }
        let (mut unchanged, mut others) = (0, 0);
        for entry in &self.entries {
            if refused && !entry.refuses {
                others += 1;
                continue;
            }
            if entry.action == "unchanged" && !complete {
                unchanged += 1;
                continue;
            }
            let slash = if entry.kind == "directory" { "/" } else { "" };
            let owner = format!("{}:{}", entry.uid, entry.gid);
            let mut line = format!(
                "{:<10} {} {owner:>7}  {}{slash}",
                entry.action, entry.mode, entry.path
            );
            if entry.secret {
                line.push_str("  [secret]");
            }
            if let Some(reason) = &entry.reason {
                line.push_str(&format!("  ({reason})"));
            }
            text.line(line);
            for line in entry
                .diff
                .iter()
                .flat_map(|diff| diff.split_terminator('\n'))
            {
                text.content(&format!("    {line}"));
            }
        }
        if unchanged > 0 {
            text.line(format_args!(
                "{unchanged} files and directories are as planned"
            ));
        }
        if others > 0 {
            text.line(format_args!(
                "{others} other files and directories are not in the way; --dry-run lists them"
            ));
        }
        text.blank();
        text.extend(match self.result {
            InstallResult::Installed => Some("installed"),
            // What others changed is left, but that is not what was planned.
            InstallResult::Unchanged
                if self.entries.iter().any(|entry| entry.action == "drift") =>
            {
                Some("nothing to change: files that were changed since are left as they are")
            }
            InstallResult::Unchanged => Some("nothing to change: the host is as planned"),
            InstallResult::Asking => None,
            InstallResult::Stopped => Some("the files are in place; a live step is not done"),
            InstallResult::DryRun => Some("dry run: nothing was written"),
            InstallResult::Refused => Some("refused: nothing was written"),
        });
        for next in &self.next {
            text.line(format_args!("next: {next}"));
        }
        if let Some(receipt) = &self.receipt {
            let root = self.root.trim_end_matches('/');
            text.line(format_args!("receipt: {root}{receipt}"));
        }
        for step in &self.live {
            let seconds = step.elapsed.as_secs_f64();
            text.line(format_args!(
                "  {:<24} {}: {} ({seconds:.1} s)",
                step.phase, step.what, step.result.outcome
            ));
        }
        if refused {
            return text;
        }
        if !self.remaining.is_empty() {
            let live = self.remaining.iter().all(|step| step.step.is_live());
            let listed = live && self.live.is_empty() && self.result != InstallResult::Stopped;
            text.line(if listed {
                "remaining, needs a running cluster (not run):"
            } else {
                "remaining (not run):"
            });
        }
        for step in &self.remaining {
            text.line(format_args!("  {:<24} {}", step.phase, step.what));
        }
        for said in self
            .live
            .iter()
            .filter_map(|step| step.result.text.as_ref())
        {
            text.content(&said.0);
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

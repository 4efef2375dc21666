//! What a reset does or did, for people and machines.

use kubeplan_terminal::{Report, Text, quote};
use serde::Serialize;

use super::Request;
use super::directories;
use super::inventory::Inventory;
use super::phase::Phase;
use super::plan::Plan;
use crate::host::Root;

/// The report of `reset`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResetReport {
    /// What came of it.
    pub(crate) result: ResetResult,
    root: String,
    nodes: Vec<NodeLine>,
    /// Whether things are removed that kubeapply did not install.
    kubeadm_node: bool,
    entries: Vec<EntryLine>,
    /// What a reset never touches.
    untouched: Vec<String>,
    next: Vec<String>,
    /// What stayed although it was to go, because it was changed while the plan was carried out.
    stayed: Vec<String>,
    notes: Vec<String>,
    /// Whether the plan was shown before: then people need not read it again.
    #[serde(skip)]
    pub(crate) shown: bool,
}

/// What came of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResetResult {
    /// It is about to happen, once the operator agrees.
    Planned,
    /// Everything was done.
    Reset,
    /// Nothing was changed because nothing was to be.
    DryRun,
    /// There was nothing to do.
    Nothing,
}

#[derive(Clone, Debug, Serialize)]
struct NodeLine {
    cluster: String,
    node: String,
}

#[derive(Clone, Debug, Serialize)]
struct EntryLine {
    phase: Phase,
    action: &'static str,
    what: String,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl ResetReport {
    /// Describes a plan.
    pub(super) fn new(
        result: ResetResult,
        root: &Root,
        request: &Request,
        inventory: &Inventory,
        plan: &Plan,
    ) -> Self {
        let entries = plan.steps.iter().map(|step| EntryLine {
            phase: step.phase,
            action: step.action,
            what: step.what.clone(),
            changed: step.changed,
            reason: step.reason.clone(),
        });
        let mut report = Self {
            result,
            root: root.shown().to_owned(),
            nodes: inventory
                .nodes
                .iter()
                .map(|node| NodeLine {
                    cluster: node.cluster.clone(),
                    node: node.name.clone(),
                })
                .collect(),
            kubeadm_node: request.kubeadm_node,
            entries: entries.collect(),
            untouched: directories::NEVER_TOUCHED.map(str::to_owned).to_vec(),
            next: Vec::new(),
            stayed: Vec::new(),
            notes: Vec::new(),
            shown: false,
        };
        if request.kubeadm_node {
            report.note("what `kubeadm reset` removes is removed too, even if kubeapply did not install it (--kubeadm-node)");
        }
        report.note(
            "the trusted keys and the highest serials are kept (/etc/kubeplan, /var/lib/kubeplan)",
        );
        report.add_next(request);
        report
    }

    /// Says that something stayed although it was to go.
    pub(super) fn stayed(&mut self, what: impl Into<String>) {
        self.stayed.push(what.into());
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn add_next(&mut self, request: &Request) {
        for node in &self.nodes {
            self.next.push(format!(
                "if the cluster {} continues without this node: kubectl --kubeconfig {} delete node {}, on a host that has that file",
                node.cluster,
                quote(&request.kubeconfig),
                quote(&node.node)
            ));
        }
    }
}

impl Report for ResetReport {
    const COMMAND: &'static str = "reset";

    fn text(&self) -> Text {
        let mut text = Text::new();
        if !self.shown && self.result != ResetResult::Nothing {
            self.add_plan(&mut text);
        }
        text.extend(match self.result {
            ResetResult::Planned => None,
            ResetResult::Reset => Some("reset"),
            ResetResult::DryRun => Some("dry run: nothing was changed"),
            ResetResult::Nothing => Some("nothing to reset: nothing is installed here"),
        });
        if self.result == ResetResult::Reset {
            for next in &self.next {
                text.line(format_args!("next: {next}"));
            }
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        let known: &[String] = if self.shown || self.result == ResetResult::Nothing {
            &[]
        } else {
            &self.notes
        };
        self.stayed.iter().chain(known).cloned().collect()
    }
}

impl ResetReport {
    fn add_plan(&self, text: &mut Text) {
        for node in &self.nodes {
            text.line(format_args!(
                "node {} of cluster {}",
                node.node, node.cluster
            ));
        }
        if self.nodes.is_empty() {
            text.line("this node was not installed by kubeapply");
        }
        text.line(format_args!("root {}", self.root));
        text.blank();
        let mut phase = None;
        for entry in &self.entries {
            if phase != Some(entry.phase) {
                phase = Some(entry.phase);
                text.line(entry.phase.name());
            }
            let mut line = format!("  {:<8} {}", entry.action, entry.what);
            if let Some(reason) = &entry.reason {
                line.push_str(&format!("  ({reason})"));
            }
            text.line(line);
        }
        text.line("never touched");
        for what in &self.untouched {
            text.line(format_args!("  {what}"));
        }
        text.blank();
    }
}

//! The runs of a bundle, in order, and our own checks after them.
//!
//! Within a run every check is made, also after a failed one; a failed run stops the runs after it, as in kubeadm.

use std::collections::BTreeSet;

use kubeplan_bundle::check::{Check, CheckKind, Severity};
use kubeplan_bundle::index::Index;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::StepPath;
use kubeplan_bundle::timestamp::Timestamp;

use super::kinds::{self, Explained, Needs};
use super::report::{Checked, Item, Outcome, Report};
use super::surroundings::Surroundings;
use super::{CannotLook, Finding, IgnoreError, Ignored, Looked, View, space};
use crate::contents::Contents;
use crate::host::Root;
use crate::state::installed::InstalledNode;

/// What is checked, where, and what is forgiven.
pub(crate) struct Request<'a> {
    /// The tree.
    pub(crate) root: &'a Root,
    /// Whether the tree is that of the running system: what needs that is not looked at elsewhere.
    pub(crate) running: bool,
    /// The running system.
    pub(crate) system: &'a dyn Surroundings,
    /// The index of a trusted bundle.
    pub(crate) index: &'a Index,
    /// The bytes of its public entries.
    pub(crate) contents: &'a dyn Contents,
    /// The time.
    pub(crate) now: Timestamp,
    /// What an earlier installation of the same node recorded.
    pub(crate) record: Option<&'a InstalledNode>,
    /// Files that the operator allows to overwrite.
    pub(crate) overwrite: &'a BTreeSet<HostPath>,
    /// What the operator ignores.
    pub(crate) ignored: &'a Ignored,
    /// Whether images may be pulled.
    pub(crate) pull: bool,
    /// Whether nothing is installed afterwards, which would compare every file by itself.
    pub(crate) alone: bool,
}

/// Our own checks of the tree: name, what a finding counts as.
const DISK_SPACE: (&str, Severity) = ("DiskSpace", Severity::Error);
const FOREIGN_FILES: (&str, Severity) = ("ForeignFiles", Severity::Warning);

/// Makes every check.
///
/// # Errors
/// [`IgnoreError`] if `all` is ignored beside something else.
pub(crate) fn run(request: &Request<'_>) -> Result<Report, IgnoreError> {
    let view = View {
        root: request.root,
        system: request.system,
        index: request.index,
        contents: request.contents,
        now: request.now,
        record: request.record,
        pull: request.pull,
    };
    let mut report = Report::default();
    let mut stopped = false;
    let mut everything_ignored = request.ignored.with(&[])?;
    for step in &request.index.steps {
        everything_ignored = everything_ignored.with(step.ignores())?;
        let ignored = request.ignored.with(step.ignores())?;
        let mut failed = false;
        for check in step.checks() {
            let checked = if stopped {
                Checked::without_looking(
                    check.name.as_str(),
                    Outcome::NotReached,
                    "an earlier check failed",
                )
            } else {
                one(check, request, &view, &ignored)
            };
            failed |= checked.fails();
            report.checks.push(checked);
        }
        stopped |= failed;
    }
    let mut own = vec![(DISK_SPACE, space::disk(&view, request.record))];
    if request.alone {
        own.push((FOREIGN_FILES, space::foreign(&view, request.record)));
    }
    for ((name, severity), looked) in own {
        let mut checked = judge(name, severity, looked, everything_ignored.covers(name));
        checked.own = true;
        report.checks.push(checked);
    }
    let known: Vec<&str> = report.checks.iter().map(|c| c.name.as_str()).collect();
    report.unknown = everything_ignored
        .unknown(&known)
        .into_iter()
        .map(|(name, nearest)| (name, nearest.map(str::to_owned)))
        .collect();
    Ok(report)
}

fn one(check: &Check, request: &Request<'_>, view: &View<'_>, ignored: &Ignored) -> Checked {
    let name = check.name.as_str();
    let row = kinds::row(&check.look);
    if row.needs == Needs::Live && !request.running {
        return Checked::without_looking(name, Outcome::NotLooked, "needs the running host");
    }
    let looked = kinds::look(&check.look, view);
    let wrong = looked.as_ref().is_ok_and(|findings| !findings.is_empty());
    let mut checked = if wrong && is_ours(&check.look, row.explained, request) {
        Checked::without_looking(
            name,
            Outcome::Ours,
            "explained by an earlier installation of this node, or by --overwrite-drift",
        )
    } else {
        judge(
            name,
            check.severity,
            looked,
            row.ignorable && ignored.covers(name),
        )
    };
    checked.own = !row.ignorable;
    checked.ignorable = row.ignorable;
    checked
}

/// Whether an earlier installation of the same node left what was found, or the operator knows of the file.
fn is_ours(look: &CheckKind, explained: Explained, request: &Request<'_>) -> bool {
    let files = request.record.map(|node| &node.files);
    let is_known = |path: &StepPath<'_>| {
        path.path.parse::<HostPath>().is_ok_and(|path| {
            files.is_some_and(|files| files.contains_key(&path))
                || request.overwrite.contains(&path)
        })
    };
    match explained {
        Explained::Never => false,
        Explained::ByPath => look.paths().iter().all(is_known),
        Explained::ByNode => files.is_some_and(|files| !files.is_empty()),
    }
}

fn judge(name: &str, severity: Severity, looked: Looked, ignored: bool) -> Checked {
    let could_not_look = looked.is_err();
    let findings = looked.unwrap_or_else(|CannotLook(reason)| {
        vec![Finding::AsPlanned(format!("could not look: {reason}"))]
    });
    let items: Vec<Item> = findings
        .into_iter()
        .map(|finding| {
            let (found, message) = match finding {
                Finding::AsPlanned(message) => (severity, message),
                Finding::Warning(message) => (Severity::Warning, message),
                Finding::Error(message) => (Severity::Error, message),
            };
            let ignored = ignored && found == Severity::Error;
            Item {
                severity: if ignored { Severity::Warning } else { found },
                message,
                ignored,
                could_not_look,
            }
        })
        .collect();
    Checked {
        name: name.to_owned(),
        own: false,
        ignorable: true,
        outcome: if items.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Found
        },
        why: String::new(),
        items,
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;

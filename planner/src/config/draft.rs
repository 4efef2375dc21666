//! The configuration between being read and being validated.
//!
//! A [`Draft`] contains one sparse value per kind of document (only what is set), the origin of every value, and the findings
//! so far. Paths are relative to a document, such as `networking.serviceSubnet`; in findings and in provenance they start
//! with the kind. A draft is about one node: `nodes[0]` is its entry of the inventory, at whatever index; findings and
//! provenance have the real index.

use std::collections::BTreeMap;

use kubeplan_bundle::yaml_budget::Budget;
use serde_json::{Map, Value};

use super::host::Fault;
use super::means::Means;
use super::provenance::{Origin, Provenance};
use super::report::{Finding, Report, Severity};
use super::v1beta3::ControlPlaneTimeout;
use crate::kubeadm::releases::{self, Release};
use crate::schema::Kind;

/// The most errors, and the most warnings, that a report lists.
const MAX_FINDINGS: usize = 1000;

/// What to do about missing values that kubeadm would read from the host: the node's name, the address of its API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Host {
    /// They are needed: report an error if they are not known.
    #[default]
    Needed,
    /// They do not matter: use placeholders ([`super::STAND_IN`]).
    Unneeded,
}

/// The documents, their provenance, and the findings so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    documents: BTreeMap<Kind, Map<String, Value>>,
    /// The kinds that the user wrote, with file and line of the document.
    pub(super) supplied: BTreeMap<Kind, (String, u64)>,
    /// The kinds that the user wrote and the command does not use.
    pub(super) ignored: Vec<Kind>,
    /// The kinds that the user wrote in a deprecated API version.
    pub(super) old_documents: Vec<Kind>,
    /// The timeout of a v1beta3 ClusterConfiguration that belongs to InitConfiguration.
    pub(super) moved_timeout: Option<ControlPlaneTimeout>,
    /// Where every value comes from.
    pub(super) provenance: Provenance,
    /// Findings so far.
    pub(super) report: Report,
    /// The budget that is left for expanding YAML of the files and of the documents that a cluster stores.
    pub(super) yaml: Budget,
    /// The file that findings without a place name.
    pub(super) first_file: String,
    /// The index of the node's entry in the inventory, from 0.
    pub(super) position: usize,
    /// Whether the node joins the cluster.
    pub(super) joins: bool,
    /// Whether the cluster runs already, with the configuration that it stores.
    pub(super) cluster_runs: bool,
    /// What to do about values that kubeadm would read from the host.
    pub(super) host: Host,
    /// What can set values that kubeadm would read from the host.
    pub(super) means: Means,
}

/// The path of the node's entry in a [`Draft`].
pub(super) const NODE: &str = "nodes[0]";

/// When a default applies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unset {
    /// Absent or null, as a nil pointer, list or map in Go.
    Nil,
    /// Also an empty string, list or map, or zero.
    Empty,
}

fn is_unset(value: Option<&Value>, unset: Unset) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(_) if unset == Unset::Nil => false,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(entries)) => entries.is_empty(),
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::Bool(_)) => false,
    }
}

/// A step of a path: a field, or an item of a list.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty())
}

impl Draft {
    /// A draft without documents, for the node at this index of the inventory.
    pub(super) fn of_node(
        position: usize,
        first_file: &str,
        provenance: Provenance,
        report: Report,
    ) -> Self {
        Self {
            position,
            first_file: first_file.to_owned(),
            provenance,
            report,
            ..Self::default()
        }
    }

    /// Adds a document as the user wrote it.
    pub(super) fn supply(&mut self, kind: Kind, values: Map<String, Value>, file: &str, line: u64) {
        self.documents.insert(kind, values);
        self.supplied.insert(kind, (file.to_owned(), line));
    }

    /// Adds a document that the user did not write as such.
    pub(super) fn put(&mut self, kind: Kind, values: Map<String, Value>) {
        self.documents.insert(kind, values);
    }

    /// Whether the user wrote such a document.
    pub(super) fn is_supplied(&self, kind: Kind) -> bool {
        self.supplied.contains_key(&kind)
    }

    /// Whether the user wrote such a document and the command does not use it.
    pub(super) fn is_ignored(&self, kind: Kind) -> bool {
        self.ignored.contains(&kind)
    }

    /// Whether a file or document could not be read: it may contain what would be reported as missing.
    pub(super) fn has_unreadable(&self) -> bool {
        let mut findings = self.report.findings().iter();
        findings.any(|finding| finding.severity == Severity::Error && !finding.path.contains('.'))
    }

    /// The fields of the document that are set.
    pub(super) fn document(&self, kind: Kind) -> Map<String, Value> {
        self.documents.get(&kind).cloned().unwrap_or_default()
    }

    /// The value at `path`, unless it is null.
    pub(super) fn get(&self, kind: Kind, path: &str) -> Option<&Value> {
        let mut steps = steps(path);
        let mut value = self.documents.get(&kind)?.get(steps.next()?)?;
        for step in steps {
            value = match value {
                Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
                other => other.get(step)?,
            };
        }
        Some(value).filter(|value| !value.is_null())
    }

    /// The release of `kubernetesVersion`, if it is supported.
    pub(super) fn release(&self) -> Option<&'static Release> {
        let version = self.text(Kind::Cluster, "kubernetesVersion");
        releases::of_version(version.strip_prefix('v').unwrap_or(&version))
    }

    /// The text at `path`; empty if the field is not set.
    pub(super) fn text(&self, kind: Kind, path: &str) -> String {
        self.get(kind, path)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// The texts of the list at `path` with their paths.
    pub(super) fn texts(&self, kind: Kind, path: &str) -> Vec<(String, String)> {
        self.items(kind, path)
            .into_iter()
            .map(|item| (self.text(kind, &item), item))
            .map(|(text, item)| (item, text))
            .collect()
    }

    /// The paths of the items of the list at `path`.
    pub(super) fn items(&self, kind: Kind, path: &str) -> Vec<String> {
        let count = self
            .get(kind, path)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        (0..count).map(|index| format!("{path}[{index}]")).collect()
    }

    /// Sets the value at `path` and creates the mappings above it; items of lists must exist.
    pub(super) fn set(&mut self, kind: Kind, path: &str, value: Value) {
        let mut all = steps(path).collect::<Vec<_>>();
        let Some(last) = all.pop() else { return };
        let mut root = Value::Object(std::mem::take(self.documents.entry(kind).or_default()));
        let mut target = Some(&mut root);
        for step in all {
            target = target.and_then(|parent| match parent {
                Value::Array(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get_mut(index)),
                Value::Object(entries) => {
                    let child = entries.entry(step).or_insert(Value::Null);
                    if child.is_null() {
                        *child = Value::Object(Map::new());
                    }
                    Some(child)
                }
                _ => None,
            });
        }
        match target {
            Some(Value::Object(entries)) => drop(entries.insert(last.to_owned(), value)),
            Some(Value::Array(items)) => {
                if let Some(item) = last
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get_mut(index))
                {
                    *item = value;
                }
            }
            _ => {}
        }
        if let Value::Object(entries) = root {
            self.documents.insert(kind, entries);
        }
    }

    /// The full path of `path`, as in provenance.
    pub(super) fn full_path(&self, kind: Kind, path: &str) -> String {
        match path.strip_prefix(NODE) {
            Some(rest) if kind == Kind::Inventory => {
                format!("{}.nodes[{}]{rest}", kind.name(), self.position)
            }
            _ if path.is_empty() => kind.name().to_owned(),
            _ => format!("{}.{path}", kind.name()),
        }
    }

    /// Records that the value at `to` was written in the inventory's field `from`.
    pub(super) fn alias(&mut self, to: (Kind, &str), from: &str) {
        let (to, from) = (
            self.full_path(to.0, to.1),
            self.full_path(Kind::Inventory, from),
        );
        self.provenance.record_name(to, from);
    }

    /// Sets the value at `path` and records where it comes from.
    pub(super) fn set_from(&mut self, kind: Kind, path: &str, value: Value, origin: Origin) {
        self.provenance.record(self.full_path(kind, path), origin);
        self.set(kind, path, value);
    }

    /// Sets the default at `path` if it is unset, and records `rule`.
    pub(super) fn default_to(
        &mut self,
        kind: Kind,
        path: &str,
        unset: Unset,
        value: impl Into<Value>,
        rule: &str,
    ) {
        if is_unset(self.get(kind, path), unset) {
            let origin = Origin::Default {
                rule: rule.to_owned(),
            };
            self.set_from(kind, path, value.into(), origin);
        }
    }

    /// Where `path`, or the nearest field above it, was written: file and line, or the flag.
    pub(super) fn place_of(&self, full_path: &str) -> (String, Option<u64>) {
        let mut path = full_path;
        loop {
            match self.provenance.at(path) {
                Some(Origin::Written { file, line }) => return (file.clone(), Some(*line)),
                Some(Origin::Flag { name }) => return (format!("--{name}"), None),
                _ => {}
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = path.get(..at).unwrap_or_default(),
                None => return (self.first_file.clone(), None),
            }
        }
    }

    fn say(
        &mut self,
        severity: Severity,
        kind: Kind,
        path: &str,
        message: String,
        hint: Option<String>,
    ) {
        let path = self.provenance.written_as(&self.full_path(kind, path));
        let (file, line) = self.place_of(&path);
        self.adopt(Finding {
            severity,
            file,
            line,
            column: None,
            path,
            message,
            hint,
        });
    }

    /// Adds a finding, unless there are too many already, or the field already has an error.
    pub(super) fn adopt(&mut self, mut finding: Finding) {
        let found = self.count(finding.severity);
        // A field that could not be decoded has been reported already.
        if found > MAX_FINDINGS || self.is_wrong(&finding.path) {
            return;
        }
        if found == MAX_FINDINGS {
            let message = match finding.severity {
                Severity::Error => "too many errors; further errors are not listed",
                Severity::Warning => "too many warnings; further warnings are not listed",
            };
            message.clone_into(&mut finding.message);
            finding.hint = None;
        }
        self.report.push(finding);
    }

    fn count(&self, severity: Severity) -> usize {
        let same = |finding: &&Finding| finding.severity == severity;
        self.report.findings().iter().filter(same).count()
    }

    /// Whether an error about the field was reported already.
    fn is_wrong(&self, path: &str) -> bool {
        let known = |finding: &Finding| finding.severity == Severity::Error && finding.path == path;
        self.report.findings().iter().any(known)
    }

    /// Whether an error about the field, or anything below it, was reported already.
    pub(super) fn is_wrong_below(&self, kind: Kind, path: &str) -> bool {
        let path = format!("{}.{path}", kind.name());
        let is_below = |finding: &Finding| {
            let rest = finding.path.strip_prefix(&path);
            finding.severity == Severity::Error
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.report.findings().iter().any(is_below)
    }

    /// Reports what is wrong with the host at `path`, if anything.
    pub(super) fn fault(&mut self, kind: Kind, path: &str, fault: Option<Fault>) {
        let Some(fault) = fault else { return };
        match (fault.severity, kind) {
            (Severity::Error, Kind::Cluster) => {
                self.cluster_error(path, fault.message, &fault.hint);
            }
            (severity, kind) => self.say(severity, kind, path, fault.message, Some(fault.hint)),
        }
    }

    /// Reports an error at `path` of ClusterConfiguration: a warning if the cluster runs already, because there it did not prevent that.
    pub(super) fn cluster_error(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        match self.cluster_runs {
            true => self.warn(Kind::Cluster, path, message, hint),
            false => self.error(Kind::Cluster, path, message, hint),
        }
    }

    /// Reports an error at `path`.
    pub(super) fn error(&mut self, kind: Kind, path: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.say(Severity::Error, kind, path, message.into(), hint);
    }

    /// Reports a warning at `path`.
    pub(super) fn warn(&mut self, kind: Kind, path: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.say(Severity::Warning, kind, path, message.into(), hint);
    }
}

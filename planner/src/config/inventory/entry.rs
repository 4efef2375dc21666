//! Splits `nodes[]` of the `Cluster` document into entries.
//!
//! In: the draft as written. Out: one [`Entry`] for each node, with the origins of its values. The draft keeps everything that
//! is not about one node.

use serde_json::{Map, Value, json};

use super::super::draft::{Draft, NODE};
use super::super::provenance::{Origin, Provenance};
use crate::schema::Kind;

/// One node's entry in the inventory.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Its index in the inventory, from 0.
    pub(super) position: usize,
    pub(super) document: Map<String, Value>,
    pub(super) provenance: Provenance,
}

impl Entry {
    /// Puts the entry into the draft, as that of its node.
    pub(super) fn put(&self, draft: &mut Draft) {
        draft.position = self.position;
        draft.provenance.extend(self.provenance.clone());
        let nodes = json!([self.document.clone()]);
        draft.set(Kind::Inventory, "nodes", nodes);
    }

    /// Whether the entry sets `field`.
    pub(super) fn says(&self, field: &str) -> bool {
        self.document
            .get(field)
            .is_some_and(|value| !value.is_null())
    }

    /// The full path of the field, as in provenance.
    fn path(&self, field: &str) -> String {
        format!(
            "{}.nodes[{}].{field}",
            Kind::Inventory.name(),
            self.position
        )
    }

    fn role(&self) -> &str {
        let role = self.document.get("role").and_then(Value::as_str);
        role.unwrap_or_default()
    }
}

/// Takes the entries out of the draft. Returns one empty entry if there is none.
pub(super) fn take(draft: &mut Draft) -> Vec<Entry> {
    let mut inventory = draft.document(Kind::Inventory);
    let nodes = match inventory.remove("nodes") {
        Some(Value::Array(nodes)) => nodes,
        _ => Vec::new(),
    };
    draft.put(Kind::Inventory, inventory);
    if nodes.is_empty() {
        let rule = "one control-plane node".to_owned();
        let full = draft.full_path(Kind::Inventory, "nodes");
        draft.provenance.record(full, Origin::Default { rule });
        return vec![Entry::default()];
    }
    let mut entries: Vec<Entry> = nodes
        .into_iter()
        .enumerate()
        .map(|(position, node)| Entry {
            position,
            document: match node {
                Value::Object(document) => document,
                _ => Map::new(),
            },
            provenance: Provenance::default(),
        })
        .collect();
    let prefix = format!("{}.nodes[", Kind::Inventory.name());
    let records = draft.provenance.take_out(|path| path.starts_with(&prefix));
    for (path, origin) in records {
        let position = path
            .strip_prefix(&prefix)
            .and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
        if let Some(entry) = position.and_then(|position| entries.get_mut(position)) {
            entry.provenance.record(path, origin);
        }
    }
    entries
}

/// The index of the first control-plane node, which creates the cluster; `None` together with an error. With several nodes each
/// must have a role, so that no node becomes a control-plane node by default.
pub(super) fn first_control_plane(draft: &mut Draft, entries: &[Entry]) -> Option<usize> {
    if entries.len() > 1 {
        for entry in entries.iter().filter(|entry| entry.role().is_empty()) {
            let message = "the node has no role";
            let hint =
                "set `role: control-plane` or `role: worker`; with several nodes each needs a role";
            entry.error(draft, "role", message, hint);
        }
    }
    let with_role = |role: &str| entries.iter().position(|entry| entry.role() == role);
    // An unknown role is reported with the node's other errors.
    let other = || entries.iter().position(|entry| entry.role() != "worker");
    let first_control_plane = with_role("control-plane").or_else(other);
    if first_control_plane.is_none() {
        let message = "there is no control-plane node to create the cluster";
        let hint = "set `role: control-plane` for a node";
        draft.error(Kind::Inventory, "nodes", message, hint);
    }
    first_control_plane
}

/// The origins of what the user wrote, also in the entries.
pub(super) fn written(draft: &Draft, entries: &[Entry]) -> Provenance {
    let mut written = draft.provenance.clone();
    for entry in entries {
        written.extend(entry.provenance.clone());
    }
    written
}

impl Entry {
    /// Reports an error about a field of the entry.
    pub(super) fn error(
        &self,
        draft: &mut Draft,
        field: &str,
        message: impl Into<String>,
        hint: &str,
    ) {
        self.about(draft, |draft| {
            let path = format!("{NODE}.{field}");
            draft.error(Kind::Inventory, &path, message, hint);
        });
    }

    /// Reports an error about the entry as a whole.
    pub(super) fn error_of_node(&self, draft: &mut Draft, message: impl Into<String>, hint: &str) {
        self.about(draft, |draft| {
            draft.error(Kind::Inventory, NODE, message, hint);
        });
    }

    /// Reports a warning about a field of the entry.
    pub(super) fn warn(
        &self,
        draft: &mut Draft,
        field: &str,
        message: impl Into<String>,
        hint: &str,
    ) {
        self.about(draft, |draft| {
            let path = format!("{NODE}.{field}");
            draft.warn(Kind::Inventory, &path, message, hint);
        });
    }

    /// Runs `say` with a draft that knows where the entry was written, and keeps its findings.
    fn about(&self, draft: &mut Draft, say: impl FnOnce(&mut Draft)) {
        let report = std::mem::take(&mut draft.report);
        let provenance = self.provenance.clone();
        let mut own = Draft::of_node(self.position, &draft.first_file, provenance, report);
        say(&mut own);
        draft.report = own.report;
    }

    /// Where the field, or the nearest one above it, was written, for messages; empty if it was not written.
    pub(super) fn place(&self, field: &str) -> String {
        match self.provenance.of(&self.path(field)) {
            Some(Origin::Written { file, line }) => format!(" at {file}:{line}"),
            _ => String::new(),
        }
    }
}

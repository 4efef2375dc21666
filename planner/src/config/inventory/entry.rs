//! Entries of the inventory, taken apart: `nodes[]` of the `Cluster` document.
//!
//! In: the draft as written. Out: one [`Entry`] for each node, with where its values come from; the draft keeps what is not a
//! node's.

use serde_json::{Map, Value, json};

use super::super::draft::{Draft, NODE};
use super::super::provenance::{Origin, Provenance};
use crate::schema::Kind;

/// What the inventory says of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Its place in the inventory, from 0.
    pub(super) position: usize,
    pub(super) document: Map<String, Value>,
    pub(super) provenance: Provenance,
}

impl Entry {
    /// Makes the entry that of the draft's node.
    pub(super) fn put(&self, draft: &mut Draft) {
        draft.position = self.position;
        draft.provenance.extend(self.provenance.clone());
        let nodes = json!([self.document.clone()]);
        draft.set(Kind::Inventory, "nodes", nodes);
    }

    /// Whether the entry says something of `field`.
    pub(super) fn says(&self, field: &str) -> bool {
        self.document
            .get(field)
            .is_some_and(|value| !value.is_null())
    }

    /// The field as provenance has it.
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

/// Takes the entries out of the draft; one that says nothing if there is none.
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

/// The place of the node that founds the cluster: the first one of the control plane; `None` together with an error. Where there are
/// several nodes each has to say its role, so that none is taken into the control plane unasked.
pub(super) fn founder(draft: &mut Draft, entries: &[Entry]) -> Option<usize> {
    if entries.len() > 1 {
        for entry in entries.iter().filter(|entry| entry.role().is_empty()) {
            let message = "the node has no role";
            let hint = "write `role: control-plane` or `role: worker`: with several nodes each has to say it";
            entry.error(draft, "role", message, hint);
        }
    }
    let founds = |role: &str| entries.iter().position(|entry| entry.role() == role);
    // A role that is none is reported with the rest of the node's mistakes.
    let other = || entries.iter().position(|entry| entry.role() != "worker");
    let founder = founds("control-plane").or_else(other);
    if founder.is_none() {
        let message = "there is no control-plane node, and the first one founds the cluster";
        let hint = "give a node the role `control-plane`";
        draft.error(Kind::Inventory, "nodes", message, hint);
    }
    founder
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

    /// Runs `say` with a draft that knows the entry's places, and keeps what it says.
    fn about(&self, draft: &mut Draft, say: impl FnOnce(&mut Draft)) {
        let report = std::mem::take(&mut draft.report);
        let provenance = self.provenance.clone();
        let mut own = Draft::of_node(self.position, &draft.first_file, provenance, report);
        say(&mut own);
        draft.report = own.report;
    }

    /// Where the field, or the nearest one above it, was written, for messages; empty if nobody wrote it.
    pub(super) fn place(&self, field: &str) -> String {
        match self.provenance.of(&self.path(field)) {
            Some(Origin::Written { file, line }) => format!(" at {file}:{line}"),
            _ => String::new(),
        }
    }
}

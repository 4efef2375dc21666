//! What a node's entry in the inventory says, and where.

use serde_json::Value;

use super::super::draft::{Draft, NODE};
use super::super::provenance::Origin;
use crate::schema::Kind;

const KIND: Kind = Kind::Inventory;

/// The origin of the user's value at `from`.
pub(super) fn origin_of(draft: &Draft, from: &str) -> Origin {
    let (file, line) = draft.place_of(&draft.full_path(KIND, from));
    Origin::Written {
        file,
        line: line.unwrap_or_default(),
    }
}

/// The labels of the node's entry, sorted by key.
pub(in super::super) fn labels(draft: &Draft) -> Vec<(String, String)> {
    let Some(Value::Object(labels)) = draft.get(KIND, &format!("{NODE}.labels")) else {
        return Vec::new();
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut labels: Vec<(String, String)> = labels
        .iter()
        .map(|(key, value)| (key.clone(), text(value)))
        .collect();
    labels.sort();
    labels
}

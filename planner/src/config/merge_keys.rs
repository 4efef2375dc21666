//! Reports keys `<<` in the kubelet's configuration.
//!
//! kubeadm and the kubelet read this configuration with a YAML library that treats a key `<<` as a merge, quoted or not. kubeadm
//! then fails in `kubelet-start` (v1.36.2: "map merge requires map or sequence of maps").

use serde_json::Value;

use super::draft::Draft;
use crate::schema::Kind;

/// Reports every key `<<` of the kubelet's configuration.
pub(super) fn check(draft: &mut Draft) {
    let mut found = Vec::new();
    search(
        &Value::Object(draft.document(Kind::Kubelet)),
        "",
        &mut found,
    );
    for path in found {
        draft.error(
            Kind::Kubelet,
            &path,
            "the kubelet reads a key `<<` as a merge of mappings, so it cannot read this document",
            "use another key",
        );
    }
}

fn search(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let below = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                if key == "<<" {
                    found.push(below.clone());
                }
                search(value, &below, found);
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                search(item, &format!("{path}[{position}]"), found);
            }
        }
        _ => {}
    }
}

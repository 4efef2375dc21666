//! Validates the node's labels: which its kubelet sets, which `mark-control-plane` sets, and which neither may set.

use std::collections::BTreeMap;

use kubeplan_bundle::index::NodeRole;

use super::super::default;
use super::super::draft::{Draft, NODE};
use super::super::labels::{is_qualified_name, is_value, kubelet_may_set};
use crate::kubeadm::labels::CONTROL_PLANE;
use crate::schema::Kind;

/// Checks every label. Returns those that a kubelet may not set.
pub(super) fn check(draft: &mut Draft, role: NodeRole) -> BTreeMap<String, String> {
    let mut marks = BTreeMap::new();
    for (key, value) in default::labels(draft) {
        let path = format!("{NODE}.labels.{key}");
        if !is_qualified_name(&key) {
            let message = format!("`{}` is not a valid label key", key.escape_debug());
            let hint = "use a name of at most 63 letters, digits, `-`, `_` and `.`, optionally after a DNS name and `/`";
            draft.error(Kind::Inventory, &path, message, hint);
        } else if !is_value(&value) {
            let message = format!("`{}` is not a valid label value", value.escape_debug());
            let hint = "use at most 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit";
            draft.error(Kind::Inventory, &path, message, hint);
        } else if role == NodeRole::ControlPlane && CONTROL_PLANE.contains(&key.as_str()) {
            if !value.is_empty() {
                let message = "on a control-plane node, this label has no value";
                draft.error(Kind::Inventory, &path, message, "remove it");
            }
        } else if kubelet_may_set(&key) {
            continue;
        } else if role == NodeRole::Worker {
            let node = draft.text(Kind::Init, "nodeRegistration.name");
            let message = format!("a kubelet may not set `{key}` on its own Node");
            let hint = format!(
                "remove it here, and set it as an administrator after the node has joined: kubectl label node {node} {key}={value}"
            );
            draft.error(Kind::Inventory, &path, message, &hint);
        } else {
            marks.insert(key, value);
        }
    }
    marks
}

//! Labels of the node: what its kubelet sets, what `mark-control-plane` sets, what neither may.

use std::collections::BTreeMap;

use kubeplan_bundle::index::NodeRole;

use super::super::default;
use super::super::draft::{Draft, NODE};
use super::super::labels::{is_qualified_name, is_value, kubelet_may_set};
use crate::kubeadm::labels::CONTROL_PLANE;
use crate::schema::Kind;

/// Checks every label; the answer are those that a kubelet may not set.
pub(super) fn check(draft: &mut Draft, role: NodeRole) -> BTreeMap<String, String> {
    let mut marks = BTreeMap::new();
    for (key, value) in default::labels(draft) {
        let path = format!("{NODE}.labels.{key}");
        if !is_qualified_name(&key) {
            let message = format!("`{}` is no key of a label", key.escape_debug());
            let hint = "a name of at most 63 letters, digits, `-`, `_`, `.`, with or without a DNS name and `/` in front";
            draft.error(Kind::Inventory, &path, message, hint);
        } else if !is_value(&value) {
            let message = format!("`{}` is no value of a label", value.escape_debug());
            let hint = "at most 63 letters, digits, `-`, `_`, `.`, starting and ending with a letter or digit";
            draft.error(Kind::Inventory, &path, message, hint);
        } else if role == NodeRole::ControlPlane && CONTROL_PLANE.contains(&key.as_str()) {
            if !value.is_empty() {
                let message = "a control-plane node has the label without a value";
                draft.error(Kind::Inventory, &path, message, "remove it");
            }
        } else if kubelet_may_set(&key) {
            continue;
        } else if role == NodeRole::Worker {
            let node = draft.text(Kind::Init, "nodeRegistration.name");
            let message = format!("a kubelet may not set `{key}` on its own Node");
            let hint = format!(
                "remove it here; once the node has joined, an administrator sets it: kubectl label node {node} {key}={value}"
            );
            draft.error(Kind::Inventory, &path, message, &hint);
        } else {
            marks.insert(key, value);
        }
    }
    marks
}

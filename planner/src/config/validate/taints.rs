//! Taints of the node. kubeadm passes them on unchecked, and the API server refuses what is wrong with them only after everything
//! else is done; here they are checked before anything is.

use super::super::draft::Draft;
use super::super::labels::{is_qualified_name, is_value};
use crate::schema::Kind;

/// core/v1 TaintEffect.
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Checks every taint.
pub(super) fn validate(draft: &mut Draft) {
    let kind = Kind::Init;
    for item in draft.items(kind, "nodeRegistration.taints") {
        let path = format!("{item}.key");
        let key = draft.text(kind, &path);
        if !is_qualified_name(&key) {
            let message = format!("`{}` is no taint key", key.escape_debug());
            let hint = "a name of at most 63 letters, digits, `-`, `_`, `.`, with or without a DNS name and `/` in front";
            draft.error(kind, &path, message, hint);
        }
        let path = format!("{item}.value");
        let value = draft.text(kind, &path);
        if !is_value(&value) {
            let message = format!("`{}` is no taint value", value.escape_debug());
            draft.error(
                kind,
                &path,
                message,
                "at most 63 letters, digits, `-`, `_`, `.`",
            );
        }
        let path = format!("{item}.effect");
        let effect = draft.text(kind, &path);
        if !EFFECTS.contains(&effect.as_str()) {
            let message = format!("unknown effect `{}`", effect.escape_debug());
            let hint = format!("one of {}", EFFECTS.join(", "));
            draft.error(kind, &path, message, &hint);
        }
        let path = format!("{item}.timeAdded");
        if draft.get(kind, &path).is_some() {
            draft.error(kind, &path, "the cluster sets it itself", "remove it");
        }
    }
}

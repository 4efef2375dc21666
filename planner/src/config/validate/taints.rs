//! Validates the node's taints. kubeadm does not check them, so the API server would refuse a taint that is not valid only after
//! everything else is done.

use super::super::draft::Draft;
use super::super::labels::{is_qualified_name, is_value};
use crate::schema::Kind;

/// The values of core/v1 TaintEffect.
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Checks every taint.
pub(super) fn validate(draft: &mut Draft) {
    let kind = Kind::Init;
    for item in draft.items(kind, "nodeRegistration.taints") {
        let path = format!("{item}.key");
        let key = draft.text(kind, &path);
        if !is_qualified_name(&key) {
            let message = format!("`{}` is not a valid taint key", key.escape_debug());
            let hint = "use a name of at most 63 letters, digits, `-`, `_` and `.`, optionally after a DNS name and `/`";
            draft.error(kind, &path, message, hint);
        }
        let path = format!("{item}.value");
        let value = draft.text(kind, &path);
        if !is_value(&value) {
            let message = format!("`{}` is not a valid taint value", value.escape_debug());
            draft.error(
                kind,
                &path,
                message,
                "use at most 63 letters, digits, `-`, `_` and `.`",
            );
        }
        let path = format!("{item}.effect");
        let effect = draft.text(kind, &path);
        if !EFFECTS.contains(&effect.as_str()) {
            let message = format!("unknown effect `{}`", effect.escape_debug());
            let hint = format!("use one of {}", EFFECTS.join(", "));
            draft.error(kind, &path, message, &hint);
        }
        let path = format!("{item}.timeAdded");
        if draft.get(kind, &path).is_some() {
            draft.error(
                kind,
                &path,
                "the control plane sets this field itself",
                "remove it",
            );
        }
    }
}

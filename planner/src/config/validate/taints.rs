//! Taints of the node. kubeadm passes them on unchecked, and the API server refuses what is wrong with them only after everything
//! else is done; here they are checked before anything is.

use super::super::draft::Draft;
use super::super::schema::Kind;

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
        if !(value.is_empty() || is_name(&value)) {
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

/// `[prefix/]name` (k8s.io/apimachinery, IsQualifiedName).
fn is_qualified_name(text: &str) -> bool {
    let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_domain = |text: &str| {
        text.len() <= 253
            && text.split('.').all(|label| {
                let inner = |b: u8| part(b) || b == b'-';
                label.bytes().all(inner)
                    && label.bytes().next().is_some_and(part)
                    && label.bytes().last().is_some_and(part)
            })
    };
    match text.split_once('/') {
        Some((domain, name)) => is_domain(domain) && is_name(name),
        None => is_name(text),
    }
}

fn is_name(text: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= 63
        && text.bytes().all(inner)
        && edge(text.bytes().next())
        && edge(text.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_qualified_names() {
        for good in ["a", "node-role.kubernetes.io/control-plane", "A_b.c"] {
            assert!(is_qualified_name(good), "{good}");
        }
        for bad in ["", "a/b/c", "/a", "a/", "A.com/x", "-a", "a b"] {
            assert!(!is_qualified_name(bad), "{bad}");
        }
    }
}

//! Validates taints: of the node's registration, of the kubelet's configuration, and of its flag `--register-with-taints`.
//!
//! kubeadm does not check them, so the kubelet would not start, or the API server would refuse the Node after everything else is
//! done. Rules: Kubernetes v1.36.2, pkg/apis/core/validation/validation.go (validateNodeTaints), pkg/util/taints/taints.go.

use std::collections::BTreeSet;

use super::super::draft::{Draft, NODE};
use super::super::kubelet::normalised;
use super::super::kubelet::word::unquoted;
use super::super::labels::{is_qualified_name, is_value};
use crate::schema::Kind;

/// The values of core/v1 TaintEffect.
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

const FLAG: &str = "register-with-taints";
const KEY_HINT: &str = "use a name of at most 63 letters, digits, `-`, `_` and `.`, optionally after a DNS name and `/`";

/// Checks every taint of a node.
pub(super) fn validate(draft: &mut Draft) {
    list(draft, Kind::Init, "nodeRegistration.taints");
    let own = format!("{NODE}.kubelet.config.registerWithTaints");
    list(draft, Kind::Inventory, &own);
    flags(draft);
}

/// Checks the taints that KubeletConfiguration gives to every node.
pub(super) fn of_every_kubelet(draft: &mut Draft) {
    list(draft, Kind::Kubelet, "registerWithTaints");
}

/// Key and effect, which two taints of a node must not share.
type Seen = BTreeSet<(String, String)>;

fn list(draft: &mut Draft, kind: Kind, list: &str) {
    let mut seen = Seen::new();
    for item in draft.items(kind, list) {
        let path = format!("{item}.key");
        let key = draft.text(kind, &path);
        if !is_qualified_name(&key) {
            let message = format!("`{}` is not a valid taint key", key.escape_debug());
            draft.error(kind, &path, message, KEY_HINT);
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
        if !seen.insert((key.clone(), effect.clone())) {
            let (message, hint) = twice(&key, &effect);
            draft.error(kind, &item, message, hint);
        }
    }
}

fn twice(key: &str, effect: &str) -> (String, &'static str) {
    let message = format!(
        "a second taint with key `{}` and effect `{}`: the API server refuses the Node",
        key.escape_debug(),
        effect.escape_debug()
    );
    (message, "keep one of them")
}

/// Checks the kubelet's flag.
fn flags(draft: &mut Draft) {
    let kind = Kind::Init;
    for item in draft.items(kind, "nodeRegistration.kubeletExtraArgs") {
        if normalised(&draft.text(kind, &format!("{item}.name"))) != FLAG {
            continue;
        }
        let path = format!("{item}.value");
        // What is not one word has been reported.
        let value = unquoted(&draft.text(kind, &path)).unwrap_or_default();
        if value.is_empty() {
            continue;
        }
        let mut seen = Seen::new();
        for text in value.split(',') {
            let shown = text.escape_debug();
            if text.strip_suffix('-').is_some_and(is_removal) {
                if text.contains(':') {
                    let message = format!("`{shown}` ends in `-`, so the kubelet adds no taint");
                    draft.warn(kind, &path, message, "remove the `-`, or the taint");
                }
                continue;
            }
            let Some((key, effect)) = parse(text) else {
                let message = format!("`{shown}` is not a valid taint: the kubelet will not start");
                let hint = format!(
                    "write KEY=VALUE:EFFECT or KEY:EFFECT, with one of the effects {}",
                    EFFECTS.join(", ")
                );
                draft.error(kind, &path, message, &hint);
                continue;
            };
            if !seen.insert((key.to_owned(), effect.to_owned())) {
                let (message, hint) = twice(key, effect);
                draft.error(kind, &path, message, hint);
            }
        }
    }
}

/// Whether the kubelet accepts `text` and a `-` after it: it then removes a taint, so it adds none.
fn is_removal(text: &str) -> bool {
    parse(text).is_some() || is_qualified_name(text)
}

/// Key and effect of `key[=value]:effect`.
fn parse(text: &str) -> Option<(&str, &str)> {
    let (key, effect) = text.split_once(':')?;
    let (key, value) = key.split_once('=').unwrap_or((key, ""));
    (EFFECTS.contains(&effect) && is_qualified_name(key) && is_value(value))
        .then_some((key, effect))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn taints_of_the_flag_are_read_as_the_kubelet_reads_them() {
        for (text, expected) in [
            ("a=b:NoSchedule", Some(("a", "NoSchedule"))),
            (
                "example.com/a:NoExecute",
                Some(("example.com/a", "NoExecute")),
            ),
            ("a=:PreferNoSchedule", Some(("a", "PreferNoSchedule"))),
            ("a", None),
            ("a=b", None),
            ("a:noschedule", None),
            ("a=b=c:NoSchedule", None),
            ("a:b:NoSchedule", None),
            ("a b:NoSchedule", None),
            ("=b:NoSchedule", None),
            (":NoSchedule", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}

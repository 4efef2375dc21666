//! Derives the kubelet's flags from a node's entry.
//!
//! In: `kubelet.kubeletExtraArgs`, `labels` and `addresses` of the entry, and the flags in InitConfiguration. Out: one list in
//! InitConfiguration. A flag of the entry replaces the same flag of the document. Labels are added to the user's
//! `--node-labels`. Two addresses become `--node-ip`, because the kubelet would register only one of them otherwise.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::super::address::parse_ip;
use super::super::draft::{Draft, NODE};
use super::super::kubelet::normalised;
use super::super::kubelet::word::unquoted;
use super::super::labels::kubelet_may_set;
use super::super::provenance::Origin;
use super::entry::{labels, origin_of};
use crate::schema::Kind;

const TO: &str = "nodeRegistration.kubeletExtraArgs";
const NODE_LABELS: &str = "node-labels";
const NODE_IP: &str = "node-ip";

/// A flag, and where it comes from.
struct Arg {
    /// The name as the kubelet knows it.
    name: String,
    value: Value,
    /// The entry's field, if the flag comes from the entry.
    from: Option<String>,
    origin: Option<Origin>,
}

impl Arg {
    /// A flag that another field of the entry sets.
    fn made(draft: &Draft, name: &str, value: String, from: String) -> Self {
        Self {
            name: name.to_owned(),
            value: json!({"name": name, "value": value}),
            origin: Some(origin_of(draft, &from)),
            from: Some(from),
        }
    }
}

/// Sets the list of flags; leaves it unchanged if the entry sets no flags.
pub(super) fn apply(draft: &mut Draft) {
    let own = format!("{NODE}.kubelet.kubeletExtraArgs");
    let own: Vec<Arg> = read(draft, Kind::Inventory, &own);
    let mut args: Vec<Arg> = read(draft, Kind::Init, TO)
        .into_iter()
        .filter(|arg| own.iter().all(|own| own.name != arg.name))
        .collect();
    let mut changed = !own.is_empty();
    args.extend(own);
    changed |= add_addresses(draft, &mut args);
    changed |= add_labels(draft, &mut args);
    if !changed {
        return;
    }
    for item in draft.items(Kind::Init, TO) {
        let full = draft.full_path(Kind::Init, &item);
        for path in [format!("{full}.name"), format!("{full}.value"), full] {
            draft.provenance.remove(&path);
        }
    }
    let value: Vec<Value> = args.iter().map(|arg| arg.value.clone()).collect();
    draft.set(Kind::Init, TO, value.into());
    for (position, arg) in args.into_iter().enumerate() {
        let to = format!("{TO}[{position}]");
        if let Some(from) = &arg.from {
            draft.alias((Kind::Init, &to), from);
        }
        if let Some(origin) = arg.origin {
            let full = draft.full_path(Kind::Init, &to);
            draft.provenance.record(full, origin);
        }
    }
}

fn read(draft: &Draft, kind: Kind, list: &str) -> Vec<Arg> {
    let arg = |item: String| Arg {
        name: normalised(&draft.text(kind, &format!("{item}.name"))),
        value: draft.get(kind, &item).cloned().unwrap_or_default(),
        origin: draft.provenance.at(&draft.full_path(kind, &item)).cloned(),
        from: (kind == Kind::Inventory).then_some(item),
    };
    draft.items(kind, list).into_iter().map(arg).collect()
}

/// Adds `--node-ip` for a node with addresses of both families, unless the user set the flag.
fn add_addresses(draft: &Draft, args: &mut Vec<Arg>) -> bool {
    let path = format!("{NODE}.addresses");
    let addresses: Vec<IpAddr> = draft
        .texts(Kind::Inventory, &path)
        .iter()
        .filter_map(|(_, text)| parse_ip(text))
        .collect();
    let [one, other] = addresses.as_slice() else {
        return false;
    };
    // Addresses that no kubelet takes are reported where they are written.
    let are_a_pair =
        one.is_ipv4() != other.is_ipv4() && !(one.is_unspecified() || other.is_unspecified());
    if !are_a_pair || args.iter().any(|arg| arg.name == NODE_IP) {
        return false;
    }
    args.push(Arg::made(draft, NODE_IP, format!("{one},{other}"), path));
    true
}

/// Adds the labels that a kubelet may set to those of the user's flag.
fn add_labels(draft: &mut Draft, args: &mut Vec<Arg>) -> bool {
    let path = format!("{NODE}.labels");
    let ours: Vec<(String, String)> = labels(draft)
        .into_iter()
        .filter(|(key, _)| kubelet_may_set(key))
        .collect();
    if ours.is_empty() {
        return false;
    }
    let mut all: Vec<(String, String)> = Vec::new();
    for arg in args.iter().filter(|arg| arg.name == NODE_LABELS) {
        let value = arg.value.get("value").and_then(Value::as_str);
        let value = value.unwrap_or_default();
        let value = unquoted(value).unwrap_or_else(|| value.to_owned());
        for label in value.split(',') {
            let label = label.trim();
            if !label.is_empty() {
                let (key, value) = label.split_once('=').unwrap_or((label, ""));
                all.push((key.to_owned(), value.to_owned()));
            }
        }
    }
    for (key, value) in ours {
        match all.iter().find(|(known, _)| *known == key) {
            Some((_, known)) if *known == value => {}
            Some((_, known)) => {
                let message = format!(
                    "`{}` contradicts `{}` of the kubelet's flag {NODE_LABELS}",
                    value.escape_debug(),
                    known.escape_debug()
                );
                let hint = "set the label in one of the two places";
                draft.error(Kind::Inventory, &format!("{path}.{key}"), message, hint);
            }
            None => all.push((key, value)),
        }
    }
    let text: Vec<String> = all
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    args.retain(|arg| arg.name != NODE_LABELS);
    args.push(Arg::made(draft, NODE_LABELS, text.join(","), path));
    true
}

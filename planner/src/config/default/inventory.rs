//! Sets the defaults of the `Cluster` document, and copies what a node's entry says to kubeadm's documents.
//!
//! In: the draft of one node. Out: its entry with defaults, and the entry's values in InitConfiguration, which describes the
//! node whether it creates the cluster or joins it. Name and address identify the node, so both places must agree. For every
//! other field the entry, which is about this node alone, replaces the document's value.

use kubeplan_bundle::index::NodeRole;
use serde_json::json;

use super::super::address::parse_ip;
use super::super::draft::{Draft, NODE, Unset};
use super::super::provenance::Origin;
use super::super::valid::HostFacts;
use super::entry::origin_of;
use super::kubelet_flags;
use crate::schema::Kind;

/// The default of `credentials.minRemaining`: how long a bundle's certificates must still be valid when it is installed.
const MIN_REMAINING: &str = "720h0m0s";
/// The default of `credentials.clockTolerance`: how long before the plan's clock certificates become valid, as in kubeadm.
const CLOCK_TOLERANCE: &str = "5m0s";
/// The default validity of the client certificate in the bundle of a joining node: 90 days. The kubelet replaces it within
/// minutes of its start, so it only has to be valid until the bundle is installed.
const JOIN_VALIDITY: &str = "2160h0m0s";
const RULE: &str = "kubeplan's default";
const KIND: Kind = Kind::Inventory;

/// Fields of an entry that replace a field of InitConfiguration.
const REPLACED: &[(&str, &str)] = &[
    ("taints", "nodeRegistration.taints"),
    ("kubelet.criSocket", "nodeRegistration.criSocket"),
    ("patches.directory", "patches.directory"),
];

/// Sets the defaults of the document's fields about the whole cluster.
pub(super) fn shared(draft: &mut Draft) {
    for (path, value) in [
        ("credentials.minRemaining", MIN_REMAINING),
        ("credentials.clockTolerance", CLOCK_TOLERANCE),
        ("credentials.validity", JOIN_VALIDITY),
    ] {
        draft.default_to(KIND, path, Unset::Nil, value, RULE);
    }
    draft.default_to(KIND, "credentials.join", Unset::Empty, "certificate", RULE);
}

/// The node's role; `None` if its entry contains another word.
pub(in super::super) fn role(draft: &Draft) -> Option<NodeRole> {
    match draft.text(KIND, &format!("{NODE}.role")).as_str() {
        "control-plane" => Some(NodeRole::ControlPlane),
        "worker" => Some(NodeRole::Worker),
        _ => None,
    }
}

/// Sets the defaults of the node's entry, and copies its values to InitConfiguration.
pub(super) fn node(draft: &mut Draft, facts: &HostFacts) {
    if let Some(arch) = &facts.arch {
        architecture(draft, arch);
    }
    // With several nodes each must have a role; a missing role has been reported.
    let role_unsaid = if draft.joins {
        "worker"
    } else {
        "control-plane"
    };
    for (field, value) in [
        ("role", role_unsaid),
        ("platform.os", "linux"),
        ("platform.arch", "amd64"),
    ] {
        let path = format!("{NODE}.{field}");
        draft.default_to(KIND, &path, Unset::Empty, value, RULE);
    }
    let path = format!("{NODE}.kubeletDropIn");
    draft.default_to(KIND, &path, Unset::Nil, false, RULE);

    let name = |text: &str| text.trim().to_lowercase();
    agree(draft, "name", "nodeRegistration.name", &name);
    if role(draft) != Some(NodeRole::Worker) {
        let address =
            |text: &str| parse_ip(text).map_or_else(|| text.to_owned(), |ip| ip.to_string());
        let field = match draft.items(KIND, &format!("{NODE}.addresses")).is_empty() {
            true => "address",
            false => "addresses[0]",
        };
        agree(draft, field, "localAPIEndpoint.advertiseAddress", &address);
    }
    for (from, to) in REPLACED {
        replace(draft, from, to);
    }
    kubelet_flags::apply(draft);
}

/// Takes the architecture from facts, or warns that the configuration names another.
fn architecture(draft: &mut Draft, arch: &str) {
    let path = format!("{NODE}.platform.arch");
    let written = draft.text(KIND, &path);
    if written.is_empty() {
        let origin = Origin::Facts {
            fact: "platform".to_owned(),
        };
        draft.set_from(KIND, &path, arch.into(), origin);
    } else if written != arch {
        let message = format!(
            "the host's facts name `{arch}`; the configured `{}` is used",
            written.escape_debug()
        );
        draft.warn(KIND, &path, message, "");
    }
}

/// Copies a value of the entry to InitConfiguration, or reports that the two differ.
fn agree(draft: &mut Draft, field: &str, to: &str, comparable: &dyn Fn(&str) -> String) {
    let from = format!("{NODE}.{field}");
    let ours = draft.text(KIND, &from);
    if draft.joins {
        draft.alias((Kind::Init, to), &from);
    }
    if ours.is_empty() {
        return;
    }
    let kubeadms = draft.text(Kind::Init, to);
    if kubeadms.is_empty() {
        draft.alias((Kind::Init, to), &from);
        let origin = origin_of(draft, &from);
        draft.set_from(Kind::Init, to, ours.into(), origin);
    } else if comparable(&ours) != comparable(&kubeadms) {
        let full = draft.full_path(KIND, &from);
        let (file, line) = draft.place_of(&full);
        let place = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
        let hint = match draft.provenance.at(&draft.full_path(Kind::Init, to)) {
            Some(Origin::Flag { name }) => {
                format!(
                    "omit --{name}, or set {full} to `{kubeadms}`: the entries of the inventory are the nodes"
                )
            }
            _ => "set one of the two fields, or both to the same value".to_owned(),
        };
        let message = format!("`{kubeadms}` contradicts `{ours}` of {full} at {place}");
        draft.error(Kind::Init, to, message, &hint);
    }
}

/// Copies a value of the entry to InitConfiguration, unless a flag set that field.
fn replace(draft: &mut Draft, field: &str, to: &str) {
    let from = format!("{NODE}.{field}");
    let full = draft.full_path(Kind::Init, to);
    let by_flag = matches!(draft.provenance.at(&full), Some(Origin::Flag { .. }));
    let Some(value) = draft.get(KIND, &from).cloned().filter(|_| !by_flag) else {
        return;
    };
    if value == json!("") {
        return;
    }
    draft.alias((Kind::Init, to), &from);
    let origin = origin_of(draft, &from);
    let items = value.as_array().map_or(0, Vec::len);
    for item in 0..items {
        let origin = origin_of(draft, &format!("{from}[{item}]"));
        draft.provenance.record(format!("{full}[{item}]"), origin);
    }
    draft.set_from(Kind::Init, to, value, origin);
}

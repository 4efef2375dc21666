//! Defaults of the `Cluster` document, and what it tells kubeadm's documents.

use serde_json::json;

use super::super::address::parse_ip;
use super::super::draft::{Draft, Unset};
use super::super::provenance::Origin;
use super::super::schema::Kind;
use super::super::valid::HostFacts;

/// How long a bundle's certificates must last when it is installed.
const MIN_REMAINING: &str = "720h0m0s";
/// How far certificates start before the plan's clock, as in kubeadm.
const CLOCK_TOLERANCE: &str = "5m0s";

/// Fills in the document's own defaults and hands name and address of the node on.
pub(super) fn apply(draft: &mut Draft, facts: &HostFacts) {
    let kind = Kind::Inventory;
    for (path, value) in [
        ("credentials.minRemaining", MIN_REMAINING),
        ("credentials.clockTolerance", CLOCK_TOLERANCE),
    ] {
        draft.default_to(kind, path, Unset::Nil, value, "kubeplan's default");
    }
    if draft.items(kind, "nodes").is_empty() {
        draft.default_to(
            kind,
            "nodes",
            Unset::Empty,
            json!([{}]),
            "one control-plane node",
        );
    }
    let nodes = draft.items(kind, "nodes");
    if let Some(arch) = &facts.arch {
        architecture(draft, arch);
    }
    for node in &nodes {
        for (field, value) in [
            ("role", "control-plane"),
            ("platform.os", "linux"),
            ("platform.arch", "amd64"),
        ] {
            draft.default_to(
                kind,
                &format!("{node}.{field}"),
                Unset::Empty,
                value,
                "kubeplan's default",
            );
        }
        draft.default_to(
            kind,
            &format!("{node}.kubeletDropIn"),
            Unset::Nil,
            false,
            "kubeplan's default",
        );
    }
    let name = |text: &str| text.trim().to_lowercase();
    hand_on(draft, "nodes[0].name", "nodeRegistration.name", &name);
    let address = |text: &str| parse_ip(text).map_or_else(|| text.to_owned(), |ip| ip.to_string());
    hand_on(
        draft,
        "nodes[0].address",
        "localAPIEndpoint.advertiseAddress",
        &address,
    );
}

/// Takes the architecture from facts, or says that the configuration has another.
fn architecture(draft: &mut Draft, arch: &str) {
    let (kind, path) = (Kind::Inventory, "nodes[0].platform.arch");
    let written = draft.text(kind, path);
    if written.is_empty() {
        let origin = Origin::Facts {
            fact: "platform".to_owned(),
        };
        draft.set_from(kind, path, arch.into(), origin);
    } else if written != arch {
        let message = format!(
            "the host's facts say `{arch}`; `{}` is kept",
            written.escape_debug()
        );
        draft.warn(kind, path, message, "");
    }
}

/// Copies a value of the inventory to InitConfiguration, or reports that the two differ.
fn hand_on(draft: &mut Draft, from: &str, to: &str, comparable: &dyn Fn(&str) -> String) {
    let ours = draft.text(Kind::Inventory, from);
    if ours.is_empty() {
        return;
    }
    let kubeadms = draft.text(Kind::Init, to);
    if kubeadms.is_empty() {
        let full = format!("{}.{from}", Kind::Inventory.name());
        let (file, line) = draft.place_of(&full);
        let origin = Origin::Written {
            file,
            line: line.unwrap_or_default(),
        };
        draft.set_from(Kind::Init, to, ours.into(), origin);
    } else if comparable(&ours) != comparable(&kubeadms) {
        let (file, line) = draft.place_of(&format!("{}.{from}", Kind::Inventory.name()));
        let place = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
        draft.error(
            Kind::Init,
            to,
            format!("`{kubeadms}` contradicts Cluster.{from} `{ours}` at {place}"),
            "write it in one of the two places only, or the same in both",
        );
    }
}

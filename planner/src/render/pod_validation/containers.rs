//! Containers: names, images, ports, resources.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::place::{Around, Findings, Place};
use super::values::{in_range, is_label, is_port_name, items, keys, one_of, quoted, set, text};
use super::{environment, mounts, probes, security};
use crate::config::labels::is_qualified_name;
use crate::kubeadm::image_reference::is_reference;
use crate::kubeadm::quantity::nanos;

/// Checks the containers and the init containers.
pub(super) fn check(found: &mut Findings<'_>, place: &Place, around: Around<'_>) {
    let spec = around.spec;
    if items(spec, "containers").is_empty() {
        found.say(place, "containers", "", "it is empty");
    }
    let mut names = BTreeSet::new();
    let mut host_ports = BTreeMap::new();
    for list in ["containers", "initContainers"] {
        let all = place.field(list);
        for (position, container) in items(spec, list).iter().enumerate() {
            let place = match list {
                "containers" => all.container(position),
                _ => all.item(position, container),
            };
            let name = text(container, "name");
            if !is_label(name) {
                let why = format!(
                    "{} is not a valid name: use at most 63 lower-case letters, digits and `-`",
                    quoted(name)
                );
                found.say(&place, "name", "", &why);
            }
            if !names.insert(name) {
                let why = format!("a second container {}", quoted(name));
                // Rows of provenance tell containers by their names, so what a patch added may be in those of the first.
                let same = |other: &Value| text(other, "name") == name;
                let first = items(spec, list).iter().position(same);
                let others = first.map(|first| all.container(first));
                found.by_patches(&place, "name", others.as_slice(), &why);
            }
            one(found, &place, container, around);
            // Init containers run one after the other, so they may use the same port.
            let mut own = BTreeMap::new();
            let used = match list {
                "containers" => &mut host_ports,
                _ => &mut own,
            };
            ports(found, &place, container, around, used);
            let starts_once =
                list == "initContainers" && text(container, "restartPolicy") != "Always";
            probes::of_container(found, &place, container, spec, starts_once);
        }
    }
}

fn one(found: &mut Findings<'_>, place: &Place, container: &Value, around: Around<'_>) {
    let image = text(container, "image");
    if !is_reference(image) {
        let why = format!("{} is not a valid image reference", quoted(image));
        found.say(place, "image", "", &why);
    }
    let policies = ["Always", "IfNotPresent", "Never"];
    one_of(found, place, container, "imagePullPolicy", &policies);
    let policies = ["FallbackToLogsOnError", "File"];
    one_of(
        found,
        place,
        container,
        "terminationMessagePolicy",
        &policies,
    );
    environment::of_container(found, place, container);
    mounts::of_container(found, place, container, around.volumes);
    if let Some(wanted) = set(container, "resources") {
        resources(found, &place.field("resources"), wanted);
    }
    security::of_container(found, place, container, around);
}

fn ports<'a>(
    found: &mut Findings<'_>,
    place: &Place,
    container: &'a Value,
    around: Around<'_>,
    used: &mut BTreeMap<(&'a str, &'a str, i64), Place>,
) {
    let host_network = around.spec.get("hostNetwork") == Some(&Value::Bool(true));
    let list = place.field("ports");
    let mut names = BTreeSet::new();
    for (position, port) in items(container, "ports").iter().enumerate() {
        let place = list.item(position, port);
        let name = text(port, "name");
        if !name.is_empty() {
            if !is_port_name(name) {
                let why = format!(
                    "{} is not a valid name: use at most 15 lower-case letters, digits and `-`",
                    quoted(name)
                );
                found.say(&place, "name", "", &why);
            } else if !names.insert(name) {
                found.duplicate(&place, &format!("a second port {}", quoted(name)));
            }
        }
        let number = |field: &str| set(port, field).and_then(Value::as_i64).unwrap_or_default();
        let (inside, outside) = (number("containerPort"), number("hostPort"));
        if !(1..=65535).contains(&inside) {
            let why = format!("{inside} is not a port: use 1 to 65535");
            found.say(&place, "containerPort", "", &why);
        }
        in_range(found, &place, port, "hostPort", (0, 65535));
        if host_network && outside != 0 && outside != inside {
            let why = "with `hostNetwork`, it is the `containerPort`";
            let others = [
                place.field("containerPort"),
                around.place.field("hostNetwork"),
            ];
            found.contradiction(&place, "hostPort", &others, why);
        }
        one_of(found, &place, port, "protocol", &["SCTP", "TCP", "UDP"]);
        let protocol = match text(port, "protocol") {
            "" => "TCP",
            protocol => protocol,
        };
        // The kubelet sets the port of the host to that of the container.
        let outside = if host_network && outside == 0 {
            inside
        } else {
            outside
        };
        let field = if host_network {
            "containerPort"
        } else {
            "hostPort"
        };
        if outside == 0 {
            continue;
        }
        match used.entry((protocol, text(port, "hostIP"), outside)) {
            Entry::Vacant(free) => {
                free.insert(place);
            }
            Entry::Occupied(first) => {
                let first = first.get();
                let why = format!(
                    "the host's port {outside} ({protocol}) is used twice, first by {first}"
                );
                let others = [first.field(field), first.clone()];
                found.by_patches(&place, field, &others, &why);
            }
        }
    }
}

/// Checks requests and limits.
fn resources(found: &mut Findings<'_>, place: &Place, resources: &Value) {
    if !items(resources, "claims").is_empty() {
        found.say(place, "claims", "", mounts::NO_API_OBJECT);
    }
    let value = |list: &str, name: &str| match resources.get(list).and_then(|list| list.get(name)) {
        Some(Value::String(text)) => nanos(text),
        Some(Value::Number(number)) => nanos(&number.to_string()),
        _ => None,
    };
    for list in ["limits", "requests"] {
        for name in keys(resources, list) {
            let place = place.field(list).field(name);
            if !is_resource(name) {
                let why =
                    "use cpu, memory, ephemeral-storage, hugepages-SIZE or a name with a domain";
                found.say(&place, "", "", why);
            }
            if value(list, name).is_some_and(|value| value < 0) {
                found.say(&place, "", "", "it is negative");
            }
        }
    }
    for name in keys(resources, "requests") {
        let others = [place.field("limits").field(name)];
        let place = place.field("requests").field(name);
        let (request, limit) = (value("requests", name), value("limits", name));
        let shared = !name.contains('/') && !name.starts_with("hugepages-");
        let why = match limit {
            None if !shared => "it has no limit",
            Some(limit) if !shared && request != Some(limit) => "it differs from its limit",
            Some(limit) if request > Some(limit) => "it is greater than its limit",
            _ => continue,
        };
        found.contradiction(&place, "", &others, why);
    }
}

/// Whether a container can request the resource.
fn is_resource(name: &str) -> bool {
    let standard = ["cpu", "ephemeral-storage", "memory"];
    if name.contains('/') {
        is_qualified_name(name) && !name.starts_with("requests.")
    } else {
        standard.contains(&name) || name.starts_with("hugepages-")
    }
}

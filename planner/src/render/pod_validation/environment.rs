//! Environment variables of containers.

use serde_json::Value;

use super::mounts::NO_API_OBJECT;
use super::place::{Findings, Place};
use super::values::{is_label, is_variable, items, quoted, set, text};
use crate::config::labels::is_qualified_name;
use crate::kubeadm::quantity::canonical;

/// Fields of a Pod that a variable may contain.
const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Resources of a container that a variable may contain; also huge pages of any size.
const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Divisors of every resource but `cpu`.
const DIVISORS: [&str; 13] = [
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
];

/// Checks `env` and `envFrom` of a container.
pub(super) fn of_container(found: &mut Findings<'_>, place: &Place, container: &Value) {
    let list = place.field("env");
    for (position, variable) in items(container, "env").iter().enumerate() {
        let place = list.item(position, variable);
        let name = text(variable, "name");
        if !is_variable(name) {
            let why = format!(
                "{} is not a valid name: use printable ASCII characters without `=`",
                quoted(name)
            );
            found.say(&place, "name", "name", &why);
        }
        if let Some(source) = set(variable, "valueFrom") {
            value_from(found, &place, source, variable);
        }
    }
    if !items(container, "envFrom").is_empty() {
        found.say(place, "envFrom", "", NO_API_OBJECT);
    }
}

fn value_from(found: &mut Findings<'_>, place: &Place, source: &Value, variable: &Value) {
    let inner = place.field("valueFrom");
    let kinds: Vec<&String> = source
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(field, _)| field)
        .collect();
    if kinds.is_empty() {
        found.say(place, "valueFrom", "valueFrom", "it is empty");
    } else if !text(variable, "value").is_empty() {
        found.say(place, "valueFrom", "valueFrom", "`value` is set, too");
    } else if kinds.len() > 1 {
        let why = "a variable has one source";
        found.say(place, "valueFrom", "valueFrom", why);
    }
    for kind in kinds {
        let own = format!("valueFrom.{kind}");
        match kind.as_str() {
            "fieldRef" => {
                if let Some(why) = source.get(kind).and_then(field_ref) {
                    found.say(&inner, kind, &own, &why);
                }
            }
            "resourceFieldRef" => {
                if let Some(why) = source.get(kind).and_then(resource_ref) {
                    found.say(&inner, kind, &own, &why);
                }
            }
            "configMapKeyRef" | "secretKeyRef" => found.say(&inner, kind, &own, NO_API_OBJECT),
            _ => {}
        }
    }
}

/// What is wrong with a reference to a field of the Pod.
fn field_ref(reference: &Value) -> Option<String> {
    let version = text(reference, "apiVersion");
    if !matches!(version, "" | "v1") {
        return Some(format!("the API version {} is not `v1`", quoted(version)));
    }
    let path = text(reference, "fieldPath");
    let of_map = ["metadata.annotations", "metadata.labels"]
        .into_iter()
        .find_map(|map| {
            path.strip_prefix(map)?
                .strip_prefix("['")?
                .strip_suffix("']")
        });
    let known = match of_map {
        Some(key) if path.starts_with("metadata.annotations") => {
            is_qualified_name(&key.to_lowercase())
        }
        Some(key) => is_qualified_name(key),
        None => FIELDS.contains(&path),
    };
    (!known).then(|| format!("a variable cannot contain the field {}", quoted(path)))
}

/// What is wrong with a reference to a resource of a container.
fn resource_ref(reference: &Value) -> Option<String> {
    let resource = text(reference, "resource");
    let kind = resource
        .strip_prefix("limits.")
        .or_else(|| resource.strip_prefix("requests."))
        .unwrap_or_default();
    if !RESOURCES.contains(&kind) && !kind.starts_with("hugepages-") {
        return Some(format!(
            "a variable cannot contain the resource {}",
            quoted(resource)
        ));
    }
    let container = text(reference, "containerName");
    if !container.is_empty() && !is_label(container) {
        return Some(format!(
            "{} is not the name of a container",
            quoted(container)
        ));
    }
    let divisor = match reference.get("divisor") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return None,
    };
    let allowed: &[&str] = if kind == "cpu" {
        &["1m", "1"]
    } else {
        &DIVISORS
    };
    // The kubelet compares the printed form, so `1e3` is not `1k`.
    let printed = canonical(&divisor).unwrap_or_default();
    let known = printed == "0" || allowed.contains(&printed.as_str());
    (!known).then(|| {
        format!(
            "the divisor {} of {resource} is not one of {}",
            quoted(&divisor),
            allowed.join(", ")
        )
    })
}

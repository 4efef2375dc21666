//! Metadata, and fields of the whole Pod.

use serde_json::Value;

use super::containers;
use super::mounts::{self, NO_API_OBJECT};
use super::place::{Around, Findings, Place};
use super::security;
use super::values::{in_range, is_label, items, one_of, quoted, set, text};
use crate::config::address::{is_subdomain, parse_ip};
use crate::config::labels::{is_qualified_name, is_value};

/// The largest size of all annotations, in bytes (k8s.io/apimachinery v0.36, pkg/api/validation/objectmeta.go).
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Checks `metadata`.
pub(super) fn metadata(found: &mut Findings<'_>, pod: &Value) {
    let place = Place::root("metadata");
    let none = Value::Null;
    let metadata = pod.get("metadata").unwrap_or(&none);
    let name = text(metadata, "name");
    if !is_subdomain(name) {
        let why = format!("{} is not a valid DNS name", quoted(name));
        found.say(&place, "name", "", &why);
    }
    let namespace = text(metadata, "namespace");
    if !(namespace.is_empty() || is_label(namespace)) {
        let why = format!("{} is not the name of a namespace", quoted(namespace));
        found.say(&place, "namespace", "", &why);
    }
    labels(found, &place, metadata, "labels");
    let mut size = 0;
    let annotations = metadata.get("annotations").and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        if !is_qualified_name(&key.to_lowercase()) {
            let why = format!("{} is not a valid key", quoted(key));
            found.say(&place.field("annotations"), key, "", &why);
        }
    }
    if size > MAX_ANNOTATIONS {
        let why = format!("they have {size} bytes; the limit is {MAX_ANNOTATIONS}");
        found.say(&place, "annotations", "", &why);
    }
}

/// Checks a mapping of labels.
fn labels(found: &mut Findings<'_>, place: &Place, value: &Value, field: &str) {
    let labels = value.get(field).and_then(Value::as_object);
    let place = place.field(field);
    for (key, value) in labels.into_iter().flatten() {
        if !is_qualified_name(key) {
            let why = format!("{} is not a valid key", quoted(key));
            found.say(&place, key, "", &why);
        }
        let value = value.as_str().unwrap_or_default();
        if !is_value(value) {
            let why = format!("{} is not a valid value", quoted(value));
            found.say(&place, key, "", &why);
        }
    }
}

/// Checks `spec`.
pub(super) fn check(found: &mut Findings<'_>, place: &Place, spec: &Value) {
    let volumes = mounts::volumes(found, place, spec);
    let around = Around {
        place,
        spec,
        volumes: &volumes,
    };
    containers::check(found, place, around);
    security::of_pod(found, place, spec);
    not_in_files(found, place, spec);
    for (field, known) in [
        ("restartPolicy", &["Always", "Never", "OnFailure"][..]),
        (
            "dnsPolicy",
            &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
        ),
        ("preemptionPolicy", &["Never", "PreemptLowerPriority"]),
    ] {
        one_of(found, place, spec, field, known);
    }
    in_range(
        found,
        place,
        spec,
        "activeDeadlineSeconds",
        (1, i64::from(i32::MAX)),
    );
    for field in ["hostname", "subdomain"] {
        let name = text(spec, field);
        if !(name.is_empty() || is_label(name)) {
            let why = format!("{} is not a DNS label", quoted(name));
            found.say(place, field, "", &why);
        }
    }
    let class = text(spec, "priorityClassName");
    if !(class.is_empty() || is_subdomain(class)) {
        let why = format!("{} is not the name of a priority class", quoted(class));
        found.say(place, "priorityClassName", "", &why);
    }
    labels(found, place, spec, "nodeSelector");
    tolerations(found, place, spec);
    host_aliases(found, place, spec);
    if let Some(system) = set(spec, "os") {
        one_of(found, &place.field("os"), system, "name", &["linux"]);
    }
}

/// Reports fields that a Pod of a file cannot have.
fn not_in_files(found: &mut Findings<'_>, place: &Place, spec: &Value) {
    if !text(spec, "serviceAccountName").is_empty() {
        found.say(place, "serviceAccountName", "", NO_API_OBJECT);
    }
    for field in ["imagePullSecrets", "resourceClaims"] {
        if !items(spec, field).is_empty() {
            found.say(place, field, "", NO_API_OBJECT);
        }
    }
    if !items(spec, "ephemeralContainers").is_empty() {
        let why = "only a running Pod can get them";
        found.say(place, "ephemeralContainers", "", why);
    }
    if !items(spec, "schedulingGates").is_empty() {
        let why = "a static Pod is not scheduled";
        found.say(place, "schedulingGates", "", why);
    }
}

fn tolerations(found: &mut Findings<'_>, place: &Place, spec: &Value) {
    let list = place.field("tolerations");
    for (position, toleration) in items(spec, "tolerations").iter().enumerate() {
        let place = list.item(position, toleration);
        one_of(found, &place, toleration, "operator", &["Equal", "Exists"]);
        one_of(
            found,
            &place,
            toleration,
            "effect",
            &["NoExecute", "NoSchedule", "PreferNoSchedule"],
        );
        let exists = text(toleration, "operator") == "Exists";
        let (key, value) = (text(toleration, "key"), text(toleration, "value"));
        if key.is_empty() && !exists {
            found.say(&place, "operator", "", "without a key, use `Exists`");
        }
        if !(key.is_empty() || is_qualified_name(key)) {
            let why = format!("{} is not a valid key", quoted(key));
            found.say(&place, "key", "", &why);
        }
        if exists && !value.is_empty() {
            found.say(&place, "value", "", "the operator `Exists` has no value");
        } else if !is_value(value) {
            let why = format!("{} is not a valid value", quoted(value));
            found.say(&place, "value", "", &why);
        }
        let timed = set(toleration, "tolerationSeconds").is_some();
        if timed && text(toleration, "effect") != "NoExecute" {
            let why = "`tolerationSeconds` needs the effect `NoExecute`";
            found.say(&place, "effect", "", why);
        }
    }
}

fn host_aliases(found: &mut Findings<'_>, place: &Place, spec: &Value) {
    let list = place.field("hostAliases");
    for (position, alias) in items(spec, "hostAliases").iter().enumerate() {
        let place = list.item(position, alias);
        let address = text(alias, "ip");
        if parse_ip(address).is_none() {
            let why = format!("{} is not a valid IP address", quoted(address));
            found.say(&place, "ip", "", &why);
        }
        for (position, item) in items(alias, "hostnames").iter().enumerate() {
            let name = item.as_str().unwrap_or_default();
            if !is_subdomain(name) {
                let why = format!("{} is not a valid DNS name", quoted(name));
                let place = place.field("hostnames").item(position, item);
                found.say(&place, "", "", &why);
            }
        }
    }
}

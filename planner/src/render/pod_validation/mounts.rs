//! Volumes, and where containers mount them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::place::{Findings, Place};
use super::values::{has_backsteps, is_descending, is_label, items, one_of, quoted, set, text};

/// The values of core/v1 HostPathType; empty means that the kubelet does not check the path.
const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

/// Kinds of volumes that are objects of the API, or that need one.
const OF_THE_API: [&str; 7] = [
    "azureFile",
    "configMap",
    "csi",
    "ephemeral",
    "glusterfs",
    "persistentVolumeClaim",
    "secret",
];

/// Why a static Pod cannot have a field.
pub(super) const NO_API_OBJECT: &str = "a static Pod cannot refer to objects of the API server";

/// Checks the Pod's volumes. Returns their names.
pub(super) fn volumes<'a>(
    found: &mut Findings<'_>,
    pod: &Place,
    spec: &'a Value,
) -> BTreeSet<&'a str> {
    let list = pod.field("volumes");
    let mut names = BTreeSet::new();
    for (position, volume) in items(spec, "volumes").iter().enumerate() {
        let place = list.item(position, volume);
        let name = text(volume, "name");
        if !is_label(name) {
            let why = format!(
                "{} is not a valid name: use at most 63 lower-case letters, digits and `-`",
                quoted(name)
            );
            found.say(&place, "name", "name", &why);
        }
        if !names.insert(name) {
            found.duplicate(&place, &format!("a second volume {}", quoted(name)));
        }
        kind(found, &place, volume);
    }
    names
}

fn kind(found: &mut Findings<'_>, place: &Place, volume: &Value) {
    let kinds: Vec<&String> = volume
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, value)| *field != "name" && !value.is_null())
        .map(|(field, _)| field)
        .collect();
    if kinds.len() > 1 {
        found.say(place, "", "", "a volume has one kind");
    }
    for kind in kinds {
        let of_the_api = OF_THE_API.contains(&kind.as_str())
            || kind == "projected"
                && items(volume.get(kind).unwrap_or(&Value::Null), "sources")
                    .iter()
                    .any(|source| set(source, "downwardAPI").is_none());
        if of_the_api {
            found.say(place, kind, "", NO_API_OBJECT);
        }
    }
    if let Some(host_path) = set(volume, "hostPath") {
        let place = place.field("hostPath");
        let path = text(host_path, "path");
        if path.is_empty() {
            found.say(&place, "path", "hostPath", "it is empty");
        } else if has_backsteps(path) {
            let why = format!("{} contains `..`", quoted(path));
            found.say(&place, "path", "hostPath", &why);
        } else if !path.starts_with('/') {
            let why = format!("{} is not an absolute path", quoted(path));
            found.say(&place, "path", "hostPath", &why);
        }
        let kind = text(host_path, "type");
        if !HOST_PATH_TYPES.contains(&kind) {
            let known = HOST_PATH_TYPES.get(1..).unwrap_or_default();
            let why = format!("{} is not one of {}", quoted(kind), known.join(", "));
            found.say(&place, "type", "pathType", &why);
        }
    }
}

/// Checks a container's mounts and devices.
pub(super) fn of_container(
    found: &mut Findings<'_>,
    place: &Place,
    container: &Value,
    volumes: &BTreeSet<&str>,
) {
    let list = place.field("volumeMounts");
    let mounts: Vec<(Place, &Value)> = items(container, "volumeMounts")
        .iter()
        .enumerate()
        .map(|(position, mount)| {
            let volume = format!("spec.volumes[{}]", text(mount, "name"));
            (list.item(position, mount).set_with(volume), mount)
        })
        .collect();
    for (own, mount) in &mounts {
        one(found, own, mount, (place, container), volumes);
    }
    twice(found, &mounts);
    if !items(container, "volumeDevices").is_empty() {
        found.say(place, "volumeDevices", "", NO_API_OBJECT);
    }
}

fn one(
    found: &mut Findings<'_>,
    place: &Place,
    mount: &Value,
    (of, container): (&Place, &Value),
    volumes: &BTreeSet<&str>,
) {
    let name = text(mount, "name");
    if !volumes.contains(name) {
        let why = format!("the Pod has no volume {}", quoted(name));
        found.say(place, "name", "name", &why);
    }
    let path = text(mount, "mountPath");
    if path.is_empty() {
        found.say(place, "mountPath", "mountPath", "it is empty");
    }
    let (sub, expression) = (text(mount, "subPath"), text(mount, "subPathExpr"));
    for (field, path) in [("subPath", sub), ("subPathExpr", expression)] {
        if !is_descending(path) {
            let why = format!("{} is not a path below the volume", quoted(path));
            found.say(place, field, "", &why);
        }
    }
    if !sub.is_empty() && !expression.is_empty() {
        found.say(place, "subPathExpr", "", "`subPath` is set, too");
    }
    let modes = ["Bidirectional", "HostToContainer", "None"];
    one_of(found, place, mount, "mountPropagation", &modes);
    let privileged = container.pointer("/securityContext/privileged") == Some(&true.into());
    if text(mount, "mountPropagation") == "Bidirectional" && !privileged {
        let why = "only a privileged container can have `Bidirectional`";
        let others = [of.field("securityContext").field("privileged")];
        found.contradiction(place, "mountPropagation", &others, why);
    }
    recursive_read_only(found, place, mount);
}

fn recursive_read_only(found: &mut Findings<'_>, place: &Place, mount: &Value) {
    let field = "recursiveReadOnly";
    one_of(
        found,
        place,
        mount,
        field,
        &["Disabled", "Enabled", "IfPossible"],
    );
    let mode = text(mount, field);
    if !matches!(mode, "Enabled" | "IfPossible") {
        return;
    }
    if mount.get("readOnly") != Some(&true.into()) {
        found.say(place, field, "", "the mount is not read-only");
    }
    if !matches!(text(mount, "mountPropagation"), "" | "None") {
        found.say(place, field, "", "`mountPropagation` is set, too");
    }
}

/// Reports mounts at the same path: those that the user added, if any is the user's.
fn twice(found: &mut Findings<'_>, mounts: &[(Place, &Value)]) {
    let mut by_path: BTreeMap<&str, Vec<&(Place, &Value)>> = BTreeMap::new();
    for mount in mounts {
        by_path
            .entry(text(mount.1, "mountPath"))
            .or_default()
            .push(mount);
    }
    for (path, same) in by_path {
        let Some((last, rest)) = same.split_last() else {
            continue;
        };
        if rest.is_empty() {
            continue;
        }
        let users = same
            .iter()
            .rev()
            .find(|(place, _)| found.is_added(place))
            .unwrap_or(last);
        let others: Vec<&&(Place, &Value)> = same
            .iter()
            .filter(|mount| !std::ptr::eq(**mount, *users))
            .collect();
        let names: Vec<String> = others
            .iter()
            .map(|(_, mount)| quoted(text(mount, "name")))
            .collect();
        let replaceable =
            found.is_extra(&users.0) && others.iter().all(|(place, _)| !found.is_added(place));
        let instead = match replaceable {
            true => "; a volume with that name replaces it",
            false => "",
        };
        let why = format!(
            "the volume {} is mounted at {}, too{instead}",
            names.join(", "),
            quoted(path)
        );
        found.say(&users.0, "mountPath", "mountPath", &why);
    }
}

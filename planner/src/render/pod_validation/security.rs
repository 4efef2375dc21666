//! Users, groups, profiles, and namespaces of the host.

use serde_json::Value;

use super::place::{Around, Findings, Place};
use super::values::{in_range, is_descending, items, one_of, quoted, set, text};

/// The range of the ids of users and groups.
const IDS: (i64, i64) = (0, i32::MAX as i64);

/// Checks `securityContext` of the Pod.
pub(super) fn of_pod(found: &mut Findings<'_>, spec: &Place, pod: &Value) {
    host_namespaces(found, spec, pod);
    let Some(context) = set(pod, "securityContext") else {
        return;
    };
    let place = spec.field("securityContext");
    for field in ["fsGroup", "runAsGroup", "runAsUser"] {
        in_range(found, &place, context, field, IDS);
    }
    for (position, group) in items(context, "supplementalGroups").iter().enumerate() {
        if group
            .as_i64()
            .is_some_and(|id| !(IDS.0..=IDS.1).contains(&id))
        {
            let place = place.field("supplementalGroups").item(position, group);
            let why = format!("{group} is not between {} and {}", IDS.0, IDS.1);
            found.say(&place, "", "", &why);
        }
    }
    for (field, known) in [
        ("fsGroupChangePolicy", &["Always", "OnRootMismatch"][..]),
        ("supplementalGroupsPolicy", &["Merge", "Strict"]),
        ("seLinuxChangePolicy", &["MountOption", "Recursive"]),
    ] {
        one_of(found, &place, context, field, known);
    }
    profiles(found, &place, context);
    let list = place.field("sysctls");
    for (position, sysctl) in items(context, "sysctls").iter().enumerate() {
        let name = text(sysctl, "name").replace('/', ".");
        for (prefix, field) in [
            ("net.", "hostNetwork"),
            ("kernel.shm", "hostIPC"),
            ("kernel.msg", "hostIPC"),
            ("kernel.sem", "hostIPC"),
            ("fs.mqueue.", "hostIPC"),
        ] {
            if name.starts_with(prefix) && is_true(pod, field) {
                let why = format!("{} cannot be set while `{field}` is true", quoted(&name));
                let place = list.item(position, sysctl);
                found.contradiction(&place, "name", &[spec.field(field)], &why);
            }
        }
    }
}

fn is_true(value: &Value, field: &str) -> bool {
    value.get(field) == Some(&Value::Bool(true))
}

fn host_namespaces(found: &mut Findings<'_>, spec: &Place, pod: &Value) {
    if pod.get("hostUsers") == Some(&Value::Bool(false)) {
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            if is_true(pod, field) {
                let why = format!("a Pod with `{field}` cannot have users of its own");
                found.contradiction(spec, "hostUsers", &[spec.field(field)], &why);
            }
        }
    }
    if is_true(pod, "shareProcessNamespace") && is_true(pod, "hostPID") {
        let others = [spec.field("hostPID")];
        let why = "`hostPID` is true, too";
        found.contradiction(spec, "shareProcessNamespace", &others, why);
    }
}

/// Checks the profiles of seccomp and AppArmor.
fn profiles(found: &mut Findings<'_>, place: &Place, context: &Value) {
    for field in ["seccompProfile", "appArmorProfile"] {
        let Some(profile) = set(context, field) else {
            continue;
        };
        let place = place.field(field);
        let kind = text(profile, "type");
        let known = ["Localhost", "RuntimeDefault", "Unconfined"];
        if !known.contains(&kind) {
            let why = format!("{} is not one of {}", quoted(kind), known.join(", "));
            found.say(&place, "type", "", &why);
        }
        let local = set(profile, "localhostProfile").and_then(Value::as_str);
        match (kind, local) {
            ("Localhost", None | Some("")) => {
                let others = [place.field("type")];
                found.contradiction(&place, "localhostProfile", &others, "it is empty");
            }
            ("Localhost", Some(path)) if field == "seccompProfile" && !is_descending(path) => {
                let why = format!(
                    "{} is not a path below the kubelet's profiles",
                    quoted(path)
                );
                found.say(&place, "localhostProfile", "", &why);
            }
            ("Localhost", Some(name)) if name.trim() != name => {
                let why = format!("{} begins or ends with white space", quoted(name));
                found.say(&place, "localhostProfile", "", &why);
            }
            ("Localhost", _) | (_, None) => {}
            (_, Some(_)) => {
                let why = "only a profile of type `Localhost` has it";
                let others = [place.field("type")];
                found.contradiction(&place, "localhostProfile", &others, why);
            }
        }
    }
}

/// Checks `securityContext` of a container.
pub(super) fn of_container(
    found: &mut Findings<'_>,
    place: &Place,
    container: &Value,
    around: Around<'_>,
) {
    let none = Value::Null;
    let (pod, spec) = (around.spec, around.place);
    let of_pod = set(pod, "securityContext").unwrap_or(&none);
    let context = set(container, "securityContext").unwrap_or(&none);
    let place = place.field("securityContext");
    for field in ["runAsGroup", "runAsUser"] {
        in_range(found, &place, context, field, IDS);
    }
    profiles(found, &place, context);
    one_of(
        found,
        &place,
        context,
        "procMount",
        &["Default", "Unmasked"],
    );
    let own_users = pod.get("hostUsers") == Some(&Value::Bool(false));
    if text(context, "procMount") == "Unmasked" && !own_users {
        let why = "`Unmasked` needs `hostUsers: false`";
        found.contradiction(&place, "procMount", &[spec.field("hostUsers")], why);
    }
    if context.get("allowPrivilegeEscalation") == Some(&Value::Bool(false)) {
        let field = "allowPrivilegeEscalation";
        if is_true(context, "privileged") {
            let why = "a privileged container cannot set it to false";
            found.contradiction(&place, field, &[place.field("privileged")], why);
        }
        let add = context.get("capabilities").unwrap_or(&none);
        if items(add, "add").contains(&Value::from("CAP_SYS_ADMIN")) {
            let why = "a container with the capability CAP_SYS_ADMIN cannot set it to false";
            found.contradiction(&place, field, &[place.field("capabilities")], why);
        }
    }
    // The kubelet checks this when it starts the container (pkg/kubelet/kuberuntime/security_context.go).
    let effective = |field: &str| set(context, field).or_else(|| set(of_pod, field));
    if effective("runAsNonRoot") == Some(&Value::Bool(true))
        && effective("runAsUser") == Some(&Value::from(0))
    {
        let of_pod = spec.field("securityContext");
        let others = [
            place.field("runAsUser"),
            of_pod.field("runAsNonRoot"),
            of_pod.field("runAsUser"),
        ];
        found.contradiction(&place, "runAsNonRoot", &others, "`runAsUser` is 0");
    }
}

//! Probes of containers, and handlers of their lifecycle.

use serde_json::Value;

use super::place::{Findings, Place};
use super::values::{in_range, items, one_of, port, quoted, set, text};

/// What a probe or a handler may do.
const HANDLERS: [&str; 5] = ["exec", "grpc", "httpGet", "sleep", "tcpSocket"];

/// The seconds after which the kubelet kills a Pod that does not say so itself.
const DEFAULT_GRACE_PERIOD: i64 = 30;

/// The probes of a container, each with whether it may be repeated after a success.
const PROBES: [(&str, bool); 3] = [
    ("livenessProbe", false),
    ("readinessProbe", true),
    ("startupProbe", false),
];

/// Checks the probes and the lifecycle of a container. `starts_once` says that the container is an init container that ends.
pub(super) fn of_container(
    found: &mut Findings<'_>,
    place: &Place,
    container: &Value,
    spec: &Value,
    starts_once: bool,
) {
    for (name, repeats) in PROBES {
        let Some(probe) = set(container, name) else {
            continue;
        };
        if starts_once {
            found.say(place, name, "", "an init container that ends has no probes");
            continue;
        }
        let ports = place.field("ports");
        let place = place.field(name);
        handler(found, &place, probe, (&ports, container), None);
        for field in [
            "initialDelaySeconds",
            "timeoutSeconds",
            "periodSeconds",
            "successThreshold",
            "failureThreshold",
        ] {
            in_range(found, &place, probe, field, (0, i64::MAX));
        }
        if !repeats {
            in_range(found, &place, probe, "successThreshold", (0, 1));
        }
        let field = "terminationGracePeriodSeconds";
        if repeats && set(probe, field).is_some() {
            found.say(
                &place,
                field,
                "",
                "a readiness probe does not end the container",
            );
        } else {
            in_range(found, &place, probe, field, (1, i64::MAX));
        }
    }
    let Some(lifecycle) = set(container, "lifecycle") else {
        return;
    };
    if starts_once {
        let why = "an init container that ends has no lifecycle";
        found.say(place, "lifecycle", "", why);
        return;
    }
    let ports = place.field("ports");
    let place = place.field("lifecycle");
    let grace = set(spec, "terminationGracePeriodSeconds").and_then(Value::as_i64);
    let grace = grace.unwrap_or(DEFAULT_GRACE_PERIOD);
    for name in ["postStart", "preStop"] {
        if let Some(action) = set(lifecycle, name) {
            let place = place.field(name);
            handler(found, &place, action, (&ports, container), Some(grace));
        }
    }
}

/// Checks what a probe or a handler does. `container` has the place of its ports. `grace` is the longest sleep; probes cannot sleep.
fn handler(
    found: &mut Findings<'_>,
    place: &Place,
    value: &Value,
    container: (&Place, &Value),
    grace: Option<i64>,
) {
    let kinds: Vec<&str> = HANDLERS
        .into_iter()
        .filter(|kind| set(value, kind).is_some())
        .collect();
    if kinds.len() != 1 {
        let why = format!("set one of {}", HANDLERS.join(", "));
        found.say(place, "", "", &why);
    }
    for kind in kinds {
        let Some(action) = set(value, kind) else {
            continue;
        };
        let place = place.field(kind);
        match kind {
            "exec" => {
                if items(action, "command").is_empty() {
                    found.say(&place, "command", "", "it is empty");
                }
            }
            "httpGet" => http_get(found, &place, action, container),
            "sleep" => in_range(found, &place, action, "seconds", (0, grace.unwrap_or(0))),
            _ => port(found, &place, action, container),
        }
    }
}

fn http_get(found: &mut Findings<'_>, place: &Place, action: &Value, container: (&Place, &Value)) {
    port(found, place, action, container);
    one_of(found, place, action, "scheme", &["HTTP", "HTTPS"]);
    let list = place.field("httpHeaders");
    for (position, header) in items(action, "httpHeaders").iter().enumerate() {
        let name = text(header, "name");
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if name.is_empty() || !name.bytes().all(valid) {
            let why = format!("{} is not the name of an HTTP header", quoted(name));
            found.say(&list.item(position, header), "name", "", &why);
        }
    }
}

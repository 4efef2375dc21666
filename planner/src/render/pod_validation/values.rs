//! Names and numbers that several rules share. Sources: k8s.io/apimachinery v0.36, pkg/util/validation.

use serde_json::Value;

use super::place::{Findings, Place};
use crate::config::address::is_subdomain;

/// The text of a field; empty if it is not set.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list; none if the field is not set.
pub(super) fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The field, unless it is not set.
pub(super) fn set<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    value.get(field).filter(|value| !value.is_null())
}

/// The names of a mapping's fields that are set.
pub(super) fn keys<'a>(value: &'a Value, field: &str) -> Vec<&'a str> {
    let Some(Value::Object(fields)) = value.get(field) else {
        return Vec::new();
    };
    fields.keys().map(String::as_str).collect()
}

/// Whether `text` is an RFC 1123 label.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_subdomain(text)
}

/// Whether `text` is the name of a port.
pub(super) fn is_port_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=15).contains(&text.len())
        && text.bytes().all(inner)
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && !text.contains("--")
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` names an environment variable: printable ASCII without `=`.
pub(super) fn is_variable(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}

/// Whether a step of the path is `..`.
pub(super) fn has_backsteps(path: &str) -> bool {
    path.split('/').any(|step| step == "..")
}

/// Whether the path is relative and does not leave its directory.
pub(super) fn is_descending(path: &str) -> bool {
    !path.starts_with('/') && !has_backsteps(path)
}

/// A value in quotes, for messages.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", text.escape_debug())
}

/// Reports a field that is set and is not one of `known`.
pub(super) fn one_of(
    found: &mut Findings<'_>,
    place: &Place,
    value: &Value,
    field: &str,
    known: &[&str],
) {
    let text = text(value, field);
    if set(value, field).is_some() && !text.is_empty() && !known.contains(&text) {
        let why = format!("{} is not one of {}", quoted(text), known.join(", "));
        found.say(place, field, "", &why);
    }
}

/// Reports a number outside the range.
pub(super) fn in_range(
    found: &mut Findings<'_>,
    place: &Place,
    value: &Value,
    field: &str,
    (min, max): (i64, i64),
) {
    let number = set(value, field).and_then(Value::as_i64);
    if let Some(number) = number.filter(|number| !(min..=max).contains(number)) {
        let why = if max == i64::MAX {
            format!("{number} is less than {min}")
        } else {
            format!("{number} is not between {min} and {max}")
        };
        found.say(place, field, "", &why);
    }
}

/// Reports a port that is neither a number from 1 to 65535 nor one of the container's named ports, which are at `ports`.
pub(super) fn port(
    found: &mut Findings<'_>,
    place: &Place,
    value: &Value,
    (ports, container): (&Place, &Value),
) {
    let why = match set(value, "port") {
        Some(Value::String(name)) if !is_port_name(name) => {
            format!(
                "{} is neither a number from 1 to 65535 nor the name of a port",
                quoted(name)
            )
        }
        Some(Value::String(name))
            if items(container, "ports")
                .iter()
                .all(|port| text(port, "name") != name) =>
        {
            let why = format!("the container has no port {}", quoted(name));
            return found.contradiction(place, "port", std::slice::from_ref(ports), &why);
        }
        Some(Value::String(_)) => return,
        other => {
            let number = other.and_then(Value::as_i64).unwrap_or_default();
            if (1..=65535).contains(&number) {
                return;
            }
            format!("{number} is not a port: use 1 to 65535")
        }
    };
    found.say(place, "port", "", &why);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_grammar() {
        assert!(is_label("a-1") && !is_label("a.b") && !is_label("A") && !is_label(""));
        assert!(!is_label(&"a".repeat(64)));
        assert!(is_port_name("probe-port") && is_port_name("a1"));
        for bad in ["", "1", "a--b", "-a", "a-", "A", "a.b", "abcdefghijklmnop"] {
            assert!(!is_port_name(bad), "{bad}");
        }
        assert!(
            is_variable("a.b c") && !is_variable("a=b") && !is_variable("ä") && !is_variable("a\n")
        );
        assert!(has_backsteps("/a/../b") && !has_backsteps("/a/..b"));
        assert!(is_descending("a/b") && !is_descending("/a") && !is_descending("../a"));
    }
}

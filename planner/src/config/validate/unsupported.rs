//! Fields that are known and would not take effect yet: setting one is an error.

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::schema::Kind;
use super::TIMEOUT_DEFAULTS;

/// Reports every field that is set to something else than its default and has no effect.
pub(super) fn check(draft: &mut Draft) {
    let mut rows: Vec<(Kind, String, Value)> = [
        (Kind::Init, "dryRun", json!(false)),
        (
            Kind::Init,
            "nodeRegistration.ignorePreflightErrors",
            json!([]),
        ),
        (
            Kind::Init,
            "nodeRegistration.imagePullPolicy",
            json!("IfNotPresent"),
        ),
        (Kind::Init, "nodeRegistration.imagePullSerial", json!(true)),
    ]
    .into_iter()
    .map(|(kind, path, default)| (kind, path.to_owned(), default))
    .collect();
    for (name, default) in TIMEOUT_DEFAULTS {
        if *name != "controlPlaneComponentHealthCheck" {
            rows.push((Kind::Init, format!("timeouts.{name}"), json!(default)));
        }
    }
    for (kind, path, default) in rows {
        if draft
            .get(kind, &path)
            .is_some_and(|value| !same(value, &default))
        {
            let hint = if default.is_null() || default == json!("") || default == json!([]) {
                "remove it".to_owned()
            } else {
                format!("remove it, or leave it at its default {default}")
            };
            let message = "not supported yet: it would have no effect";
            draft.error(kind, &path, message, &hint);
        }
    }
}

/// Equal but for fields of list items that are set to nothing.
fn same(value: &Value, default: &Value) -> bool {
    match (value, default) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            right
                .iter()
                .all(|(key, value)| left.get(key) == Some(value))
                && left.iter().all(|(key, value)| {
                    right.contains_key(key) || value.is_null() || *value == json!("")
                })
        }
        _ => value == default,
    }
}

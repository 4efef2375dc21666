//! Every field of a step, for a reviewer.
//!
//! The rows come from the step as it is written into the index, not from a list of fields: a field that is added to a step
//! appears by itself, in both programs.

use serde_json::Value;

use super::Step;

/// One field of a step, or one element of a list in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Where in the step, as in the index: `timeoutSeconds`, `client.key`, `labels["a.example/b"]`, `checks[3]`.
    pub path: String,
    /// The value: a text as it is, anything else as JSON on one line. Not escaped.
    pub value: String,
}

impl Step {
    /// Every field of the step but its kind and its phase, in the order of their names.
    ///
    /// Out: a row for each value. An object is taken apart into its fields; of a list each element is one row, an element
    /// that is an object in one piece. An empty list, object or text is a row, too.
    #[must_use]
    pub fn details(&self) -> Vec<Detail> {
        let mut rows = Vec::new();
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => {
                for (name, value) in &fields {
                    if name != "do" && name != "phase" {
                        add(&mut rows, name.clone(), value);
                    }
                }
            }
            // The index that the step came from was JSON.
            Ok(other) => add(&mut rows, "step".to_owned(), &other),
            Err(error) => rows.push(Detail {
                path: "step".to_owned(),
                value: format!("cannot be shown: {error}"),
            }),
        }
        rows
    }
}

fn add(rows: &mut Vec<Detail>, path: String, value: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                add(rows, member(&path, name), value);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (number, element) in elements.iter().enumerate() {
                rows.push(Detail {
                    path: format!("{path}[{number}]"),
                    value: one_line(element),
                });
            }
        }
        other => rows.push(Detail {
            path,
            value: one_line(other),
        }),
    }
}

/// `path.name`; a name that could be read as more than one is quoted.
fn member(path: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if plain {
        format!("{path}.{name}")
    } else {
        format!("{path}[{}]", Value::from(name))
    }
}

fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        other => other.to_string(),
    }
}

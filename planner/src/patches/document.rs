//! Reads the text of a patch file as JSON documents, by kubeadm's YAML rules.

use kubeplan_bundle::yaml_budget::Budget;
use serde_json::{Map, Number, Value};

use super::PatchFileError;
use crate::yaml::read::{self, Data, Node};

/// Reads every document of `text`. Expanded values are subtracted from `budget`.
pub(super) fn read(
    file: &str,
    text: &str,
    budget: &mut Budget,
) -> Result<Vec<Value>, PatchFileError> {
    let nodes = read::read_within(text, budget).map_err(|source| PatchFileError::Read {
        file: file.to_owned(),
        source,
    })?;
    nodes.iter().map(|node| json(file, node)).collect()
}

fn json(file: &str, node: &Node) -> Result<Value, PatchFileError> {
    let number = |number: Option<Number>| {
        number
            .map(Value::Number)
            .ok_or_else(|| PatchFileError::Number {
                file: file.to_owned(),
                line: node.position.line,
            })
    };
    match &node.data {
        Data::Null => Ok(Value::Null),
        Data::Bool(value) => Ok((*value).into()),
        Data::Int(value) => number(Number::from_i128(*value)),
        Data::Float(value) => number(float(*value)),
        Data::String(text) => Ok(text.clone().into()),
        Data::Seq(items) => items.iter().map(|item| json(file, item)).collect(),
        Data::Map(entries) => {
            let mut map = Map::new();
            for entry in entries {
                let value = json(file, &entry.value)?;
                if map.insert(entry.key.clone(), value).is_some() {
                    return Err(PatchFileError::Duplicate {
                        file: file.to_owned(),
                        key: entry.key.clone(),
                        line: entry.position.line,
                    });
                }
            }
            Ok(map.into())
        }
    }
}

/// Converts a whole number to an integer: Go prints it without a fraction, so readers of the JSON see an integer.
fn float(value: f64) -> Option<Number> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be exact")]
    let whole = value as i64;
    #[expect(
        clippy::cast_precision_loss,
        reason = "compared with what it came from"
    )]
    let exact = whole as f64 == value && value.abs() < 1e18;
    if exact {
        Some(whole.into())
    } else {
        Number::from_f64(value)
    }
}

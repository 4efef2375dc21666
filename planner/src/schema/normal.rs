//! Converts documents to Go's normal form: exactly the keys that `encoding/json` prints for a Go value.
//!
//! In: a document with the fields that are set. Out: the same with a zero value for every field that Go always prints, and
//! without the fields that Go omits.

use serde_json::{Map, Value};

use super::{Field, Kind, Object, Type};
use crate::kubeadm::go_types::{printed, zero};
use crate::kubeadm::releases::Release;

/// A field of a document that not all releases have is omitted where it is empty, so all of them print the same.
const EVERY_RELEASE: Option<&Release> = None;

/// The complete document of `kind`, with `apiVersion` and `kind`.
#[must_use]
pub fn normal_form(kind: Kind, set: &Map<String, Value>) -> Map<String, Value> {
    let mut document = normal_object(kind.object(), Some(set));
    document.insert("apiVersion".to_owned(), kind.api_version().into());
    document.insert("kind".to_owned(), kind.name().into());
    document
}

fn normal_object(object: &Object, set: Option<&Map<String, Value>>) -> Map<String, Value> {
    object
        .fields
        .iter()
        .filter_map(|field| {
            let value = set
                .and_then(|set| set.get(field.name))
                .filter(|value| !value.is_null());
            normal_field(field, value).map(|value| (field.name.to_owned(), value))
        })
        .collect()
}

fn normal_field(field: &Field, value: Option<&Value>) -> Option<Value> {
    // The typed structs represent an absent duration or token by an empty string.
    let value = value.filter(|value| {
        !(matches!(field.ty, Type::Duration | Type::Token | Type::Time)
            && value.as_str() == Some(""))
    });
    printed(
        field,
        value.map(|value| normal_value(&field.ty, value)),
        EVERY_RELEASE,
    )
}

fn normal_value(ty: &Type, value: &Value) -> Value {
    match (ty, value) {
        (_, Value::Null) => zero(ty, EVERY_RELEASE),
        (Type::List(item), Value::Array(items)) => items
            .iter()
            .map(|value| normal_value(item, value))
            .collect(),
        (Type::Map(item), Value::Object(entries)) => entries
            .iter()
            .map(|(key, value)| (key.clone(), normal_value(item, value)))
            .collect::<Map<_, _>>()
            .into(),
        (Type::Object(object), Value::Object(entries)) => {
            normal_object(object, Some(entries)).into()
        }
        _ => value.clone(),
    }
}

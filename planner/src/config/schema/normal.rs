//! Go's normal form: exactly the keys `encoding/json` prints for a Go value.
//!
//! In: a document with the fields that are set. Out: the same with a zero value for every field that Go always
//! prints and without every field that it omits. A struct is never omitted, `omitempty` or not; a nil list or map
//! without `omitempty` is `null`; a pointer differs from zero when it is set.

use serde_json::{Map, Value};

use super::{Field, Kind, Object, Type};

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
    // The typed structs spell an absent duration or token as an empty string.
    let value = value.filter(|value| {
        !(matches!(field.ty, Type::Duration | Type::Token | Type::Time)
            && value.as_str() == Some(""))
    });
    match value {
        Some(value) if field.omitempty && !field.pointer && is_empty(&field.ty, value) => None,
        Some(value) => Some(normal_value(&field.ty, value)),
        None if field.pointer => (!field.omitempty).then_some(Value::Null),
        None => match zero(&field.ty) {
            zero if field.omitempty && is_empty(&field.ty, &zero) => None,
            zero => Some(zero),
        },
    }
}

fn normal_value(ty: &Type, value: &Value) -> Value {
    match (ty, value) {
        (_, Value::Null) => zero(ty),
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

/// Go's zero value as JSON.
fn zero(ty: &Type) -> Value {
    match ty {
        Type::Bool => false.into(),
        Type::Int32
        | Type::Int64
        | Type::Uint32
        | Type::Float32
        | Type::Float64
        | Type::DurationOrNanoseconds => 0.into(),
        Type::String | Type::SecretString => "".into(),
        Type::Duration => "0s".into(),
        Type::Quantity => "0".into(),
        Type::Time | Type::Token | Type::List(_) | Type::Map(_) | Type::NotYet => Value::Null,
        Type::Object(object) => normal_object(object, None).into(),
    }
}

/// What `omitempty` leaves out; structs never are.
fn is_empty(ty: &Type, value: &Value) -> bool {
    match ty {
        Type::Duration
        | Type::DurationOrNanoseconds
        | Type::Time
        | Type::Quantity
        | Type::Token
        | Type::Object(_)
        | Type::NotYet => false,
        _ => match value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
        },
    }
}

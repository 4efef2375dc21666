//! Prints a field as Go does: its zero value if it is always printed, nothing if it is omitted.
//!
//! A struct is never omitted because it is empty; a nil list or map without `omitempty` is `null`; a pointer differs from zero
//! when it is set.

use serde_json::{Map, Value};

use super::{Field, Type};
use crate::kubeadm::releases::Release;

/// What Go of a release prints for a field with `value`, which is `None` if unset; `None` if Go omits the field.
#[must_use]
pub fn printed(field: &Field, value: Option<Value>, release: Option<&Release>) -> Option<Value> {
    if field.pointer {
        return match value {
            Some(value) => Some(value),
            None => (!field.omitempty).then_some(Value::Null),
        };
    }
    let value = value.unwrap_or_else(|| zero(&field.ty, release));
    let omitted = (field.omitempty && is_empty(&field.ty, &value))
        || (field.omitzero && value == zero(&field.ty, release));
    (!omitted).then_some(value)
}

/// Go's zero value as JSON, as the release prints it.
#[must_use]
pub fn zero(ty: &Type, release: Option<&Release>) -> Value {
    match ty {
        Type::Bool => false.into(),
        Type::Int32
        | Type::Int64
        | Type::Uint32
        | Type::Float32
        | Type::Float64
        | Type::IntOrString
        | Type::DurationOrNanoseconds => 0.into(),
        Type::String | Type::SecretString => "".into(),
        Type::Duration => "0s".into(),
        Type::Quantity => "0".into(),
        Type::Time | Type::Token | Type::Raw | Type::List(_) | Type::Map(_) | Type::NotYet => {
            Value::Null
        }
        Type::Object(object) => object
            .fields_of(release)
            .filter_map(|field| Some((field.name.to_owned(), printed(field, None, release)?)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// Whether `omitempty` omits the value; it never omits types with a form of their own.
fn is_empty(ty: &Type, value: &Value) -> bool {
    match ty {
        Type::Duration
        | Type::DurationOrNanoseconds
        | Type::Time
        | Type::Quantity
        | Type::IntOrString
        | Type::Token
        | Type::Raw
        | Type::Object(_)
        | Type::NotYet => false,
        Type::Bool
        | Type::Int32
        | Type::Int64
        | Type::Uint32
        | Type::Float32
        | Type::Float64
        | Type::String
        | Type::SecretString
        | Type::List(_)
        | Type::Map(_) => match value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{BOOL, Object, STRING, TIME, field, list, object};
    use super::*;
    use crate::kubeadm::releases::{Span, find};

    static INNER: Object = Object {
        name: "Inner",
        fields: &[
            field("on", BOOL),
            field("off", BOOL).omitempty(),
            field("list", list(&STRING)),
            field("pointer", STRING).pointer(),
            field("time", TIME).omitempty(),
            field("never", TIME).omitzero(),
        ],
    };

    #[test]
    fn a_struct_is_printed_with_what_go_never_omits() {
        let zero_of_inner = json!({"on": false, "list": null, "pointer": null, "time": null});
        let inner = field("inner", object(&INNER)).omitempty();
        assert_eq!(printed(&inner, None, None), Some(zero_of_inner));
        assert_eq!(printed(&inner.pointer(), None, None), None);
        assert_eq!(printed(&inner.omitzero(), None, None), None);
    }

    #[test]
    fn omitempty_is_about_values_and_not_about_pointers() {
        let text = field("text", STRING).omitempty();
        let empty = || Some(json!(""));
        assert_eq!(printed(&text, empty(), None), None);
        assert_eq!(printed(&text.pointer(), empty(), None), empty());
        assert_eq!(printed(&text, Some(json!("x")), None), Some(json!("x")));
    }

    #[test]
    fn a_release_prints_the_fields_that_it_has() {
        static CHANGED: Object = Object {
            name: "Changed",
            fields: &[
                field("time", TIME).only(Span::ALL.until(33)),
                field("time", TIME).omitzero().only(Span::since(34)),
                field("new", STRING).only(Span::since(36)),
            ],
        };
        for (minor, expected) in [
            (33, json!({"time": null})),
            (35, json!({})),
            (36, json!({"new": ""})),
        ] {
            assert_eq!(zero(&object(&CHANGED), find(minor)), expected, "1.{minor}");
        }
    }
}

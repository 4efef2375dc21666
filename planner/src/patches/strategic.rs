//! Applies strategic merge patches.
//!
//! In: a document, a patch, the type that defines which lists are merged and by which key. Out: the patched document,
//! not yet in normal form. Directives: `$patch: replace|delete`, `$retainKeys`,
//! `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`.
//! Rules: apimachinery v0.36.2, pkg/util/strategicpatch. Where Go's result depends on the order of a map, keys are
//! processed in bytewise order.

mod list;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::kubeadm::go_types::{Merge, Object, Type};
use crate::kubeadm::releases::Release;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList";

/// What is known about the type of the patched value.
#[derive(Clone, Copy, Debug)]
pub enum Schema {
    /// A struct, with the fields of a release.
    Object(&'static Object, &'static Release),
    /// Not a struct: values below it cannot be merged.
    NoStruct,
}

/// Why a strategic merge patch does not apply.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StrategicError {
    /// A `$patch` with an unknown value.
    #[error("`$patch: {0}` is not a valid directive here; use `replace` or `delete`")]
    Directive(String),
    /// A directive whose value is not a list, or whose key does not name one.
    #[error("`{0}` needs a list as its value, and the name of a list after a slash")]
    DirectiveList(String),
    /// `$retainKeys` does not list a field that the patch sets.
    #[error("`$retainKeys` must list every field that the patch sets beside it; `{0}` is missing")]
    RetainKeys(String),
    /// The items are not in the order of `$setElementOrder`, or not listed there.
    #[error(
        "the items of `{0}` are not in the order of its `$setElementOrder`, or not listed there"
    )]
    ElementOrder(String),
    /// The type does not have the field.
    #[error("{object} has no field `{field}`, so kubeplan does not know how to merge it")]
    UnknownField {
        /// The name of the struct in Go.
        object: &'static str,
        /// The field.
        field: String,
    },
    /// A mapping below a value that is not a struct.
    #[error("`{0}` cannot be merged: it is not a field of a struct")]
    NoStruct(String),
    /// An item without its merge key.
    #[error("an item of the list has no `{0}`, the merge key of the list")]
    NoMergeKey(String),
    /// A list of mixed or nested values.
    #[error("a list of lists, or with items of different types, cannot be merged")]
    Items,
}

/// A field's schema and how it is merged.
struct Lookup {
    below: Schema,
    merge: Merge,
}

impl Schema {
    fn field(self, name: &str) -> Result<Lookup, StrategicError> {
        let (object, release) = match self {
            Self::NoStruct => return Err(StrategicError::NoStruct(name.to_owned())),
            Self::Object(object, release) => (object, release),
        };
        let field = object
            .fields_of(Some(release))
            .find(|field| field.name == name)
            .ok_or_else(|| StrategicError::UnknownField {
                object: object.name,
                field: name.to_owned(),
            })?;
        let below = match &field.ty {
            Type::Object(object) | Type::List(Type::Object(object)) => {
                Self::Object(object, release)
            }
            _ => Self::NoStruct,
        };
        Ok(Lookup {
            below,
            merge: field.merge,
        })
    }
}

/// Applies `patch` to `original`.
///
/// # Errors
/// [`StrategicError`] if the patch contradicts itself or the type.
pub fn merge(
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    schema: Schema,
) -> Result<Map<String, Value>, StrategicError> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Map::new()),
            _ => Err(StrategicError::Directive(shown(&directive))),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    set_element_order(&mut original, &mut patch, schema)?;
    let mut entries: Vec<(String, Value)> = patch.into_iter().collect();
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    for (key, value) in entries {
        let (key, deleting) = match key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            Some(_) => (list_of(&key, DELETE_FROM_PRIMITIVE_LIST)?, true),
            None => (key, false),
        };
        if value.is_null() {
            original.remove(&key);
            continue;
        }
        let Some(before) = original.remove(&key) else {
            if !deleting {
                original.extend(taken(value).map(|value| (key, value)));
            }
            continue;
        };
        let merged = match (before, value) {
            (Value::Object(before), Value::Object(value)) => {
                let lookup = schema.field(&key)?;
                Some(merge(before, value, lookup.below)?.into())
            }
            (Value::Array(before), Value::Array(value)) => {
                let lookup = schema.field(&key)?;
                Some(list::merge(before, value, &lookup, deleting)?.into())
            }
            (before, _) if deleting => Some(before),
            (_, value) => taken(value),
        };
        original.extend(merged.map(|value| (key, value)));
    }
    Ok(original)
}

/// A value of the patch without nulls and directives; `None` if the value is itself null or a directive.
fn taken(mut value: Value) -> Option<Value> {
    discard_nulls(&mut value);
    without_directives(value)
}

fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|_, value| !value.is_null());
            entries.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(entries) if entries.contains_key(DIRECTIVE) => None,
        Value::Object(entries) => Some(
            entries
                .into_iter()
                .filter_map(|(key, value)| Some((key, without_directives(value)?)))
                .collect::<Map<_, _>>()
                .into(),
        ),
        Value::Array(items) => Some(items.into_iter().filter_map(without_directives).collect()),
        other => Some(other),
    }
}

/// Removes the fields that `$retainKeys` does not list.
fn retain_keys(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
) -> Result<(), StrategicError> {
    let Some(kept) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(kept) = kept else {
        return Err(StrategicError::DirectiveList(RETAIN_KEYS.to_owned()));
    };
    let kept: BTreeSet<&str> = kept.iter().filter_map(Value::as_str).collect();
    let is_kept = |key: &str| kept.contains(key);
    let directive = |key: &str| {
        key.starts_with(DELETE_FROM_PRIMITIVE_LIST) || key.starts_with(SET_ELEMENT_ORDER)
    };
    let unnamed = patch
        .iter()
        .find(|(key, value)| !(value.is_null() || directive(key) || is_kept(key)));
    if let Some((key, _)) = unnamed {
        return Err(StrategicError::RetainKeys(key.clone()));
    }
    original.retain(|key, _| is_kept(key));
    Ok(())
}

/// Merges the lists that have a `$setElementOrder`, and removes both from the patch.
fn set_element_order(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    schema: Schema,
) -> Result<(), StrategicError> {
    let directives: Vec<String> = patch
        .keys()
        .filter(|key| key.starts_with(SET_ELEMENT_ORDER))
        .cloned()
        .collect();
    for directive in directives {
        let Some(Value::Array(order)) = patch.remove(&directive) else {
            return Err(StrategicError::DirectiveList(directive));
        };
        let key = list_of(&directive, SET_ELEMENT_ORDER)?;
        let array = |map: &mut Map<String, Value>| match map.get(&key) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items.clone())),
            Some(_) => Err(StrategicError::DirectiveList(directive.clone())),
        };
        let (before, patched) = (array(original)?, array(patch)?);
        let lookup = schema.field(&key)?;
        list::check_order(
            patched.as_deref().unwrap_or_default(),
            &order,
            lookup.merge,
            &key,
        )?;
        let merged = match (before.clone(), patched.clone()) {
            (None, None) => continue,
            (Some(before), None) => before,
            (None, Some(patched)) => patched.into_iter().filter_map(without_directives).collect(),
            (Some(before), Some(patched)) => list::merge(before, patched, &lookup, false)?,
        };
        let before = before.unwrap_or_default();
        list::check_items(&before, patched.as_deref().unwrap_or_default())?;
        let ordered = list::ordered(merged, &order, &before, lookup.merge)?;
        original.insert(key.clone(), ordered.into());
        patch.remove(&key);
    }
    Ok(())
}

/// The name of the list that a directive applies to.
fn list_of(directive: &str, prefix: &str) -> Result<String, StrategicError> {
    directive
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('/'))
        .map(str::to_owned)
        .ok_or_else(|| StrategicError::DirectiveList(directive.to_owned()))
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;

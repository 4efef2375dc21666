//! Merging lists: by key, as sets of scalars, and the order of the result.

use std::mem::discriminant;

use serde_json::Value;

use super::{DIRECTIVE, Lookup, Merge, StrategicError, shown};

/// Merges `patch` into `original` as the field's strategy says; `deleting` takes scalars away instead.
pub(super) fn merge(
    original: Vec<Value>,
    patch: Vec<Value>,
    lookup: &Lookup,
    deleting: bool,
) -> Result<Vec<Value>, StrategicError> {
    if lookup.merge == Merge::Replace && !deleting {
        return Ok(patch);
    }
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let of_objects = check_items(&original, &patch)?;
    if !of_objects {
        if deleting {
            return Ok(original
                .into_iter()
                .filter(|item| !patch.contains(item))
                .collect());
        }
        let mut united: Vec<Value> = Vec::new();
        for item in original.iter().chain(&patch) {
            if !united.contains(item) {
                united.push(item.clone());
            }
        }
        return ordered(united, &patch, &original, Merge::Union);
    }
    let Merge::Key(key) = lookup.merge else {
        return Err(StrategicError::Items);
    };
    let (original, patch) = special_items(original, patch, key)?;
    let mut merged = original.clone();
    for item in &patch {
        let value = key_of(item, key).ok_or_else(|| StrategicError::NoMergeKey(key.to_owned()))?;
        let found = merged
            .iter_mut()
            .find(|candidate| key_of(candidate, key) == Some(value));
        match (found, item) {
            (Some(Value::Object(before)), Value::Object(item)) => {
                *before = super::merge(std::mem::take(before), item.clone(), lookup.below)?;
            }
            _ => merged.push(item.clone()),
        }
    }
    ordered(merged, &patch, &original, lookup.merge)
}

/// Carries out the items with a `$patch` directive and leaves the others.
fn special_items(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), StrategicError> {
    let mut ordinary = Vec::new();
    let mut replace = false;
    for item in patch {
        let Some(directive) = item.get(DIRECTIVE) else {
            ordinary.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let value =
                    key_of(&item, key).ok_or_else(|| StrategicError::NoMergeKey(key.to_owned()))?;
                original.retain(|candidate| key_of(candidate, key) != Some(value));
            }
            Some("replace") => replace = true,
            _ => return Err(StrategicError::Directive(shown(directive))),
        }
    }
    Ok(if replace {
        (ordinary, Vec::new())
    } else {
        (original, ordinary)
    })
}

/// Whether all items are mappings; an error if they are mixed, nested lists or null, or if there are none.
pub(super) fn check_items(original: &[Value], patch: &[Value]) -> Result<bool, StrategicError> {
    let mut items = original.iter().chain(patch);
    let first = items.next().ok_or(StrategicError::Items)?;
    let alike =
        |item: &Value| discriminant(item) == discriminant(first) && item.is_f64() == first.is_f64();
    if matches!(first, Value::Array(_) | Value::Null) || !items.all(alike) {
        return Err(StrategicError::Items);
    }
    Ok(first.is_object())
}

/// Checks that the items of `patch` are among those of `order`, and in that order.
pub(super) fn check_order(
    patch: &[Value],
    order: &[Value],
    merge: Merge,
    name: &str,
) -> Result<(), StrategicError> {
    if order.is_empty() {
        return Ok(());
    }
    let mut order = order.iter();
    for item in patch.iter().filter(|item| item.get(DIRECTIVE).is_none()) {
        let wanted = identity(item, merge)?;
        let mut found = false;
        for candidate in order.by_ref() {
            if identity(candidate, merge)? == wanted {
                found = true;
                break;
            }
        }
        if !found {
            return Err(StrategicError::ElementOrder(name.to_owned()));
        }
    }
    Ok(())
}

/// `merged` in order: items of `first` as they stand there, the others as they stand in `original`, and each
/// other item before the first item of `first` that it preceded in `original`.
pub(super) fn ordered(
    merged: Vec<Value>,
    first: &[Value],
    original: &[Value],
    merge: Merge,
) -> Result<Vec<Value>, StrategicError> {
    for item in merged.iter().chain(first).chain(original) {
        identity(item, merge)?;
    }
    let position = |list: &[Value], item: &Value| {
        let wanted = identity(item, merge).ok();
        list.iter()
            .position(|candidate| identity(candidate, merge).ok() == wanted)
    };
    let (mut named, mut others): (Vec<Value>, Vec<Value>) = merged
        .into_iter()
        .partition(|item| position(first, item).is_some());
    named.sort_by_key(|item| position(first, item));
    others.sort_by_key(|item| position(original, item));

    let mut result = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in named {
        let place = position(original, &item);
        while let Some(other) = others.peek() {
            let before = matches!((position(original, other), place), (Some(other), Some(place)) if other < place);
            if !before {
                break;
            }
            result.extend(others.next());
        }
        result.push(item);
    }
    result.extend(others);
    Ok(result)
}

fn key_of<'a>(item: &'a Value, key: &str) -> Option<&'a Value> {
    item.get(key)
}

/// What tells an item apart: its merge key, or a scalar itself.
fn identity(item: &Value, merge: Merge) -> Result<&Value, StrategicError> {
    match merge {
        Merge::Key(key) => {
            key_of(item, key).ok_or_else(|| StrategicError::NoMergeKey(key.to_owned()))
        }
        Merge::Union | Merge::Replace => Ok(item),
    }
}

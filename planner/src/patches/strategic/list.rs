//! Merges lists by key or as sets of scalars, and orders the result.

use std::collections::{HashMap, HashSet};
use std::mem::discriminant;

use serde_json::Value;

use super::{DIRECTIVE, Lookup, Merge, StrategicError, shown};

/// Merges `patch` into `original` with the field's strategy. With `deleting`, removes scalars instead.
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
            let patch: HashSet<Value> = patch.into_iter().collect();
            return Ok(original
                .into_iter()
                .filter(|item| !patch.contains(item))
                .collect());
        }
        let mut seen = HashSet::new();
        let united: Vec<Value> = original
            .iter()
            .chain(&patch)
            .filter(|item| seen.insert(*item))
            .cloned()
            .collect();
        return ordered(united, &patch, &original, Merge::Union);
    }
    let Merge::Key(key) = lookup.merge else {
        return Err(StrategicError::Items);
    };
    let (original, patch) = special_items(original, patch, key)?;
    let mut merged = original.clone();
    let mut places = HashMap::new();
    for (place, item) in original.iter().enumerate() {
        if let Some(value) = key_of(item, key) {
            places.entry(value).or_insert(place);
        }
    }
    for item in &patch {
        let value = key_of(item, key).ok_or_else(|| StrategicError::NoMergeKey(key.to_owned()))?;
        // A patch that sets the merge key to null removes it, so later patches do not find the item by that key.
        let found = places.get(value).and_then(|start| {
            let candidates = merged.iter_mut().enumerate().skip(*start);
            let mut found =
                candidates.filter(|(_, candidate)| key_of(candidate, key) == Some(value));
            found.next()
        });
        match (found, item) {
            (Some((place, Value::Object(before))), Value::Object(item)) => {
                *before = super::merge(std::mem::take(before), item.clone(), lookup.below)?;
                places.insert(value, place);
            }
            _ => {
                places.entry(value).or_insert(merged.len());
                merged.push(item.clone());
            }
        }
    }
    ordered(merged, &patch, &original, lookup.merge)
}

/// Applies the items with a `$patch` directive. Returns the others.
fn special_items(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), StrategicError> {
    let mut ordinary = Vec::new();
    let mut deleted = HashSet::new();
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
                deleted.insert(value.clone());
            }
            Some("replace") => replace = true,
            _ => return Err(StrategicError::Directive(shown(directive))),
        }
    }
    original.retain(|item| key_of(item, key).is_none_or(|value| !deleted.contains(value)));
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

/// Sorts `merged`: items of `first` in its order, the others in the order of `original`, each of the others before the first item
/// of `first` that it preceded in `original`.
pub(super) fn ordered(
    merged: Vec<Value>,
    first: &[Value],
    original: &[Value],
    merge: Merge,
) -> Result<Vec<Value>, StrategicError> {
    for item in merged.iter().chain(first).chain(original) {
        identity(item, merge)?;
    }
    let places = |list| -> HashMap<_, usize> {
        let mut places = HashMap::new();
        for (place, item) in <[Value]>::iter(list).enumerate() {
            if let Ok(wanted) = identity(item, merge) {
                places.entry(wanted).or_insert(place);
            }
        }
        places
    };
    let (in_first, in_original) = (places(first), places(original));
    let position = |places: &HashMap<&Value, usize>, item: &Value| {
        let wanted = identity(item, merge).ok()?;
        places.get(wanted).copied()
    };
    let (mut named, mut others): (Vec<Value>, Vec<Value>) = merged
        .into_iter()
        .partition(|item| position(&in_first, item).is_some());
    named.sort_by_key(|item| position(&in_first, item));
    others.sort_by_key(|item| position(&in_original, item));

    let mut result = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in named {
        let place = position(&in_original, &item);
        while let Some(other) = others.peek() {
            let before = matches!((position(&in_original, other), place), (Some(other), Some(place)) if other < place);
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

/// What identifies an item: its merge key, or the scalar itself.
fn identity(item: &Value, merge: Merge) -> Result<&Value, StrategicError> {
    match merge {
        Merge::Key(key) => {
            key_of(item, key).ok_or_else(|| StrategicError::NoMergeKey(key.to_owned()))
        }
        Merge::Union | Merge::Replace => Ok(item),
    }
}

//! Making a failing case small.
//!
//! In: a case and whether a smaller one still fails. Out: the smallest found by leaving out documents, fields and list items,
//! in plain style where that still fails. The number of trials is bounded.

use serde_json::Value;

use super::case::Case;
use super::host::Host;

/// How many smaller cases are tried.
const TRIALS: usize = 80;

/// Shrinks `case` while `fails` says so.
pub fn shrink(case: &Case, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let mut best = case.clone();
    if case.text.is_some() {
        return best;
    }
    let mut trials = 0;
    let mut accept = |candidate: Case, best: &mut Case| {
        trials += 1;
        let better = trials <= TRIALS && is_complete(&candidate) && fails(&candidate);
        if better {
            *best = candidate;
        }
        better
    };
    accept(
        Case {
            style: None,
            ..best.clone()
        },
        &mut best,
    );
    let host = Host {
        proxies: std::collections::BTreeMap::new(),
        ca_directories: Vec::new(),
        upload_certs: false,
        ..best.host.clone()
    };
    accept(
        Case {
            host,
            ..best.clone()
        },
        &mut best,
    );
    for name in case.host.patches.keys() {
        let mut smaller = best.clone();
        smaller.host.patches.remove(name);
        accept(smaller, &mut best);
    }
    let mut at = 0;
    loop {
        let places = places(&best.documents);
        let Some(place) = places.get(at) else { break };
        let mut documents = best.documents.clone();
        remove(&mut documents, place);
        let smaller = Case {
            documents,
            ..best.clone()
        };
        if !accept(smaller, &mut best) {
            at += 1;
        }
    }
    best
}

/// Whether the case has what kubeadm would look for on the internet and on the host: that never gets smaller.
fn is_complete(case: &Case) -> bool {
    let has = |pointer: &str| {
        case.documents.iter().any(|document| {
            document
                .pointer(pointer)
                .is_some_and(|value| !value.is_null())
        })
    };
    has("/kubernetesVersion") && has("/localAPIEndpoint/advertiseAddress")
}

/// A place in a value: the indexes of fields and items on the way to it.
type Place = Vec<usize>;

/// Every place, outer ones first, so that large parts go first.
fn places(documents: &[Value]) -> Vec<Place> {
    let mut places: Vec<Place> = (0..documents.len()).map(|at| vec![at]).collect();
    let mut at = 0;
    while let Some(place) = places.get(at).cloned() {
        let below = value_at(documents, &place).map_or(0, length);
        for index in 0..below {
            let mut inner = place.clone();
            inner.push(index);
            places.push(inner);
        }
        at += 1;
    }
    places
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

fn value_at<'a>(documents: &'a [Value], place: &[usize]) -> Option<&'a Value> {
    let (first, rest) = place.split_first()?;
    let mut value = documents.get(*first)?;
    for index in rest {
        value = match value {
            Value::Array(items) => items.get(*index)?,
            Value::Object(fields) => fields.values().nth(*index)?,
            _ => return None,
        };
    }
    Some(value)
}

fn remove(documents: &mut Vec<Value>, place: &[usize]) {
    let Some((first, rest)) = place.split_first() else {
        return;
    };
    if rest.is_empty() {
        documents.remove(*first);
        return;
    }
    if let Some(document) = documents.get_mut(*first) {
        remove_in(document, rest);
    }
}

fn remove_in(value: &mut Value, place: &[usize]) {
    let Some((first, rest)) = place.split_first() else {
        return;
    };
    match value {
        Value::Array(items) if rest.is_empty() => {
            items.remove(*first);
        }
        Value::Array(items) => {
            if let Some(item) = items.get_mut(*first) {
                remove_in(item, rest);
            }
        }
        Value::Object(fields) => {
            let Some(key) = fields.keys().nth(*first).cloned() else {
                return;
            };
            if rest.is_empty() {
                fields.remove(&key);
            } else if let Some(inner) = fields.get_mut(&key) {
                remove_in(inner, rest);
            }
        }
        _ => {}
    }
}

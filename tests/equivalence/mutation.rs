//! Breaking one rule of a valid configuration.
//!
//! In: a case. Out: the same case with one mistake that kubeadm refuses. Every row of the families is a rule of kubeadm or of
//! YAML; its choices are different ways to break it.

mod cluster;
mod component;
mod form;
mod init;
mod values;

use kubeplan::schema::Kind;
use serde_json::{Map, Value, json};

use super::case::Case;
use super::random::Random;

/// One rule to break.
#[derive(Debug)]
pub struct Mutation {
    /// What is broken.
    pub name: &'static str,
    how: How,
}

#[derive(Debug)]
enum How {
    /// Sets the field of a document to one of some JSON values.
    Set(Kind, &'static str, &'static [&'static str]),
    /// Changes the text: replaces the first of these, or appends if it is empty.
    Text(&'static str, &'static [&'static str]),
    /// Removes a field.
    Remove(Kind, &'static str),
    /// Replaces a whole document by one of some JSON values, or appends it.
    Append(&'static [&'static str]),
}

const fn set(
    name: &'static str,
    kind: Kind,
    path: &'static str,
    values: &'static [&'static str],
) -> Mutation {
    Mutation {
        name,
        how: How::Set(kind, path, values),
    }
}

/// The rules, by what they are about.
const FAMILIES: &[&[Mutation]] = &[init::RULES, cluster::RULES, component::RULES, form::RULES];

/// Breaks the rule whose turn case `number` is.
pub fn mutate(case: &mut Case, random: &mut Random, number: u64) {
    let rules: Vec<&'static Mutation> = FAMILIES.iter().copied().flatten().collect();
    let turn = usize::try_from(number)
        .unwrap_or_default()
        .checked_rem(rules.len());
    let Some(mutation) = turn.and_then(|turn| rules.get(turn)).copied() else {
        return;
    };
    case.mutation = Some(mutation.name);
    // Whatever else is random may only get in the way of the one mistake.
    if random.chance(50) {
        case.style = None;
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    match &mutation.how {
        How::Set(kind, path, values) => {
            let value = parse(random.pick(values));
            if let Some(document) = document_of(&mut case.documents, *kind) {
                set_at(document, path, value);
            }
        }
        How::Remove(kind, field) => {
            if let Some(Value::Object(fields)) = document_of(&mut case.documents, *kind) {
                fields.remove(*field);
            }
        }
        How::Append(documents) => case.documents.push(parse(random.pick(documents))),
        How::Text(find, replacements) => {
            let text = case.kubeadm_text();
            let replacement = random.pick(replacements);
            case.text = Some(if find.is_empty() {
                format!("{text}{replacement}")
            } else {
                text.replacen(find, replacement, 1)
            });
        }
    }
}

/// The document of `kind`, made if there is none.
fn document_of(documents: &mut Vec<Value>, kind: Kind) -> Option<&mut Value> {
    let is = |document: &Value| document.get("kind").and_then(Value::as_str) == Some(kind.name());
    let at = documents.iter().position(is).unwrap_or_else(|| {
        documents.push(json!({ "apiVersion": kind.api_version(), "kind": kind.name() }));
        documents.len() - 1
    });
    documents.get_mut(at)
}

fn set_at(document: &mut Value, path: &str, value: Value) {
    let mut place = document;
    for name in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(name).or_insert(Value::Null);
    }
    *place = value;
}

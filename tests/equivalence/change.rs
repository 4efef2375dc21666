//! One change of a case's documents or text.
//!
//! In: a case, a source of choices. Out: the case, changed. Rows of [`super::mutation`] and [`super::intended`] say which.

use kubeplan::schema::Kind;
use serde_json::{Map, Value, json};

use super::case::Case;
use super::patches;
use super::random::Random;

/// What is changed, with the choices there are; values are JSON.
#[derive(Debug)]
pub enum Change {
    /// Sets the field of a document to one of some values.
    Set(Kind, &'static str, &'static [&'static str]),
    /// Replaces the first of these in the text, or appends to it if it is empty.
    Text(&'static str, &'static [&'static str]),
    /// Puts text in front.
    Before(&'static [&'static str]),
    /// Removes a field.
    Remove(Kind, &'static str),
    /// Removes a document.
    Without(Kind),
    /// Appends a document.
    Append(&'static [&'static str]),
    /// Adds a patch: the name of its file, and its text.
    Patch(&'static str, &'static [&'static str]),
    /// Adds a patch after which the kubelet refuses the static Pod.
    RefusedPatch,
}

impl Change {
    /// Whether it needs a host whose files can be chosen.
    #[must_use]
    pub fn needs_patches(&self) -> bool {
        matches!(self, Self::Patch(..) | Self::RefusedPatch)
    }

    /// Changes the case.
    pub fn make(&self, case: &mut Case, random: &mut Random) {
        match self {
            Self::Set(kind, path, values) => {
                let value = parse(random.pick(values));
                if let Some(document) = document_of(&mut case.documents, *kind) {
                    set_at(document, path, value);
                }
            }
            Self::Remove(kind, field) => {
                if let Some(Value::Object(fields)) = document_of(&mut case.documents, *kind) {
                    fields.remove(*field);
                }
            }
            Self::Without(kind) => case.documents.retain(|document| !is(document, *kind)),
            Self::Append(documents) => case.documents.push(parse(random.pick(documents))),
            Self::Text(find, replacements) => {
                let replacement = random.pick(replacements);
                // What is replaced must be something that kubeadm reads.
                case.text = Some(if find.is_empty() {
                    format!("{}{replacement}", case.planner_text())
                } else {
                    case.kubeadm_text().replacen(find, replacement, 1)
                });
            }
            Self::Before(texts) => {
                let before = random.pick(texts);
                case.text = Some(format!("{before}{}", case.planner_text()));
            }
            Self::Patch(name, texts) => {
                let text = random.pick(texts).to_owned();
                patches::add_file(&mut case.host, &mut case.documents, name, text);
            }
            Self::RefusedPatch => {
                let (name, text) = patches::refused(random);
                patches::add_file(&mut case.host, &mut case.documents, &name, text);
            }
        }
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn is(document: &Value, kind: Kind) -> bool {
    document.get("kind").and_then(Value::as_str) == Some(kind.name())
}

/// The document of `kind`, made if there is none.
fn document_of(documents: &mut Vec<Value>, kind: Kind) -> Option<&mut Value> {
    let at = documents
        .iter()
        .position(|document| is(document, kind))
        .unwrap_or_else(|| {
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

//! Decodes a document as written, and checks it against its table of fields.
//!
//! In: the YAML nodes of one document. Out: the fields that are set, as JSON, with durations and quantities in Go's printed
//! form; where each was written; a finding for every unknown or duplicate field and every value of the wrong type. Accepts
//! what Go's decoder accepts: `null` leaves a field unset, `6443.0` is an integer. With [`Fields::Lenient`], unknown and
//! duplicate fields are warnings, and the last of several duplicates counts, as in kubeadm's lenient decoder.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::provenance::{Origin, Provenance};
use super::report::{Finding, Report, Severity};
use crate::kubeadm::go_types::scalar::{self, Scalar, Wrong};
use crate::kubeadm::releases::{self, RELEASES, Release};
use crate::schema::{Kind, Object, Type, places_of};
use crate::suggest::nearest;
use crate::yaml::read::{Data, Entry, Node, Position};

/// How unknown and duplicate fields are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fields {
    /// As errors.
    #[default]
    Strict,
    /// As warnings.
    Lenient,
}

/// Checks `entries`, the content of a document in `file`, against the table `object`.
pub(super) fn decode(
    object: &Object,
    entries: &[Entry],
    file: &str,
    fields: Fields,
    provenance: &mut Provenance,
    report: &mut Report,
) -> Map<String, Value> {
    let old = Kind::ALL
        .into_iter()
        .all(|kind| !std::ptr::eq(kind.object(), object));
    let mut decoder = Decoder {
        file,
        fields,
        old,
        provenance,
        report,
    };
    decoder.object(object, entries, object.name, true)
}

/// The most findings that a report on the form of documents lists.
const MAX_FINDINGS: usize = 500;

struct Decoder<'a> {
    file: &'a str,
    fields: Fields,
    /// The document has an older API version.
    old: bool,
    provenance: &'a mut Provenance,
    report: &'a mut Report,
}

/// The message for a field that the table does not have.
const UNKNOWN: &str = "unknown field";

/// Fields of older API versions and common mistakes, with what to write instead.
const MOVED: &[(&str, &str)] = &[
    (
        "timeoutForControlPlane",
        "v1beta4 has `InitConfiguration.timeouts.controlPlaneComponentHealthCheck` instead",
    ),
    (
        "metadata",
        "remove it: this document has no metadata; `clusterName` of ClusterConfiguration names the cluster",
    ),
    (
        "useHyperKubeImage",
        "Kubernetes 1.19 removed hyperkube images; remove the field",
    ),
];

impl Decoder<'_> {
    fn error(&mut self, at: Position, path: &str, message: String, hint: Option<String>) {
        self.say(Severity::Error, at, path, message, hint);
    }

    /// Reports an unknown or duplicate field.
    fn not_strict(&mut self, at: Position, path: &str, message: &str, hint: String) {
        let (severity, message) = match self.fields {
            Fields::Strict => (Severity::Error, message.to_owned()),
            Fields::Lenient if message == UNKNOWN => {
                (Severity::Warning, format!("{message}; it is ignored"))
            }
            Fields::Lenient => (Severity::Warning, format!("{message}; the last one counts")),
        };
        self.say(severity, at, path, message, Some(hint));
    }

    fn say(
        &mut self,
        severity: Severity,
        at: Position,
        path: &str,
        message: String,
        hint: Option<String>,
    ) {
        let found = self.report.findings().len();
        if found > MAX_FINDINGS {
            return;
        }
        let (severity, message, hint) = if found == MAX_FINDINGS {
            let message = "too many errors; further errors are not listed".to_owned();
            (Severity::Error, message, None)
        } else {
            (severity, message, hint)
        };
        self.report.push(Finding {
            severity,
            file: self.file.to_owned(),
            line: Some(at.line),
            column: Some(at.column),
            path: path.to_owned(),
            message,
            hint,
        });
    }

    fn written(&mut self, path: &str, at: Position) {
        let file = self.file.to_owned();
        self.provenance.record(
            path,
            Origin::Written {
                file,
                line: at.line,
            },
        );
    }

    fn object(
        &mut self,
        object: &Object,
        entries: &[Entry],
        path: &str,
        top: bool,
    ) -> Map<String, Value> {
        let mut values = Map::new();
        let mut seen: HashMap<&str, &Entry> = HashMap::new();
        for entry in entries {
            let child = format!("{path}.{}", entry.key);
            if let Some(first) = seen.get(entry.key.as_str()) {
                let hint = if first.position == entry.position {
                    "a merge key (`<<`) sets it a second time; write each field once".to_owned()
                } else {
                    format!(
                        "it is already set on line {}; write each field once",
                        first.position.line
                    )
                };
                self.not_strict(entry.position, &child, "duplicate field", hint);
                if self.fields == Fields::Strict {
                    continue;
                }
            }
            seen.insert(&entry.key, entry);
            if top && matches!(entry.key.as_str(), "apiVersion" | "kind") {
                self.written(&child, entry.position);
                continue;
            }
            let Some(field) = object.field(&entry.key) else {
                self.unknown(object, entry, path, &child, top);
                continue;
            };
            if let Some(value) = self.value(&field.ty, field.pointer, &entry.value, &child) {
                // A field's place is its key, even if the value starts on a later line.
                self.written(&child, entry.position);
                values.insert(entry.key.clone(), value);
            } else {
                values.remove(&entry.key);
            }
        }
        values
    }

    fn unknown(&mut self, object: &Object, entry: &Entry, path: &str, child: &str, top: bool) {
        if self.report.findings().len() > MAX_FINDINGS {
            return;
        }
        let own = ["apiVersion", "kind"].into_iter().filter(|_| top);
        let known = object.fields.iter().map(|field| field.name).chain(own);
        let elsewhere = places_of(&entry.key);
        let moved = MOVED.iter().find(|(name, _)| *name == entry.key);
        let hint = if let Some((_, instead)) = moved {
            (*instead).to_owned()
        } else if self.old && elsewhere.iter().any(|place| place == child) {
            "v1beta4 introduced the field: remove it, convert the document with `kubeplan config migrate`, then set it".to_owned()
        } else if let Some(near) = nearest(&entry.key, known) {
            if near.eq_ignore_ascii_case(&entry.key) {
                format!("field names are case-sensitive: write `{near}`")
            } else {
                format!("did you mean `{near}`?")
            }
        } else if let [first, rest @ ..] = elsewhere.as_slice() {
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" (and {} more places)", rest.len())
            };
            format!("`{}` belongs to `{first}`{more}", entry.key)
        } else {
            let mut names: Vec<&str> = object.fields.iter().map(|field| field.name).collect();
            names.sort_unstable();
            if names.len() > 20 {
                format!("see the API reference of `{path}` for its fields")
            } else {
                format!("valid fields: {}", names.join(", "))
            }
        };
        self.not_strict(entry.position, child, UNKNOWN, hint);
    }

    /// The value as JSON; `None` if it is unset or not valid.
    fn value(&mut self, ty: &Type, pointer: bool, node: &Node, path: &str) -> Option<Value> {
        match (ty, &node.data) {
            (Type::Duration, Data::Null) if !pointer => {
                self.wrong_type(ty, node, path);
                None
            }
            (_, Data::Null) => None,
            (Type::NotYet, _) => Some(Value::Bool(true)),
            (Type::List(item), Data::Seq(nodes)) => {
                self.written(path, node.position);
                Some(self.list(item, nodes, path))
            }
            (Type::Map(item), Data::Map(entries)) => Some(self.map(item, entries, path).into()),
            (Type::Object(object), Data::Map(entries)) => {
                Some(self.object(object, entries, path, false).into())
            }
            _ => self.scalar(ty, node, path),
        }
    }

    fn list(&mut self, item: &Type, nodes: &[Node], path: &str) -> Value {
        let mut values = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let value = self.value(item, false, node, &path);
            self.written(&path, node.position);
            // Items that are not valid keep their place, so that indexes in later findings are right.
            values.push(value.unwrap_or(Value::Null));
        }
        values.into()
    }

    fn map(&mut self, item: &Type, entries: &[Entry], path: &str) -> Map<String, Value> {
        let mut values = Map::new();
        for entry in entries {
            let child = format!("{path}.{}", entry.key);
            if values.contains_key(&entry.key) {
                let hint =
                    "write each key once; unquoted `y`, `yes` and `on` all mean the key `true`";
                self.not_strict(entry.position, &child, "duplicate key", hint.to_owned());
                if self.fields == Fields::Strict {
                    continue;
                }
            }
            let value = self.value(item, false, &entry.value, &child);
            self.written(&child, entry.position);
            values.insert(entry.key.clone(), value.unwrap_or(Value::Null));
        }
        values
    }

    fn scalar(&mut self, ty: &Type, node: &Node, path: &str) -> Option<Value> {
        let value = match &node.data {
            Data::Bool(value) => Scalar::Bool(*value),
            Data::Int(value) => Scalar::Integer(*value),
            Data::Float(value) => Scalar::Float(*value),
            Data::String(text) => Scalar::Text(text),
            Data::Null | Data::Seq(_) | Data::Map(_) => {
                self.wrong_type(ty, node, path);
                return None;
            }
        };
        let wrong = match scalar::decode(ty, value) {
            Ok(value) => {
                if let (Data::Int(read), true) = (&node.data, node.octal) {
                    self.warn_of_octal(*read, node, path);
                }
                return Some(value);
            }
            Err(wrong) => wrong,
        };
        let (message, hint) = match wrong {
            Wrong::Kind => {
                self.wrong_type(ty, node, path);
                return None;
            }
            Wrong::Range { min, max } => (
                format!(
                    "{} is out of range: the field takes {min} to {max}",
                    text(value)
                ),
                None,
            ),
            Wrong::NotFinite => ("the number is not finite or out of range".to_owned(), None),
            Wrong::Form => {
                let (noun, hint) = form(ty);
                let text = text(value);
                // Go drops the spaces around a quantity.
                let text = match ty {
                    Type::Quantity => text.trim(),
                    _ => &text,
                };
                (
                    format!("`{text}` is not a valid {noun}"),
                    Some(hint.to_owned()),
                )
            }
        };
        self.error(node.position, path, message, hint);
        None
    }

    /// Warns of an integer that other programs read as decimal. kubeadm reads it as kubeplan does.
    fn warn_of_octal(&mut self, read: i128, node: &Node, path: &str) {
        let sign = if read < 0 { "-" } else { "" };
        let decimal = format!("{sign}{:o}", read.unsigned_abs());
        let message =
            format!("the number starts with 0, so it is octal, as in kubeadm: it means {read}");
        let hint = format!("write `{read}`, or `{decimal}` if the number is meant as decimal");
        self.say(Severity::Warning, node.position, path, message, Some(hint));
    }

    fn wrong_type(&mut self, ty: &Type, node: &Node, path: &str) {
        let found = match &node.data {
            Data::Null => "null",
            Data::Bool(_) => "a boolean",
            Data::Int(_) => "an integer",
            Data::Float(_) => "a number",
            Data::String(_) => "a string",
            Data::Seq(_) => "a list",
            Data::Map(_) => "a mapping",
        };
        let hint = match (ty, &node.data) {
            (Type::String | Type::SecretString | Type::Token, Data::Bool(_)) => {
                Some("quote it: unquoted `yes`, `no`, `on`, `off`, `y`, `n` are booleans in YAML".to_owned())
            }
            (Type::String, Data::Int(_) | Data::Float(_)) if path.ends_with(".kubernetesVersion") => Some(version_hint(&node.data)),
            (Type::String | Type::SecretString | Type::Token, Data::Int(_) | Data::Float(_)) => Some("quote it".to_owned()),
            (Type::Bool | Type::Int32 | Type::Int64 | Type::Uint32 | Type::Float32 | Type::Float64, Data::String(_)) => {
                Some("remove the quotes".to_owned())
            }
            (Type::Duration, Data::Int(_)) => Some("add a unit, such as `s` or `h`".to_owned()),
            (Type::List(Type::Object(object)), Data::Map(_)) if object.name == "Arg" => {
                Some("v1beta4 expects a list: `- {name: FLAG, value: VALUE}`; a mapping is the form of v1beta3".to_owned())
            }
            (Type::Map(Type::String), Data::Seq(_)) if self.old => {
                Some("v1beta3 expects a mapping: `FLAG: VALUE`; a list is the form of v1beta4".to_owned())
            }
            (Type::List(_), _) => Some("write it as a list: one `- …` line for each item".to_owned()),
            _ => None,
        };
        self.error(
            node.position,
            path,
            format!("expected {}, found {found}", ty.describe()),
            hint,
        );
    }
}

/// What to write instead of a number such as `1.36` as version: it has no patch release.
fn version_hint(number: &Data) -> String {
    let minor = match number {
        Data::Float(number) => number
            .to_string()
            .strip_prefix("1.")
            .and_then(|minor| minor.parse().ok()),
        _ => None,
    };
    let example = minor
        .and_then(releases::find)
        .or_else(|| RELEASES.last())
        .map(Release::example);
    format!(
        "write an exact version with its patch release, such as `{}`",
        example.unwrap_or_default()
    )
}

/// The name of a type whose values have a form of their own, and a hint how to write one.
const fn form(ty: &Type) -> (&'static str, &'static str) {
    match ty {
        Type::Time => ("time", "write it as RFC 3339: `2027-01-02T15:04:05Z`"),
        Type::Quantity => (
            "quantity",
            "write a number with a suffix such as m, k, M, G, Ki, Mi, Gi",
        ),
        _ => (
            "duration",
            "write a number and a unit (ns, us, ms, s, m, h), such as `90s` or `1h30m`; there is no unit for days",
        ),
    }
}

/// The value as error messages quote it.
fn text(value: Scalar<'_>) -> String {
    match value {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Float(value) => value.to_string(),
        Scalar::Text(text) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;

//! Converts a JSON document to what one release's Go type decodes it to and prints again.
//!
//! Unknown fields are dropped and reported, `null` becomes the zero value, quantities and times take their canonical form, and
//! empty fields that Go omits are omitted. A value of the wrong type is an error with its path.
//! Source: encoding/json, sigs.k8s.io/json v0.36.2, apimachinery's `Quantity`, `Time` and `IntOrString`.

use serde_json::{Map, Value};

use super::scalar::{self, Scalar};
use super::{Object, Type, printed, zero};
use crate::kubeadm::releases::Release;

/// A document in Go's normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    /// The document.
    pub document: Map<String, Value>,
    /// Paths of fields that the release's type does not have; they are not in the document.
    pub unknown: Vec<String>,
}

/// A value that does not fit its type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{path} must be {expected}, not {found}")]
pub struct TypeMismatch {
    /// The field, such as `spec.containers[0].env[1].value`.
    pub path: String,
    /// What the type expects.
    pub expected: &'static str,
    /// What was found.
    pub found: &'static str,
}

/// Decodes `document` as the `object` of `release` and prints it again.
///
/// # Errors
/// [`TypeMismatch`] at the first value that does not fit.
pub fn normalise(
    object: &'static Object,
    document: &Map<String, Value>,
    release: &Release,
) -> Result<Normalised, TypeMismatch> {
    let mut decoder = Decoder {
        release,
        unknown: Vec::new(),
    };
    let document = decoder.object(object, document, "")?;
    Ok(Normalised {
        document,
        unknown: decoder.unknown,
    })
}

struct Decoder<'a> {
    release: &'a Release,
    unknown: Vec<String>,
}

impl Decoder<'_> {
    fn object(
        &mut self,
        object: &Object,
        entries: &Map<String, Value>,
        path: &str,
    ) -> Result<Map<String, Value>, TypeMismatch> {
        let child = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        let release = Some(self.release);
        for name in entries.keys() {
            if object.fields_of(release).all(|field| field.name != name) {
                self.unknown.push(child(name));
            }
        }
        let mut normal = Map::new();
        for field in object.fields_of(release) {
            let set = entries.get(field.name).filter(|value| !value.is_null());
            let value = match set {
                Some(value) => Some(self.value(&field.ty, value, &child(field.name))?),
                None => None,
            };
            if let Some(value) = printed(field, value, release) {
                normal.insert(field.name.to_owned(), value);
            }
        }
        Ok(normal)
    }

    fn value(&mut self, ty: &Type, value: &Value, path: &str) -> Result<Value, TypeMismatch> {
        let mismatch = || TypeMismatch {
            path: path.to_owned(),
            expected: expected(ty),
            found: kind(value),
        };
        match (ty, value) {
            (Type::Raw, _) => Ok(value.clone()),
            (_, Value::Null) => Ok(zero(ty, Some(self.release))),
            (Type::List(item), Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(position, value)| self.value(item, value, &format!("{path}[{position}]")))
                .collect(),
            (Type::Map(item), Value::Object(entries)) => entries
                .iter()
                .map(|(key, value)| {
                    let value = self.value(item, value, &format!("{path}[{key}]"))?;
                    Ok((key.clone(), value))
                })
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
            (Type::Object(object), Value::Object(entries)) => {
                self.object(object, entries, path).map(Value::Object)
            }
            (ty, value) => scalar_of(value)
                .and_then(|value| scalar::decode(ty, value).ok())
                .ok_or_else(mismatch),
        }
    }
}

/// Converts a value that is not a list, a mapping or null.
fn scalar_of(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        Value::String(text) => Some(Scalar::Text(text)),
        Value::Number(number) => number
            .as_i128()
            .map(Scalar::Integer)
            .or_else(|| number.as_f64().map(Scalar::Float)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

const fn expected(ty: &Type) -> &'static str {
    match ty {
        Type::Int32 => "a 32-bit integer",
        Type::Int64 => "a 64-bit integer",
        Type::String => "a string (quote it)",
        Type::Quantity => "a quantity such as `500m`",
        Type::IntOrString => "a 32-bit integer or a string",
        other => other.describe(),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "this string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tables::core_v1::POD;
    use super::*;
    use crate::kubeadm::releases;
    use crate::render::static_pod::{PodContext, kube_apiserver};
    use crate::testing;

    fn of_release(minor: u64, spec: &Value) -> Result<Normalised, TypeMismatch> {
        let document = json!({ "spec": spec });
        let release = releases::find(minor).unwrap();
        normalise(&POD, document.as_object().unwrap(), release)
    }

    fn spec(spec: &Value) -> Result<Normalised, TypeMismatch> {
        of_release(36, spec)
    }

    #[test]
    fn what_kubeplan_renders_is_in_normal_form() {
        let config = testing::ha_config();
        let context = PodContext::of_addresses(&config);
        let document = kube_apiserver::pod(&context).unwrap().document().unwrap();
        let document = document.as_object().unwrap();
        let normal = normalise(&POD, document, config.release).unwrap();
        assert_eq!(&normal.document, document);
        assert!(normal.unknown.is_empty());
    }

    #[test]
    fn zero_values_are_printed_as_go_prints_them() {
        let normal = spec(&json!({
            "hostNetwork": false,
            "priority": 0,
            "hostname": "",
            "nodeSelector": {},
            "volumes": [{"name": "a", "hostPath": {"path": "/a", "type": ""}}],
            "containers": [{"name": "c", "image": null, "command": [], "resources": {"limits": {"cpu": 0.5, "memory": "0"}},
                            "volumeMounts": [{"name": "a", "mountPath": "/a", "readOnly": false}],
                            "livenessProbe": {"httpGet": {"port": "p"}, "initialDelaySeconds": 0},
                            "securityContext": {"runAsUser": 0}}],
        }))
        .unwrap();
        assert_eq!(
            Value::Object(normal.document),
            json!({
                "metadata": {},
                "spec": {
                    "priority": 0,
                    "volumes": [{"name": "a", "hostPath": {"path": "/a", "type": ""}}],
                    "containers": [{"name": "c", "resources": {"limits": {"cpu": "500m", "memory": "0"}},
                                    "volumeMounts": [{"name": "a", "mountPath": "/a"}],
                                    "livenessProbe": {"httpGet": {"port": "p"}},
                                    "securityContext": {"runAsUser": 0}}],
                },
                "status": {},
            })
        );
    }

    #[test]
    fn unknown_fields_are_dropped_and_reported() {
        let normal =
            spec(&json!({"containers": [{"name": "c", "imagee": "x"}], "Priority": 1})).unwrap();
        assert_eq!(
            normal.unknown,
            ["spec.Priority", "spec.containers[0].imagee"]
        );
        assert_eq!(
            normal.document["spec"],
            json!({"containers": [{"name": "c", "resources": {}}]})
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_reported_with_its_path() {
        for (patch, message) in [
            (
                json!({"priority": "1"}),
                "spec.priority must be a 32-bit integer, not this string",
            ),
            (
                json!({"priority": 1.5}),
                "spec.priority must be a 32-bit integer, not a number",
            ),
            (
                json!({"containers": [{"command": [true]}]}),
                "spec.containers[0].command[0] must be a string (quote it), not a boolean",
            ),
            (
                json!({"nodeSelector": {"x": true}}),
                "spec.nodeSelector[x] must be a string (quote it), not a boolean",
            ),
            (
                json!({"containers": {}}),
                "spec.containers must be a list, not a mapping",
            ),
            (
                json!({"overhead": {"cpu": "x"}}),
                "spec.overhead[cpu] must be a quantity such as `500m`, not this string",
            ),
        ] {
            assert_eq!(spec(&patch).unwrap_err().to_string(), message);
        }
        assert!(spec(&json!({"priority": 1})).is_ok());
    }

    #[test]
    fn a_document_has_the_form_of_its_release() {
        let set = json!({
            "hostnameOverride": "h",
            "evictionResponders": [{"name": "e", "priority": 1}],
            "workloadRef": {"name": "w"},
        });
        let (eviction, hostname, workload) = (
            "spec.evictionResponders",
            "spec.hostnameOverride",
            "spec.workloadRef",
        );
        let unset = json!({"creationTimestamp": null});
        for (minor, unknown, metadata) in [
            (33, vec![eviction, hostname, workload], unset),
            (34, vec![eviction, workload], json!({})),
            (35, vec![eviction], json!({})),
            (36, vec![eviction, workload], json!({})),
            (37, vec![workload], json!({})),
        ] {
            let normal = of_release(minor, &set).unwrap();
            let mut found = normal.unknown;
            found.sort();
            assert_eq!(found, unknown, "1.{minor}");
            assert_eq!(normal.document["metadata"], metadata, "1.{minor}");
        }
    }
}

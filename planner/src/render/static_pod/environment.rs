//! Environment variables of a static Pod.
//!
//! In: proxy variables (host facts) and the user's `extraEnvs`. Out: variables sorted by name; a user's
//! variable replaces a proxy's, a later one an earlier one.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::EnvVar;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

use super::StaticPodError;
use crate::plan::ValueSource;

/// Variables by name, each with where it comes from.
#[derive(Default)]
pub(super) struct Environment(BTreeMap<String, (EnvVar, String)>);

impl Environment {
    /// The variables of `proxies` that kubeadm would pass on: a name that ends in `_proxy` in any case, and
    /// a value.
    pub(super) fn of_proxies(proxies: &BTreeMap<String, String>) -> Self {
        Self(
            proxies
                .iter()
                .filter(|(name, value)| {
                    name.to_lowercase().ends_with("_proxy") && !value.is_empty()
                })
                .map(|(name, value)| {
                    let variable = EnvVar {
                        name: name.clone(),
                        value: Some(value.clone()),
                        value_from: None,
                    };
                    (name.clone(), (variable, format!("facts: proxies.{name}")))
                })
                .collect(),
        )
    }

    /// Adds the user's variables, which stand at configuration path `path`.
    pub(super) fn with(mut self, extra: &[Value], path: &str) -> Result<Self, StaticPodError> {
        for (position, value) in extra.iter().enumerate() {
            let path = format!("{path}[{position}]");
            let variable: EnvVar =
                serde_json::from_value(value.clone()).map_err(|source| StaticPodError::EnvVar {
                    path: path.clone(),
                    source,
                })?;
            self.0
                .insert(variable.name.clone(), (in_go_form(variable), path));
        }
        Ok(self)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = ValueSource> {
        self.0.iter().map(|(name, (_, from))| ValueSource {
            value: format!("spec.containers[0].env[{name}]"),
            from: from.clone(),
        })
    }

    /// The variables, or nothing at all if there are none.
    pub(super) fn into_variables(self) -> Option<Vec<EnvVar>> {
        (!self.0.is_empty()).then(|| self.0.into_values().map(|(variable, _)| variable).collect())
    }
}

/// Fills in what kubeadm's defaulting and Go's serialisation do: the API version of a field reference, a
/// divisor of zero, no empty value.
fn in_go_form(mut variable: EnvVar) -> EnvVar {
    variable.value = variable.value.filter(|value| !value.is_empty());
    if let Some(source) = &mut variable.value_from {
        if let Some(field) = &mut source.field_ref
            && field.api_version.as_ref().is_none_or(String::is_empty)
        {
            field.api_version = Some("v1".to_owned());
        }
        if let Some(resource) = &mut source.resource_field_ref
            && resource.divisor.is_none()
        {
            resource.divisor = Some(Quantity("0".to_owned()));
        }
    }
    variable
}

/// Leaves out the empty name of a ConfigMap or Secret that a variable of `pod` refers to: Go does, k8s-openapi prints it.
pub(super) fn leave_out_empty_names(pod: &mut Value) {
    let variables = pod
        .pointer_mut("/spec/containers/0/env")
        .and_then(Value::as_array_mut);
    for variable in variables.into_iter().flatten() {
        for reference in ["configMapKeyRef", "secretKeyRef"] {
            let pointer = format!("/valueFrom/{reference}");
            if let Some(Value::Object(fields)) = variable.pointer_mut(&pointer)
                && fields.get("name").and_then(Value::as_str) == Some("")
            {
                fields.remove("name");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn user_variables_win_and_all_are_sorted() {
        let proxies = BTreeMap::from([
            ("no_proxy".to_owned(), "10.0.0.0/8".to_owned()),
            ("HTTP_PROXY".to_owned(), "http://a".to_owned()),
            ("https_proxy".to_owned(), String::new()),
            ("PATH".to_owned(), "/bin".to_owned()),
        ]);
        let extra = [
            json!({"name": "no_proxy", "value": ".svc"}),
            json!({"name": "EMPTY", "value": ""}),
            json!({"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}),
        ];
        let environment = Environment::of_proxies(&proxies).with(&extra, "X").unwrap();
        let sources: Vec<String> = environment.sources().map(|source| source.from).collect();
        assert_eq!(
            sources,
            ["X[1]", "facts: proxies.HTTP_PROXY", "X[2]", "X[0]"]
        );
        assert_eq!(
            serde_json::to_value(environment.into_variables()).unwrap(),
            json!([
                {"name": "EMPTY"},
                {"name": "HTTP_PROXY", "value": "http://a"},
                {"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
                {"name": "no_proxy", "value": ".svc"},
            ])
        );
    }

    #[test]
    fn an_empty_name_of_a_config_map_or_secret_is_left_out() {
        let mut pod = json!({"spec": {"containers": [{"env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"key": "", "name": ""}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"key": "k", "name": "kept"}}},
            {"name": "", "value": "x"},
        ]}]}});
        leave_out_empty_names(&mut pod);
        assert_eq!(
            pod,
            json!({"spec": {"containers": [{"env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"key": ""}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"key": "k", "name": "kept"}}},
                {"name": "", "value": "x"},
            ]}]}})
        );
    }

    #[test]
    fn no_variables_leave_no_trace() {
        assert_eq!(Environment::default().into_variables(), None);
    }

    #[test]
    fn what_is_no_variable_is_named() {
        let error = Environment::default()
            .with(&[json!({"name": "A"}), json!({"name": 5})], "X.extraEnvs")
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("X.extraEnvs[1] is not"));
    }
}

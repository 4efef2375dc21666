//! Converts documents from `kubeadm.k8s.io/v1beta3` to v1beta4.
//!
//! In: a document as written, checked against its v1beta3 table, and where its fields were written. Out: the same as a
//! v1beta4 document. Fields that v1beta4 added keep their defaults, as with kubeadm.
//! Rules: kubeadm v1.36.2, cmd/kubeadm/app/apis/kubeadm/v1beta3/conversion.go, and
//! documentMapToInitConfiguration in app/util/config/initconfiguration.go.

use serde_json::{Map, Value, json};

use super::provenance::{Origin, Provenance};
use crate::schema::Kind;

/// Mappings of flags that are lists in v1beta4.
const ARGUMENTS: &[(Kind, &[&str])] = &[
    (Kind::Init, &["nodeRegistration", "kubeletExtraArgs"]),
    (Kind::Join, &["nodeRegistration", "kubeletExtraArgs"]),
    (Kind::Cluster, &["apiServer", "extraArgs"]),
    (Kind::Cluster, &["controllerManager", "extraArgs"]),
    (Kind::Cluster, &["scheduler", "extraArgs"]),
    (Kind::Cluster, &["etcd", "local", "extraArgs"]),
];

/// The default of `timeoutForControlPlane`, which does not replace the timeout of v1beta4.
const DEFAULT_TIMEOUT: &str = "4m0s";

/// `apiServer.timeoutForControlPlane`, which belongs to another document in v1beta4.
#[derive(Clone, Debug)]
pub(super) struct ControlPlaneTimeout {
    /// The timeout, a Go duration.
    pub(super) value: String,
    /// Where it was written.
    pub(super) origin: Origin,
}

/// Converts a document in place. Returns the timeout that moves to InitConfiguration.
pub(super) fn convert(
    kind: Kind,
    values: &mut Map<String, Value>,
    provenance: &mut Provenance,
) -> Option<ControlPlaneTimeout> {
    for (_, steps) in ARGUMENTS.iter().filter(|(of, _)| *of == kind) {
        arguments(kind, values, steps, provenance);
    }
    let timeout = values
        .get_mut("apiServer")
        .and_then(Value::as_object_mut)
        .and_then(|server| server.remove("timeoutForControlPlane"))?;
    let path = format!("{}.apiServer.timeoutForControlPlane", kind.name());
    let origin = provenance.of(&path)?.clone();
    let value = timeout.as_str()?.to_owned();
    (!matches!(value.as_str(), "0s" | DEFAULT_TIMEOUT))
        .then_some(ControlPlaneTimeout { value, origin })
}

/// Moves `discovery.timeout` of a JoinConfiguration to `timeouts.discovery`.
pub(super) fn move_discovery_timeout(values: &mut Map<String, Value>, provenance: &mut Provenance) {
    let timeout = values
        .get_mut("discovery")
        .and_then(Value::as_object_mut)
        .and_then(|discovery| discovery.remove("timeout"));
    if let Some(timeout) = timeout {
        values.insert("timeouts".to_owned(), json!({"discovery": timeout}));
        let path = |path| format!("{}.{path}", Kind::Join.name());
        if let Some(origin) = provenance.remove(&path("discovery.timeout")) {
            provenance.record(path("timeouts.discovery"), origin);
        }
    }
}

/// Turns the mapping at `steps` into a list that is sorted by name.
fn arguments(
    kind: Kind,
    values: &mut Map<String, Value>,
    steps: &[&str],
    provenance: &mut Provenance,
) {
    let Some((last, directories)) = steps.split_last() else {
        return;
    };
    let mut parent = Some(values);
    for step in directories {
        parent = parent
            .and_then(|parent| parent.get_mut(*step))
            .and_then(Value::as_object_mut);
    }
    let Some(parent) = parent else { return };
    let path = format!("{}.{}", kind.name(), steps.join("."));
    // A mapping of serde_json is already sorted by key.
    let Some(Value::Object(flags)) = parent.remove(*last) else {
        return;
    };
    let list = flags.into_iter().enumerate().map(|(index, (name, value))| {
        if let Some(origin) = provenance.remove(&format!("{path}.{name}")) {
            provenance.record(format!("{path}[{index}]"), origin);
        }
        // A flag without a value is null in YAML and an empty string in Go.
        let value = value.as_str().unwrap_or_default();
        json!({"name": name, "value": value})
    });
    let list: Vec<Value> = list.collect();
    parent.insert((*last).to_owned(), list.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_a_list_sorted_by_name_with_their_lines() {
        let mut provenance = Provenance::default();
        let written = |line| Origin::Written {
            file: "c.yaml".into(),
            line,
        };
        provenance.record("ClusterConfiguration.apiServer", written(1));
        provenance.record("ClusterConfiguration.apiServer.extraArgs.z.y", written(2));
        provenance.record("ClusterConfiguration.apiServer.extraArgs.a", written(3));
        let Value::Object(mut values) = json!({
            "apiServer": {"extraArgs": {"z.y": "1", "a": null}},
            "scheduler": {"extraArgs": {}},
            "etcd": {"local": {}},
        }) else {
            panic!()
        };
        assert!(convert(Kind::Cluster, &mut values, &mut provenance).is_none());
        assert_eq!(
            Value::Object(values),
            json!({
                "apiServer": {"extraArgs": [{"name": "a", "value": ""}, {"name": "z.y", "value": "1"}]},
                "scheduler": {"extraArgs": []},
                "etcd": {"local": {}},
            })
        );
        let at = |path| provenance.of(path).cloned();
        assert_eq!(
            at("ClusterConfiguration.apiServer.extraArgs[0].name"),
            Some(written(3))
        );
        assert_eq!(
            at("ClusterConfiguration.apiServer.extraArgs[1].value"),
            Some(written(2))
        );
    }

    #[test]
    fn a_timeout_moves_unless_it_is_the_default() {
        for (written, moved) in [("9m0s", true), ("4m0s", false), ("0s", false)] {
            let mut provenance = Provenance::default();
            provenance.record(
                "ClusterConfiguration.apiServer.timeoutForControlPlane",
                Origin::Written {
                    file: "c.yaml".into(),
                    line: 1,
                },
            );
            let Value::Object(mut values) =
                json!({"apiServer": {"timeoutForControlPlane": written}})
            else {
                panic!()
            };
            let found = convert(Kind::Cluster, &mut values, &mut provenance);
            assert_eq!(
                found.map(|timeout| timeout.value),
                moved.then(|| written.to_owned())
            );
            assert_eq!(Value::Object(values), json!({"apiServer": {}}));
        }
    }
}

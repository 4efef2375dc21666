//! What a finding names: the patch, the field of the configuration or the flag that sets the value.

use serde_json::{Value, json};

use super::*;

/// The findings about the Pod in which the user's configuration, without a patch, set the value at a JSON pointer.
fn configured(pointer: &str, value: Value, provenance: &Provenance) -> Vec<String> {
    let mut pod = pod();
    *pod.pointer_mut(pointer).unwrap() = value;
    let sources = Sources {
        rows: &rows(),
        removed: &[],
        patches: &[],
        provenance,
    };
    check("kube-apiserver", &pod, sources).unwrap_err().findings
}

#[test]
fn a_field_of_the_configuration_is_named_with_its_place() {
    let mut provenance = Provenance::default();
    let (file, line) = ("c.yaml".to_owned(), 12);
    provenance.record(
        "ClusterConfiguration.apiServer.extraVolumes[1]",
        Origin::Written { file, line },
    );
    let name = "apiserver-bind-port".to_owned();
    provenance.record(
        "InitConfiguration.localAPIEndpoint.bindPort",
        Origin::Flag { name },
    );
    for (pointer, value, expected) in [
        (
            "/spec/containers/0/volumeMounts/1/mountPath",
            json!("/etc/ssl/certs"),
            "c.yaml:12: ClusterConfiguration.apiServer.extraVolumes[1].mountPath (spec.containers[0].volumeMounts[1].mountPath): the volume `ca-certs` is mounted at `/etc/ssl/certs`, too; a volume with that name replaces it",
        ),
        (
            "/spec/volumes/1/hostPath/type",
            json!("x"),
            "c.yaml:12: ClusterConfiguration.apiServer.extraVolumes[1].pathType (spec.volumes[1].hostPath.type): `x`",
        ),
        (
            "/spec/containers/0/env/0",
            json!({"name": "A.b", "valueFrom": {}}),
            "ClusterConfiguration.apiServer.extraEnvs[0].valueFrom (spec.containers[0].env[0].valueFrom): it is empty",
        ),
        (
            "/spec/containers/0/ports/0/containerPort",
            json!(0),
            "--apiserver-bind-port: InitConfiguration.localAPIEndpoint.bindPort (spec.containers[0].ports[0].containerPort): 0 is not a port",
        ),
    ] {
        let found = configured(pointer, value, &provenance);
        assert!(found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn of_two_values_that_contradict_each_other_the_users_is_named() {
    let resources = "/spec/containers/0/resources/limits";
    let ports = "/spec/containers/0/ports";
    let first = json!([
        {"containerPort": 6443, "name": "mine"},
        {"containerPort": 6443, "name": "probe-port", "protocol": "TCP"},
    ]);
    let cases: &[(&[(&str, Value)], &str)] = &[
        (
            &[(
                "kube-apiserver+json.yaml",
                set(resources, &json!({"cpu": "100m"})),
            )],
            "patch kube-apiserver+json.yaml (spec.containers[0].resources.requests.cpu): it is greater than its limit",
        ),
        // The patch's port is in front of kubeadm's, which `bindPort` sets.
        (
            &[("kube-apiserver+json.yaml", set(ports, &first))],
            "patch kube-apiserver+json.yaml (spec.containers[0].ports[1].containerPort): the host's port 6443 (TCP) is used twice, first by spec.containers[0].ports[0]",
        ),
        // A volume that a patch removes, and kubeadm's mount of it.
        (
            &[(
                "kube-apiserver+json.yaml",
                set("/spec/volumes/0", &Value::Null),
            )],
            "patch kube-apiserver+json.yaml (spec.containers[0].volumeMounts[0].name): the Pod has no volume `ca-certs`",
        ),
        // The last patch that sets the value.
        (
            &[
                (
                    "kube-apiserver1+json.yaml",
                    set(resources, &json!({"cpu": "100m"})),
                ),
                (
                    "kube-apiserver2+json.yaml",
                    set(resources, &json!({"cpu": "200m"})),
                ),
            ],
            "patch kube-apiserver2+json.yaml (spec.containers[0].resources.requests.cpu): it is greater than its limit",
        ),
        // The same container once more changes no value of the first one.
        (
            &[
                innocent(),
                (
                    "kube-apiserver1+json.yaml",
                    json!([{"op": "copy", "from": "/spec/containers/0", "path": "/spec/containers/-"}]),
                ),
            ],
            "one of the patches kube-apiserver0+json.yaml, kube-apiserver1+json.yaml (spec.containers[1].name): a second container `kube-apiserver`",
        ),
    ];
    for (patches, expected) in cases {
        let found = findings(patches, &Provenance::default());
        assert_eq!(
            found.first().map(String::as_str),
            Some(*expected),
            "{found:?}"
        );
    }
}

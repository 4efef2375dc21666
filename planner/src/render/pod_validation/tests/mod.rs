//! A Pod of kubeadm, what patches make of it, and what is said about that. The files have one row for each rule of
//! `docs/static-pods.md`.

mod containers;
mod environment;
mod mounts;
mod probes;
mod security;
mod sources;
mod spec;

use serde_json::{Value, json};

use super::*;
use crate::config::provenance::{Origin, Provenance};
use crate::kubeadm::releases;
use crate::patches::{PatchFile, Patched, Patches, Target};
use crate::plan::ValueSource;
use crate::render::static_pod::flags::KUBEADM_DEFAULT;

/// The JSON pointer of a value, the value that a patch sets there (`null` removes it), and what is said; nothing if the kubelet
/// accepts the Pod.
type Case = (&'static str, Value, &'static str);

/// The patch whose change is judged.
const CULPRIT: &str = "kube-apiserver1+json.yaml";

/// A Pod that kubeadm could have written.
fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "kube-apiserver",
            "namespace": "kube-system",
            "labels": {"component": "kube-apiserver"},
            "annotations": {"kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": "10.0.0.1:6443"},
        },
        "spec": {
            "containers": [{
                "name": "kube-apiserver",
                "image": "registry.k8s.io/kube-apiserver:v1.36.2",
                "imagePullPolicy": "IfNotPresent",
                "command": ["kube-apiserver"],
                "env": [{"name": "A.b", "value": "x"}],
                "ports": [{"containerPort": 6443, "name": "probe-port", "protocol": "TCP"}],
                "livenessProbe": {
                    "httpGet": {"host": "10.0.0.1", "path": "/livez", "port": "probe-port", "scheme": "HTTPS"},
                    "failureThreshold": 8,
                },
                "readinessProbe": {"httpGet": {"port": 6443}},
                "resources": {"requests": {"cpu": "250m"}},
                "volumeMounts": [
                    {"mountPath": "/etc/ssl/certs", "name": "ca-certs", "readOnly": true},
                    {"mountPath": "/srv/x", "name": "extra"},
                ],
            }],
            "hostNetwork": true,
            "priorityClassName": "system-node-critical",
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [
                {"name": "ca-certs", "hostPath": {"path": "/etc/ssl/certs", "type": "DirectoryOrCreate"}},
                {"name": "extra", "hostPath": {"path": "/srv/a", "type": ""}},
            ],
        },
        "status": {},
    })
}

/// Where kubeadm's own values come from, in part.
fn rows() -> Vec<ValueSource> {
    [
        ("spec.volumes[ca-certs]", KUBEADM_DEFAULT),
        (
            "spec.volumes[extra]",
            "ClusterConfiguration.apiServer.extraVolumes[1]",
        ),
        (
            "spec.containers[0].env[A.b]",
            "ClusterConfiguration.apiServer.extraEnvs[0]",
        ),
        (
            "spec.containers[0].ports[0].containerPort",
            "InitConfiguration.localAPIEndpoint.bindPort",
        ),
        (
            "metadata.annotations[kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint]",
            "InitConfiguration.localAPIEndpoint.advertiseAddress",
        ),
    ]
    .map(|(value, from)| ValueSource {
        value: value.to_owned(),
        from: from.to_owned(),
    })
    .into()
}

/// The findings about the Pod with JSON patches: the files' names and operations.
fn findings(patches: &[(&str, Value)], provenance: &Provenance) -> Vec<String> {
    let file = |(name, operations): &(&str, Value)| {
        PatchFile::read(name, &operations.to_string())
            .unwrap()
            .unwrap()
    };
    let patches = Patches::new(patches.iter().map(file).collect());
    let release = releases::find(36).unwrap();
    let target = Target::KubeApiserver;
    let patched = patches.typed(release, target, Patched::of(pod(), rows()));
    let patched = patched.unwrap();
    assert_eq!(patched.unknown, <[&str; 0]>::default());
    let sources = Sources {
        rows: &patched.sources,
        removed: &patched.removed,
        patches: &patches.names(target),
        provenance,
    };
    check("kube-apiserver", &patched.document, sources)
        .err()
        .map_or_else(Vec::new, |refused| refused.findings)
}

/// The JSON patch that sets the value at `pointer`, or removes it.
fn set(pointer: &str, value: &Value) -> Value {
    match value {
        Value::Null => json!([{"op": "remove", "path": pointer}]),
        value => json!([{"op": "add", "path": pointer, "value": value}]),
    }
}

/// A patch that changes nothing of importance.
fn innocent() -> (&'static str, Value) {
    let pointer = "/metadata/annotations/example.com~1a";
    ("kube-apiserver0+json.yaml", set(pointer, &json!("b")))
}

/// Asserts that each case is judged as its row says, and that every finding names the patch that made it.
fn assert_found(cases: &[Case]) {
    for (pointer, value, expected) in cases {
        let patches = [innocent(), (CULPRIT, set(pointer, value))];
        let found = findings(&patches, &Provenance::default());
        for line in &found {
            let by = format!("patch {CULPRIT} (");
            assert!(line.starts_with(&by), "{pointer} {value}: {line}");
        }
        // Rows name fields without the parenthesis around the path.
        let said = found.join("\n").replace("): ", ": ");
        match *expected {
            "" => assert_eq!(said, "", "{pointer} {value}"),
            expected => assert!(said.contains(expected), "{pointer} {value}: {said:?}"),
        }
    }
}

#[test]
fn a_pod_of_kubeadm_is_accepted() {
    assert_found(&[]);
    assert_eq!(
        findings(&[], &Provenance::default()),
        <[&str; 0]>::default()
    );
    assert_eq!(
        findings(&[innocent()], &Provenance::default()),
        <[&str; 0]>::default()
    );
}

#[test]
fn findings_are_limited() {
    let volumes: Vec<Value> = (0..60).map(|n| json!({"name": format!("A{n}")})).collect();
    let patch = (CULPRIT, set("/spec/volumes", &volumes.into()));
    assert_eq!(findings(&[patch], &Provenance::default()).len(), 51);
}

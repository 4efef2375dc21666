use serde_json::json;

use super::*;

fn file(name: &str, text: &str) -> PatchFile {
    PatchFile::read(name, text).unwrap().unwrap()
}

fn release() -> &'static Release {
    crate::kubeadm::releases::find(36).unwrap()
}

fn pod() -> Patched {
    Patched::of(
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "etcd"},
            "spec": {"containers": [{"name": "etcd", "image": "i", "command": ["etcd", "--a=1"], "resources": {}}]},
            "status": {},
        }),
        vec![ValueSource {
            value: "--a".into(),
            from: "X".into(),
        }],
    )
}

#[test]
fn files_and_documents_apply_in_order_to_their_target() {
    let patches = Patches::new(vec![
        file(
            "a/etcd0.yaml",
            "spec: {priority: 1}\n---\nspec: {priority: 2, hostNetwork: yes}\n",
        ),
        file("etcd1+merge.json", r#"{"spec": {"priority": 3}}"#),
        file(
            "etcd2+json.yaml",
            "- {op: replace, path: /spec/containers/0/command/-1, value: --a=2}\n",
        ),
        file("kube-scheduler.yaml", "spec: {hostname: x}"),
    ]);
    let patched = patches.typed(release(), Target::Etcd, pod()).unwrap();
    let spec = &patched.document["spec"];
    assert_eq!(spec["priority"], 3);
    assert_eq!(spec["hostNetwork"], true);
    assert_eq!(spec["hostname"], Value::Null);
    assert_eq!(spec["containers"][0]["command"], json!(["etcd", "--a=2"]));
    let from = |value: &str| {
        let row = patched.sources.iter().find(|row| row.value == value);
        row.map(|row| row.from.as_str())
    };
    assert_eq!(from("--a"), Some("patch etcd2+json.yaml"));
    assert_eq!(from("spec.priority"), Some("patch etcd1+merge.json"));
    assert_eq!(from("spec.hostNetwork"), Some("patch a/etcd0.yaml"));
    assert_eq!(patched.sources.len(), 3);
    assert_eq!(
        patches
            .typed(release(), Target::KubeApiserver, pod())
            .unwrap(),
        pod()
    );
}

#[test]
fn a_patched_pod_must_still_be_a_valid_pod() {
    for (text, message) in [
        (
            "metadata: {annotations: {x: y}}",
            "with the patches etcd.yaml, etcd is not a valid Pod",
        ),
        (
            "kind: ConfigMap",
            "with the patches etcd.yaml, etcd has kind `ConfigMap` instead of `Pod`",
        ),
        (
            "spec: {containers: [{image: x}]}",
            "patch `etcd.yaml` (document 1) does not apply to etcd",
        ),
        (
            "[1]",
            "patch `etcd.yaml` (document 1): a strategic merge patch must be a mapping",
        ),
    ] {
        let patches = Patches::new(vec![file("etcd.yaml", text)]);
        let error = patches.typed(release(), Target::Etcd, pod()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let unknown = Patches::new(vec![file("etcd.yaml", "spec: {prioritty: 1}")]);
    assert_eq!(
        unknown.typed(release(), Target::Etcd, pod()).unwrap(),
        Patched {
            unknown: vec!["spec.prioritty".into()],
            ..pod()
        }
    );
}

#[test]
fn files_that_are_not_patches_are_ignored_or_refused() {
    let ignored = |name: &str, text: &str| PatchFile::read(name, text).unwrap().unwrap_err();
    assert_eq!(ignored("README.md", "x"), Ignored::Extension);
    assert_eq!(ignored("notes.yaml", "x"), Ignored::Target);
    assert_eq!(ignored("etcd.yaml", ""), Ignored::Empty);
    assert!(file("etcd.yaml", "\n# nothing\n").documents.is_empty());
    for (name, text, message) in [
        (
            "etcd+x.yaml",
            "a: 1",
            "patch file `etcd+x.yaml`: `+` is not followed by json, merge or strategic",
        ),
        (
            "d/etcd.yaml",
            "a: 1\nb: [",
            "patch file `d/etcd.yaml`, line 2 cannot be read",
        ),
        (
            "etcd.yaml",
            "a: 1\na: 2\n",
            "patch file `etcd.yaml`, line 2: `a` is set twice; kubeadm would silently use the last value",
        ),
        (
            "etcd.yaml",
            "a: .inf\n",
            "patch file `etcd.yaml`, line 1: JSON cannot represent the number",
        ),
    ] {
        assert_eq!(
            PatchFile::read(name, text).unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn the_patched_kubelet_configuration_is_not_normalised() {
    let patches = Patches::new(vec![file(
        "kubeletconfiguration.yaml",
        "maxPods: 50\nclusterDNS: [10.0.0.1]\nodd: 1\n",
    )]);
    let document = json!({"clusterDNS": ["10.96.0.10"], "kind": "KubeletConfiguration"});
    let config = Patched::of(document, Vec::new());
    let patched = patches.kubelet(release(), config).unwrap();
    assert_eq!(
        patched.document,
        json!({"clusterDNS": ["10.0.0.1"], "kind": "KubeletConfiguration", "maxPods": 50, "odd": 1})
    );
    assert_eq!(patched.unknown, ["odd"]);
}

fn deployment() -> Patched {
    Patched::of(
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"a": "b"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {
                        "containers": [{"name": "coredns", "image": "i", "resources": {}}],
                        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
                    },
                },
            },
        }),
        vec![ValueSource {
            value: "spec.template.spec.containers[0].image".into(),
            from: "X".into(),
        }],
    )
}

#[test]
fn the_deployment_of_coredns_is_patched_by_every_type_of_patch() {
    let target = Target::CoreDnsDeployment;
    let patches = Patches::new(vec![
        file(
            "corednsdeployment0.yaml",
            "spec:\n  template:\n    spec:\n      tolerations: []\n      containers:\n      - {name: coredns, image: j}\n      - {name: side}\n",
        ),
        file(
            "corednsdeployment1+merge.yaml",
            "spec: {replicas: 3, strategy: {rollingUpdate: {maxUnavailable: 50%}}}",
        ),
        file(
            "corednsdeployment2+json.yaml",
            "- {op: add, path: /spec/minReadySeconds, value: 5}\n- {op: remove, path: /spec/template/metadata/labels}\n",
        ),
    ]);
    let patched = patches.typed(release(), target, deployment()).unwrap();
    let spec = &patched.document["spec"];
    assert_eq!(spec["replicas"], 3);
    assert_eq!(spec["minReadySeconds"], 5);
    assert_eq!(
        spec["strategy"]["rollingUpdate"],
        json!({"maxUnavailable": "50%"})
    );
    assert_eq!(spec["template"]["metadata"], json!({}));
    assert_eq!(
        spec["template"]["spec"],
        json!({"containers": [{"name": "coredns", "image": "j", "resources": {}}, {"name": "side", "resources": {}}]})
    );
    let rows: Vec<(&str, &str)> = patched
        .sources
        .iter()
        .map(|row| (row.value.as_str(), row.from.as_str()))
        .collect();
    assert!(
        rows.contains(&(
            "spec.template.spec.containers[0].image",
            "patch corednsdeployment0.yaml"
        )),
        "{rows:?}"
    );
    assert!(
        rows.contains(&("spec.replicas", "patch corednsdeployment1+merge.yaml")),
        "{rows:?}"
    );
    let unknown = Patches::new(vec![file("corednsdeployment.yaml", "spec: {replica: 1}")]);
    let patched = unknown.typed(release(), target, deployment()).unwrap();
    assert_eq!(patched.unknown, ["spec.replica"]);
}

#[test]
fn a_patched_deployment_must_still_be_a_valid_deployment() {
    for (text, message) in [
        (
            "spec: {replicas: many}",
            "with the patches corednsdeployment.yaml, corednsdeployment is not a valid Deployment",
        ),
        (
            "apiVersion: v1",
            "with the patches corednsdeployment.yaml, corednsdeployment has apiVersion `v1` instead of `apps/v1`",
        ),
        (
            "metadata: {namespace: null}",
            "with the patches corednsdeployment.yaml, corednsdeployment has no metadata.namespace",
        ),
    ] {
        let patches = Patches::new(vec![file("corednsdeployment.yaml", text)]);
        let error = patches
            .typed(release(), Target::CoreDnsDeployment, deployment())
            .unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

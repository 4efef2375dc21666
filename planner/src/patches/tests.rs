use serde_json::json;

use super::*;

fn file(name: &str, text: &str) -> PatchFile {
    PatchFile::read(name, text).unwrap().unwrap()
}

fn pod() -> Patched {
    Patched {
        document: json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "etcd"},
            "spec": {"containers": [{"name": "etcd", "image": "i", "command": ["etcd", "--a=1"], "resources": {}}]},
            "status": {},
        }),
        sources: vec![ValueSource {
            value: "--a".into(),
            from: "X".into(),
        }],
    }
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
    let patched = patches.pod(Target::Etcd, pod()).unwrap();
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
    assert_eq!(patches.pod(Target::KubeApiserver, pod()).unwrap(), pod());
}

#[test]
fn what_comes_out_must_still_be_a_pod() {
    for (text, message) in [
        (
            "metadata: {annotations: {x: y}}",
            "after its patches (etcd.yaml) etcd is no Pod of Kubernetes",
        ),
        (
            "kind: ConfigMap",
            "after its patches (etcd.yaml) etcd has kind `ConfigMap`; it must stay `Pod`",
        ),
        (
            "spec: {containers: [{image: x}]}",
            "patch `etcd.yaml` (document 1) does not apply to etcd",
        ),
        (
            "[1]",
            "patch `etcd.yaml` (document 1): a strategic merge patch is a mapping",
        ),
    ] {
        let patches = Patches::new(vec![file("etcd.yaml", text)]);
        let error = patches.pod(Target::Etcd, pod()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let unknown = Patches::new(vec![file("etcd.yaml", "spec: {prioritty: 1}")]);
    assert_eq!(unknown.pod(Target::Etcd, pod()).unwrap(), pod());
    assert_eq!(
        unknown.unknown_fields(Target::Etcd, &pod().document),
        ["spec.prioritty"]
    );
}

#[test]
fn files_that_are_no_patches_are_left_aside_or_refused() {
    let ignored = |name: &str, text: &str| PatchFile::read(name, text).unwrap().unwrap_err();
    assert_eq!(ignored("README.md", "x"), Ignored::Extension);
    assert_eq!(ignored("notes.yaml", "x"), Ignored::Target);
    assert_eq!(ignored("etcd.yaml", ""), Ignored::Empty);
    assert!(file("etcd.yaml", "\n# nothing\n").documents.is_empty());
    for (name, text, message) in [
        (
            "etcd+x.yaml",
            "a: 1",
            "patch file `etcd+x.yaml`: after `+` there is none of json, merge, strategic",
        ),
        (
            "d/etcd.yaml",
            "a: 1\nb: [",
            "patch file `d/etcd.yaml`, line 2 cannot be read",
        ),
        (
            "etcd.yaml",
            "a: 1\na: 2\n",
            "patch file `etcd.yaml`, line 2: `a` is set twice; kubeadm would take the last one silently",
        ),
        (
            "etcd.yaml",
            "a: .inf\n",
            "patch file `etcd.yaml`, line 1: the number cannot be written in JSON",
        ),
    ] {
        assert_eq!(
            PatchFile::read(name, text).unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn the_kubelets_configuration_stays_as_it_is_patched() {
    let patches = Patches::new(vec![file(
        "kubeletconfiguration.yaml",
        "maxPods: 50\nclusterDNS: [10.0.0.1]\nodd: 1\n",
    )]);
    let config = Patched {
        document: json!({"clusterDNS": ["10.96.0.10"], "kind": "KubeletConfiguration"}),
        sources: Vec::new(),
    };
    let patched = patches.kubelet(config).unwrap();
    assert_eq!(
        patched.document,
        json!({"clusterDNS": ["10.0.0.1"], "kind": "KubeletConfiguration", "maxPods": 50, "odd": 1})
    );
}

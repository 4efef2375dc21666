//! Static Pods that the kubelet would refuse: in every component, from every field that reaches them, and from patches.

use super::*;

/// Lines of ClusterConfiguration, and parts of what is said; nothing if it is valid.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "apiServer: {extraVolumes: [{name: a, hostPath: /srv/a, mountPath: /srv/a}]}",
        &[],
    ),
    (
        "apiServer: {extraVolumes: [{name: ca-certs, hostPath: /srv/a, mountPath: /srv/a}]}",
        &[],
    ),
    (
        "apiServer: {extraVolumes: [{name: a, hostPath: /srv/a, mountPath: /srv/x}, {name: b, hostPath: /srv/b, mountPath: /srv/x}]}",
        &[
            "`kube-apiserver`",
            "c.yaml:10: ClusterConfiguration.apiServer.extraVolumes[1].mountPath",
            "the volume `a` is mounted at `/srv/x`, too",
        ],
    ),
    (
        "controllerManager: {extraVolumes: [{name: a, hostPath: /srv/a, mountPath: /etc/ssl/certs}]}",
        &[
            "`kube-controller-manager`",
            "controllerManager.extraVolumes[0].mountPath",
            "the volume `ca-certs` is mounted",
        ],
    ),
    (
        "scheduler: {extraVolumes: [{name: Bad_Name, hostPath: srv/a, mountPath: /srv/a, pathType: Folder}]}",
        &[
            "`kube-scheduler`",
            "extraVolumes[0].name",
            "extraVolumes[0].hostPath",
            "extraVolumes[0].pathType",
        ],
    ),
    (
        "scheduler: {extraVolumes: [{name: a, hostPath: /srv/../a, mountPath: ''}]}",
        &["contains `..`", "extraVolumes[0].mountPath", "it is empty"],
    ),
    (
        "apiServer: {extraVolumes: [{name: a, hostPath: /srv/a, mountPath: /etc/kubernetes/pki}]}",
        &[
            "apiServer.extraVolumes[0].mountPath",
            "the volume `k8s-certs` is mounted at `/etc/kubernetes/pki`, too; a volume with that name replaces it",
        ],
    ),
    (
        "certificatesDir: /etc/ssl/certs",
        &[
            "ClusterConfiguration.certificatesDir",
            "is mounted at `/etc/ssl/certs`, too",
        ],
    ),
    (
        "etcd: {local: {extraEnvs: [{name: 'a=b', value: c}]}}",
        &[
            "`etcd`",
            "ClusterConfiguration.etcd.local.extraEnvs[0].name",
        ],
    ),
    (
        "apiServer: {extraEnvs: [{name: A, valueFrom: {secretKeyRef: {name: x, key: k}}}]}",
        &[
            "ClusterConfiguration.apiServer.extraEnvs[0].valueFrom.secretKeyRef",
            "cannot refer to objects",
        ],
    ),
    // Every Pod that is refused is named.
    (
        "apiServer: {extraEnvs: [{name: ''}]}\nscheduler: {extraEnvs: [{name: ''}]}",
        &["`kube-apiserver`", "`kube-scheduler`"],
    ),
];

#[test]
fn a_pod_that_the_kubelet_would_refuse_is_not_valid() {
    for (lines, parts) in REFUSED {
        let text = format!("{NODE}{CLUSTER}{lines}\n");
        agree(&text, ByWriter, parts.first().copied());
        let said = verdict(&text).report.to_string();
        for part in *parts {
            assert!(said.contains(part), "{lines}: {said}");
        }
    }
}

#[test]
fn a_pod_that_is_not_written_is_not_checked() {
    let lines = "apiServer: {extraEnvs: [{name: ''}]}\n";
    let skip = "skipPhases: [control-plane/apiserver]\n";
    agree(&format!("{NODE}{skip}{CLUSTER}{lines}"), ByWriter, None);
}

#[test]
fn a_patch_that_makes_the_pod_invalid_is_named() {
    let text = format!("{NODE}patches: {{directory: refused}}\n{CLUSTER}");
    agree(
        &text,
        ByWriter,
        Some("patch etcd.yaml (spec.containers[0].livenessProbe.periodSeconds): -1 is less than 0"),
    );
}

#[test]
fn a_joining_node_is_checked_as_well() {
    let lines = "controlPlaneEndpoint: api.example.com\napiServer: {extraEnvs: [{name: ''}]}\n";
    let said = verdict(&format!("{CLUSTER}{lines}{INVENTORY}{NODES}"))
        .report
        .to_string();
    for node in ["cp1", "cp2"] {
        let about = format!("node {node}: planning the node: the kubelet will refuse");
        assert!(said.contains(&about), "{said}");
    }
    assert!(!said.contains("node w1"), "{said}");
}

//! Rules about containers: names, images, ports, resources.

use serde_json::{Value, json};

use super::{Case, assert_found};

#[test]
fn what_the_kubelet_refuses_is_found() {
    let cases: &[Case] = &[
        ("/spec/containers/0/name", json!("A"), "is not a valid name"),
        ("/spec/containers/0/name", json!(""), "is not a valid name"),
        (
            "/spec/containers/0/image",
            json!(""),
            "is not a valid image reference",
        ),
        (
            "/spec/containers/0/image",
            json!(" a:b"),
            "is not a valid image reference",
        ),
        (
            "/spec/containers/0/image",
            json!("https://a/b"),
            "is not a valid image reference",
        ),
        ("/spec/containers/0/image", json!("My.Repo/b:c"), ""),
        (
            "/spec/containers/0/imagePullPolicy",
            json!("Sometimes"),
            "is not one of Always, IfNotPresent, Never",
        ),
        ("/spec/containers/0/imagePullPolicy", Value::Null, ""),
        (
            "/spec/containers/0/terminationMessagePolicy",
            json!("x"),
            "is not one of",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 0}),
            "ports[1].containerPort: 0 is not a port",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 65536}),
            "65536 is not a port",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 1, "hostPort": 2}),
            "it is the `containerPort`",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 1, "hostPort": 1}),
            "",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 1, "name": "Probe"}),
            "is not a valid name",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 1, "name": "probe-port"}),
            "a second port",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 1, "protocol": "tcp"}),
            "is not one of SCTP, TCP, UDP",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 6443}),
            "the host's port 6443 (TCP) is used twice",
        ),
        (
            "/spec/containers/0/ports/-",
            json!({"containerPort": 6443, "protocol": "UDP"}),
            "",
        ),
        (
            "/spec/containers/0/resources/requests/cpu",
            json!("-1"),
            "it is negative",
        ),
        (
            "/spec/containers/0/resources/requests/gpu",
            json!("1"),
            "use cpu, memory",
        ),
        (
            "/spec/containers/0/resources/limits",
            json!({"cpu": "200m"}),
            "it is greater than its limit",
        ),
        (
            "/spec/containers/0/resources/limits",
            json!({"cpu": "250m"}),
            "",
        ),
        (
            "/spec/containers/0/resources/requests/example.com~1gpu",
            json!("1"),
            "it has no limit",
        ),
        (
            "/spec/containers/0/resources/claims",
            json!([{"name": "a"}]),
            "cannot refer to objects",
        ),
        (
            "/spec/containers",
            json!([]),
            "spec.containers: it is empty",
        ),
        (
            "/spec/containers/-",
            json!({"name": "kube-apiserver", "image": "a"}),
            "a second container `kube-apiserver`",
        ),
        (
            "/spec/containers/-",
            json!({"name": "a", "image": "a", "ports": [{"containerPort": 6443}]}),
            "the host's port 6443 (TCP) is used twice",
        ),
        (
            "/spec/initContainers",
            json!([{"name": "a", "image": "a"}]),
            "",
        ),
    ];
    assert_found(cases);
}

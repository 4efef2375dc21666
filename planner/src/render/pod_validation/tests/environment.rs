//! Rules about environment variables.

use serde_json::json;

use super::{Case, assert_found};

#[test]
fn what_the_kubelet_refuses_is_found() {
    let cases: &[Case] = &[
        (
            "/spec/containers/0/env/-",
            json!({"name": ""}),
            "env[1].name: `` is not a valid name",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a=b"}),
            "is not a valid name",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "ä"}),
            "is not a valid name",
        ),
        ("/spec/containers/0/env/-", json!({"name": "a b"}), ""),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {}}),
            "valueFrom: it is empty",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}),
            "`value` is set, too",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "v1"}}}),
            "",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "v2"}}}),
            "the API version `v2` is not `v1`",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a/b']"}}}),
            "",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}}),
            "cannot contain the field",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}),
            "cannot contain the field",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1000m"}}}),
            "",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1Mi"}}}),
            "the divisor `1Mi` of limits.cpu is not one of 1m, 1",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1e3"}}}),
            "the divisor `1e3`",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}}),
            "cannot contain the resource",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}),
            "cannot refer to objects of the API server",
        ),
        (
            "/spec/containers/0/env/-",
            json!({"name": "a", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}),
            "cannot refer to objects of the API server",
        ),
        (
            "/spec/containers/0/envFrom",
            json!([{"secretRef": {"name": "x"}}]),
            "cannot refer to objects of the API server",
        ),
    ];
    assert_found(cases);
}

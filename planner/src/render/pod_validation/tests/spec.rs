//! Rules about metadata, and fields of the whole Pod.

use serde_json::{Value, json};

use super::{Case, assert_found};

#[test]
fn what_the_kubelet_refuses_is_found() {
    let cases: &[Case] = &[
        ("/metadata/name", json!("A"), "metadata.name"),
        ("/metadata/name", Value::Null, "metadata.name"),
        (
            "/metadata/namespace",
            json!("a.b"),
            "is not the name of a namespace",
        ),
        (
            "/metadata/labels",
            json!({"a b": "c"}),
            "`a b` is not a valid key",
        ),
        (
            "/metadata/labels",
            json!({"a": "b c"}),
            "`b c` is not a valid value",
        ),
        (
            "/metadata/annotations",
            json!({"a b": "c"}),
            "`a b` is not a valid key",
        ),
        (
            "/metadata/annotations",
            json!({"Example.com/A": "any thing"}),
            "",
        ),
        (
            "/metadata/annotations",
            json!({"a": "b".repeat(262_144)}),
            "the limit is 262144",
        ),
        ("/spec", Value::Null, "spec.containers: it is empty"),
        (
            "/spec/ephemeralContainers",
            json!([{"name": "a"}]),
            "only a running Pod",
        ),
        ("/spec/restartPolicy", json!("Sometimes"), "is not one of"),
        ("/spec/dnsPolicy", json!("Host"), "is not one of"),
        ("/spec/preemptionPolicy", json!("x"), "is not one of"),
        (
            "/spec/activeDeadlineSeconds",
            json!(0),
            "is not between 1 and",
        ),
        ("/spec/hostname", json!("a.b"), "is not a DNS label"),
        ("/spec/subdomain", json!("A"), "is not a DNS label"),
        (
            "/spec/priorityClassName",
            json!("A"),
            "is not the name of a priority class",
        ),
        (
            "/spec/nodeSelector",
            json!({"a": "b c"}),
            "is not a valid value",
        ),
        (
            "/spec/serviceAccountName",
            json!("a"),
            "cannot refer to objects",
        ),
        (
            "/spec/imagePullSecrets",
            json!([{"name": "a"}]),
            "cannot refer to objects",
        ),
        (
            "/spec/resourceClaims",
            json!([{"name": "a"}]),
            "cannot refer to objects",
        ),
        (
            "/spec/schedulingGates",
            json!([{"name": "a"}]),
            "is not scheduled",
        ),
        (
            "/spec/os",
            json!({"name": "windows"}),
            "is not one of linux",
        ),
        (
            "/spec/hostAliases",
            json!([{"ip": "1.2.3", "hostnames": ["a"]}]),
            "is not a valid IP address",
        ),
        (
            "/spec/hostAliases",
            json!([{"ip": "1.2.3.4", "hostnames": ["A"]}]),
            "is not a valid DNS name",
        ),
        ("/spec/tolerations", json!([{"operator": "Exists"}]), ""),
        (
            "/spec/tolerations",
            json!([{"operator": "Is", "key": "a"}]),
            "is not one of Equal, Exists",
        ),
        (
            "/spec/tolerations",
            json!([{"value": "a"}]),
            "without a key, use `Exists`",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a b"}]),
            "is not a valid key",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a", "value": "b c"}]),
            "is not a valid value",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a", "operator": "Exists", "value": "b"}]),
            "has no value",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a", "effect": "Never"}]),
            "is not one of NoExecute",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}]),
            "needs the effect `NoExecute`",
        ),
    ];
    assert_found(cases);
}

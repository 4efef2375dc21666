//! Rules about probes and handlers.

use serde_json::{Value, json};

use super::{Case, assert_found};

#[test]
fn what_the_kubelet_refuses_is_found() {
    let cases: &[Case] = &[
        (
            "/spec/containers/0/livenessProbe/exec",
            json!({"command": ["x"]}),
            "livenessProbe: set one of",
        ),
        (
            "/spec/containers/0/livenessProbe/httpGet",
            Value::Null,
            "livenessProbe: set one of",
        ),
        (
            "/spec/containers/0/livenessProbe/httpGet/port",
            json!(0),
            "0 is not a port",
        ),
        (
            "/spec/containers/0/livenessProbe/httpGet/port",
            json!("nothing"),
            "the container has no port `nothing`",
        ),
        (
            "/spec/containers/0/livenessProbe/httpGet/port",
            json!("A"),
            "nor the name of a port",
        ),
        (
            "/spec/containers/0/livenessProbe/httpGet/scheme",
            json!("https"),
            "is not one of HTTP, HTTPS",
        ),
        (
            "/spec/containers/0/livenessProbe/httpGet/httpHeaders",
            json!([{"name": "a b", "value": "c"}]),
            "HTTP header",
        ),
        (
            "/spec/containers/0/livenessProbe/periodSeconds",
            json!(-1),
            "-1 is less than 0",
        ),
        (
            "/spec/containers/0/livenessProbe/successThreshold",
            json!(2),
            "2 is not between 0 and 1",
        ),
        (
            "/spec/containers/0/readinessProbe/successThreshold",
            json!(2),
            "",
        ),
        (
            "/spec/containers/0/readinessProbe/terminationGracePeriodSeconds",
            json!(1),
            "does not end the container",
        ),
        (
            "/spec/containers/0/livenessProbe/terminationGracePeriodSeconds",
            json!(0),
            "0 is less than 1",
        ),
        (
            "/spec/containers/0/startupProbe",
            json!({"tcpSocket": {"port": 70000}}),
            "70000 is not a port",
        ),
        (
            "/spec/containers/0/startupProbe",
            json!({"grpc": {"port": 2379}}),
            "",
        ),
        (
            "/spec/containers/0/startupProbe",
            json!({"exec": {"command": []}}),
            "command: it is empty",
        ),
        (
            "/spec/containers/0/lifecycle",
            json!({"preStop": {"sleep": {"seconds": 31}}}),
            "31 is not between 0 and 30",
        ),
        (
            "/spec/containers/0/lifecycle",
            json!({"preStop": {"sleep": {"seconds": 30}}}),
            "",
        ),
        (
            "/spec/initContainers",
            json!([{"name": "a", "image": "a", "livenessProbe": {"exec": {"command": ["a"]}}}]),
            "an init container that ends has no probes",
        ),
        (
            "/spec/initContainers",
            json!([{"name": "a", "image": "a", "restartPolicy": "Always", "livenessProbe": {"exec": {"command": ["a"]}}}]),
            "",
        ),
    ];
    assert_found(cases);
}

//! Rules of the components' documents.

use kubeplan::schema::Kind::{KubeProxy, Kubelet};

use super::values::DURATIONS;
use super::{Mutation, set};

pub(super) const RULES: &[Mutation] = &[
    set(
        "kubelet integer",
        Kubelet,
        "maxPods",
        &[r#""110""#, "1.5", "2147483648", "true", "[]", "-2147483649"],
    ),
    set(
        "kubelet boolean",
        Kubelet,
        "failSwapOn",
        &[r#""false""#, "0", r#""yes""#, "[]"],
    ),
    set(
        "kubelet duration that is null",
        Kubelet,
        "syncFrequency",
        &["null"],
    ),
    set("kubelet duration", Kubelet, "syncFrequency", DURATIONS),
    set(
        "kubelet mapping",
        Kubelet,
        "evictionHard",
        &[
            r#"["a"]"#,
            r#"{"a": 5}"#,
            r#"{"a": null, "b": 1.5}"#,
            r#""x""#,
        ],
    ),
    set(
        "kubelet taint",
        Kubelet,
        "registerWithTaints",
        &[
            r#"["a=b:NoSchedule"]"#,
            r#"[{"key": 5}]"#,
            r#"[{"key": "a", "timeAdded": "now"}]"#,
        ],
    ),
    set(
        "kubelet quantity",
        Kubelet,
        "reservedMemory",
        &[
            r#"[{"numaNode": 0, "limits": {"memory": "1GB"}}]"#,
            r#"[{"numaNode": 0, "limits": {"memory": ""}}]"#,
            r#"[{"numaNode": 0, "limits": {"memory": true}}]"#,
        ],
    ),
    set(
        "kube-proxy number",
        KubeProxy,
        "clientConnection.qps",
        &[r#""5""#, "true", "1e40"],
    ),
    set(
        "kube-proxy integer",
        KubeProxy,
        "oomScoreAdj",
        &[r#""5""#, "1.5", "4294967296"],
    ),
];

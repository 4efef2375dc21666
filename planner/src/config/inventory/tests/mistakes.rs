//! What is wrong with nodes, alone and among each other.

use super::super::super::report::{Finding, Severity};
use super::{load, with_nodes};

/// Two nodes that are right, as far as a case does not say otherwise.
const CP1: &str = "- {name: cp1, role: control-plane, address: 192.168.10.11}\n";

/// Entries after a control-plane node, and what is said of them.
#[test]
fn rules_of_entries() {
    let cases: &[(&str, &str)] = &[
        (
            "- {name: w1}",
            "c.yaml:5: Cluster.nodes[1].role: the node has no role",
        ),
        (
            "- {name: w1, role: node}",
            "c.yaml:5: Cluster.nodes[1].role: unknown role `node`",
        ),
        (
            "- {role: worker}",
            "c.yaml:5: Cluster.nodes[1].name: the node has no name",
        ),
        (
            "- {name: W_1, role: worker}",
            "c.yaml:5: Cluster.nodes[1].name: `w_1` is no DNS name",
        ),
        (
            "- {name: cp2, role: control-plane}",
            "c.yaml:5: Cluster.nodes[1].address: the API server has no address",
        ),
        (
            "- {name: cp2, role: control-plane, address: 10.0.0.256}",
            "Cluster.nodes[1].address: `10.0.0.256` is no IP address",
        ),
        (
            "- {name: w1, role: worker, address: 127.0.0.1}",
            "Cluster.nodes[1].address: the node cannot be reached at `127.0.0.1`",
        ),
        (
            "- {name: w1, role: worker, address: 10.0.0.1, addresses: [10.0.0.1]}",
            "Cluster.nodes[1].addresses: `address` and `addresses` exclude each other",
        ),
        (
            "- {name: w1, role: worker, addresses: [10.0.0.1, 10.0.0.2]}",
            "Cluster.nodes[1].addresses[1]: 10.0.0.2 is a second address of its family",
        ),
        (
            "- {name: w1, role: worker, taints: [{key: a b, effect: NoSchedule}]}",
            "Cluster.nodes[1].taints[0].key: `a b` is no taint key",
        ),
        (
            "- {name: w1, role: worker, kubelet: {criSocket: 'tcp://a'}}",
            "Cluster.nodes[1].kubelet.criSocket: `unix://tcp://a` is no unix socket",
        ),
        (
            "- {name: w1, role: worker, kubelet: {kubeletExtraArgs: [{value: a}]}}",
            "Cluster.nodes[1].kubelet.kubeletExtraArgs[0].name: the flag has no name",
        ),
        (
            "- {name: w1, role: worker, kubelet: {config: {maxPod: 5}}}",
            "Cluster.nodes[1].kubelet.config.maxPod: unknown field\n  hint: did you mean `maxPods`?",
        ),
        (
            "- {name: w1, role: worker, kubelet: {config: {systemReserved: {'<<': 1}}}}",
            "Cluster.nodes[1].kubelet.config.systemReserved.<<: the kubelet takes a key `<<`",
        ),
        (
            "- {name: w1, role: worker, systemIds: {}}",
            "Cluster.nodes[1].systemIds: a worker has no control plane to run",
        ),
        (
            "- {name: w1, role: worker, labels: {a b: c}}",
            "Cluster.nodes[1].labels.a b: `a b` is no key of a label",
        ),
        (
            "- {name: w1, role: worker, labels: {a: b c}}",
            "Cluster.nodes[1].labels.a: `b c` is no value of a label",
        ),
        (
            "- {name: w1, role: worker, labels: {node-role.kubernetes.io/worker: ''}}",
            "a kubelet may not set `node-role.kubernetes.io/worker` on its own Node\n  hint: remove it here; once the node has joined, an \
             administrator sets it: kubectl label node w1 node-role.kubernetes.io/worker=",
        ),
        (
            "- {name: w1, role: worker, labels: {a: b}, kubelet: {kubeletExtraArgs: [{name: node-labels, value: a=c}]}}",
            "Cluster.nodes[1].labels.a: `b` contradicts `c` of the kubelet's flag node-labels",
        ),
        (
            "- {name: w1, role: worker, platform: {os: windows}}",
            "Cluster.nodes[1].platform.os: nodes that run `windows` are not supported",
        ),
    ];
    for (node, expected) in cases {
        let report = load(&with_nodes(&format!("{CP1}{node}\n"))).unwrap_err();
        let said = report.to_string();
        assert!(said.contains(expected), "{node}: {said}");
        let is_error = |finding: &&Finding| finding.severity == Severity::Error;
        let errors = report.findings().iter().filter(is_error).count();
        assert_eq!(errors, 1, "{node}: {said}");
    }
}

//! Findings about nodes, alone and compared with each other.

use super::super::super::report::{Finding, Report, Severity};
use super::{load, with_nodes};

/// Entries without errors, to which each case adds one.
const CP1: &str = "- {name: cp1, role: control-plane, address: 192.168.10.11}\n";

fn errors(report: &Report) -> usize {
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    report.findings().iter().filter(is_error).count()
}

/// Entries after a control-plane node, and the expected finding.
#[test]
fn every_rule_of_entries_reports_its_field() {
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
            "c.yaml:5: Cluster.nodes[1].name: `w_1` is not a valid DNS name",
        ),
        (
            "- {name: cp2, role: control-plane}",
            "c.yaml:5: Cluster.nodes[1].address: the API server has no address",
        ),
        (
            "- {name: cp2, role: control-plane, address: 10.0.0.256}",
            "Cluster.nodes[1].address: `10.0.0.256` is not a valid IP address",
        ),
        (
            "- {name: w1, role: worker, address: 127.0.0.1}",
            "Cluster.nodes[1].address: other nodes cannot reach the node at `127.0.0.1`",
        ),
        (
            "- {name: w1, role: worker, address: 10.0.0.1, addresses: [10.0.0.1]}",
            "Cluster.nodes[1].addresses: `address` and `addresses` are both set",
        ),
        (
            "- {name: w1, role: worker, addresses: [10.0.0.1, 10.0.0.2]}",
            "Cluster.nodes[1].addresses[1]: 10.0.0.2 is a second address of the same family",
        ),
        (
            "- {name: w1, role: worker, taints: [{key: a b, effect: NoSchedule}]}",
            "Cluster.nodes[1].taints[0].key: `a b` is not a valid taint key",
        ),
        (
            "- {name: w1, role: worker, kubelet: {criSocket: 'tcp://a'}}",
            "Cluster.nodes[1].kubelet.criSocket: `unix://tcp://a` is not a valid unix socket",
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
            "- {name: w1, role: worker, kubelet: {config: {systemReserved: {'<<': '1'}}}}",
            "Cluster.nodes[1].kubelet.config.systemReserved.<<: the kubelet reads a key `<<`",
        ),
        (
            "- {name: w1, role: worker, systemIds: {}}",
            "Cluster.nodes[1].systemIds: the field has no effect on a worker",
        ),
        (
            "- {name: w1, role: worker, labels: {a b: c}}",
            "Cluster.nodes[1].labels.a b: `a b` is not a valid label key",
        ),
        (
            "- {name: w1, role: worker, labels: {a: b c}}",
            "Cluster.nodes[1].labels.a: `b c` is not a valid label value",
        ),
        (
            "- {name: w1, role: worker, labels: {node-role.kubernetes.io/worker: ''}}",
            "a kubelet may not set `node-role.kubernetes.io/worker` on its own Node\n  hint: remove it here, and set it as an \
             administrator after the node has joined: kubectl label node w1 node-role.kubernetes.io/worker=",
        ),
        (
            "- {name: cp2, role: control-plane, address: 10.0.0.2, labels: {node-role.kubernetes.io/control-plane: 'yes'}}",
            "on a control-plane node, this label has no value",
        ),
        (
            "- {name: w1, role: worker, labels: {a: b}, kubelet: {kubeletExtraArgs: [{name: node-labels, value: a=c}]}}",
            "Cluster.nodes[1].labels.a: `b` contradicts `c` of the kubelet's flag node-labels",
        ),
        (
            "- {name: w1, role: worker, labels: {a: b}, kubelet: {kubeletExtraArgs: [{name: node_labels, value: \"'a=c'\"}]}}",
            "Cluster.nodes[1].labels.a: `b` contradicts `c` of the kubelet's flag node-labels",
        ),
        (
            "- {name: w1, role: worker, addresses: [0.0.0.0, 'fd00::2']}",
            "Cluster.nodes[1].addresses[0]: ",
        ),
        (
            "- {name: w1, role: worker, platform: {os: windows}}",
            "Cluster.nodes[1].platform.os: kubeplan does not support nodes that run `windows`",
        ),
    ];
    for (node, expected) in cases {
        let report = load(&with_nodes(&format!("{CP1}{node}\n"))).unwrap_err();
        let said = report.to_string();
        assert!(said.contains(expected), "{node}: {said}");
        assert_eq!(errors(&report), 1, "{node}: {said}");
    }
}

/// Inventories whose nodes are valid but do not fit together, and the expected finding.
#[test]
fn every_rule_across_nodes_reports_its_field() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let two = |first: &str, second: &str| {
        format!(
            "{CP1}- {{name: w1, role: worker, {first}}}\n- {{name: w2, role: worker, {second}}}\n"
        )
    };
    let twice = |both: &str| two(both, both);
    let cases: Vec<(String, &str)> = vec![
        (
            format!("{CP1}- {{name: CP1, role: worker}}\n"),
            "Cluster.nodes[1].name: Cluster.nodes[0] at c.yaml:4 has the same name `cp1`",
        ),
        (
            two("address: 10.0.0.1", "addresses: ['fd00::1', 10.0.0.01]"),
            "Cluster.nodes[2].addresses: Cluster.nodes[1] at c.yaml:5 has the same address `10.0.0.1`",
        ),
        (
            two("address: 10.0.0.1", "address: 192.168.10.11"),
            "Cluster.nodes[2].address: Cluster.nodes[0] at c.yaml:4 has the same address `192.168.10.11`",
        ),
        (
            two(
                &format!("recipients: ['{key} a']"),
                &format!("recipients: ['{key} b']"),
            ),
            "Cluster.nodes[2].recipients: Cluster.nodes[1] at c.yaml:5 has the same host key `ssh-ed25519 AAAA",
        ),
        (
            twice(&format!("match: {{sshHostKey: 'SHA256:{digest}'}}")),
            "Cluster.nodes[2].match.sshHostKey: Cluster.nodes[1] at c.yaml:5 has the same SSH host key `SHA256:47DE",
        ),
        (
            twice(&format!("match: {{machineIdHash: {hash}}}")),
            "Cluster.nodes[2].match.machineIdHash: Cluster.nodes[1] at c.yaml:5 has the same machine id `e3b0c4",
        ),
        (
            twice("match: {hostname: host}"),
            "Cluster.nodes[2].match.hostname: Cluster.nodes[1] at c.yaml:5 has the same host name `host`",
        ),
        (
            "- {name: w1, role: worker}\n- {name: w2, role: worker}\n".to_owned(),
            "c.yaml:3: Cluster.nodes: there is no control-plane node",
        ),
    ];
    for (nodes, expected) in cases {
        let report = load(&with_nodes(&nodes)).unwrap_err();
        let said = report.to_string();
        assert!(said.contains(expected), "{nodes}: {said}");
        assert_eq!(errors(&report), 1, "{nodes}: {said}");
    }
}

/// Inventories that are valid, and the expected warning; empty if there is none.
#[test]
fn every_warning_across_nodes_names_its_field() {
    let control_planes = |addresses: &[&str]| -> String {
        let entry = |(position, address)| {
            format!("- {{name: cp{position}, role: control-plane, address: '{address}'}}\n")
        };
        addresses.iter().enumerate().map(entry).collect()
    };
    let three = control_planes(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    let age = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let text = |nodes: &str, lines: &str| with_nodes(nodes) + lines;
    let endpoint =
        |nodes: &str, endpoint: &str| with_nodes(nodes).replace("api.example.com:6443", endpoint);
    let cases = [
        (text(&three, ""), ""),
        (
            text(&control_planes(&["10.0.0.1", "10.0.0.2"]), ""),
            "c.yaml:3: Cluster.nodes: etcd on 2 control-plane nodes tolerates no more failed nodes than on 1",
        ),
        (
            text(
                &control_planes(&["10.0.0.1", "10.0.0.2"]),
                "etcd: {external: {endpoints: ['https://10.0.1.1:2379']}}\n",
            ),
            "",
        ),
        (
            text(&control_planes(&["10.0.0.1", "10.0.0.2", "fd00::3"]), ""),
            "advertise addresses of different families",
        ),
        (
            endpoint(&three, "10.0.0.2:6443"),
            "c.yaml:11: ClusterConfiguration.controlPlaneEndpoint: 10.0.0.2 is the address of cp1 itself",
        ),
        (endpoint(CP1, "192.168.10.11:6443"), ""),
        (
            endpoint(
                &format!("{CP1}- {{name: w1, role: worker, address: 10.0.0.9}}\n"),
                "10.0.0.9",
            ),
            "10.0.0.9 is the address of the worker w1, which has no API server",
        ),
        (
            text(&three, "networking: {podSubnet: 10.0.0.0/16}\n"),
            "ClusterConfiguration.networking.podSubnet: the network of the Pods, 10.0.0.0/16, contains the address of cp0, cp1, cp2\n",
        ),
        (
            text(&control_planes(&["10.96.0.2"]), ""),
            "the network of the Services, 10.96.0.0/12, contains the address of cp0",
        ),
        (
            text(
                &format!("{CP1}- {{name: w1, role: worker, address: 'fd00::1'}}\n"),
                "",
            ),
            "ClusterConfiguration.networking.serviceSubnet: the address of w1 is of a family without a Service network",
        ),
        (
            text(
                &format!(
                    "{CP1}- {{name: w1, role: worker, recipients: [{age}]}}\n- {{name: w2, role: worker, recipients: [{age}]}}\n"
                ),
                "",
            ),
            "Cluster.nodes[2].recipients: Cluster.nodes[1] at c.yaml:5 has the same recipient",
        ),
    ];
    for (text, expected) in cases {
        let said = load(&text).unwrap().warnings.to_string();
        match expected {
            "" => assert_eq!(said, "", "{text}"),
            _ => assert!(format!("{said}\n").contains(expected), "{text}: {said}"),
        }
    }
}

#[test]
fn several_control_plane_nodes_need_an_endpoint() {
    let nodes = "- {name: cp1, role: control-plane, address: 10.0.0.1}\n- {name: cp2, role: control-plane, address: 10.0.0.2}\n";
    let text = with_nodes(nodes).replace("controlPlaneEndpoint: api.example.com:6443\n", "");
    let said = load(&text).unwrap_err().to_string();
    assert!(
        said.contains("ClusterConfiguration.controlPlaneEndpoint: several control-plane nodes need a stable address"),
        "{said}"
    );
    let worker = text.replace("name: cp2, role: control-plane", "name: w1, role: worker");
    assert!(load(&worker).is_ok());
}

/// Lines of `credentials`, and the expected findings for a cluster with a worker and without one.
#[test]
fn credentials_are_checked_for_joining_nodes_only() {
    let cases = [
        ("validity: 720h", "not longer than `minRemaining`", ""),
        ("minRemaining: 2160h", "not longer than `minRemaining`", ""),
        ("validity: 721h", "", ""),
        (
            "validity: 0s",
            "a certificate cannot be valid for 0s",
            "a certificate cannot be valid for 0s",
        ),
        (
            "join: token",
            "unknown credential `token`",
            "unknown credential `token`",
        ),
        ("{join: bootstrap-token, validity: 1h}", "", ""),
    ];
    let worker = format!("{CP1}- {{name: w1, role: worker}}\n");
    for (lines, of_two, of_one) in cases {
        for (nodes, expected) in [(worker.as_str(), of_two), (CP1, of_one)] {
            let lines = match lines.starts_with('{') {
                true => lines.to_owned(),
                false => format!("{{{lines}}}"),
            };
            let text = with_nodes(&format!("{nodes}credentials: {lines}\n"));
            match load(&text) {
                Ok(_) => assert_eq!(expected, "", "{lines}"),
                Err(report) => {
                    let said = report.to_string();
                    assert!(
                        !expected.is_empty() && said.contains(expected),
                        "{lines}: {said}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_problem_of_many_nodes_is_reported_once_or_up_to_a_limit() {
    let nodes: String = (0..1500)
        .map(|n| {
            format!("- {{name: w{n}, role: worker, labels: {{node-role.kubernetes.io/w: x}}}}\n")
        })
        .collect();
    let report = load(&with_nodes(&format!("{CP1}{nodes}"))).unwrap_err();
    assert_eq!(report.findings().len(), 1001);
    let nodes: String = (0..1500)
        .map(|n| {
            format!(
                "- {{name: w{n}, role: worker, address: 10.96.{}.{}}}\n",
                n / 250 + 1,
                n % 250
            )
        })
        .collect();
    let warnings = load(&with_nodes(&format!("{CP1}{nodes}")))
        .unwrap()
        .warnings;
    assert_eq!(warnings.findings().len(), 1, "{warnings}");
    assert!(
        warnings
            .to_string()
            .contains("w0, w1, w2, w3, w4 and 1495 more")
    );
}

#[test]
fn a_limit_of_warnings_does_not_hide_errors() {
    let node = |n: usize| {
        format!("- {{name: w{n}, role: worker, kubelet: {{config: {{clusterDomain: x}}}}}}\n")
    };
    let nodes: String = (0..1100).map(node).collect();
    let warnings = load(&with_nodes(&format!("{CP1}{nodes}")))
        .unwrap()
        .warnings;
    assert!(warnings.findings().len() >= 1000 && !warnings.has_errors());
    assert!(
        warnings
            .to_string()
            .contains("Cluster.nodes[1].kubelet.config.clusterDomain: kubeadm recommends")
    );
    // An error after the last warning is still reported.
    let nodes = format!("{CP1}{nodes}- {{name: w, role: node}}\n");
    let said = load(&with_nodes(&nodes)).unwrap_err().to_string();
    assert!(said.contains("unknown role `node`"), "{said}");
}

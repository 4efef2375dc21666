//! What is wrong with nodes, alone and among each other.

use super::super::super::report::{Finding, Report, Severity};
use super::{load, with_nodes};

/// Two nodes that are right, as far as a case does not say otherwise.
const CP1: &str = "- {name: cp1, role: control-plane, address: 192.168.10.11}\n";

fn errors(report: &Report) -> usize {
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    report.findings().iter().filter(is_error).count()
}

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
            "- {name: w1, role: worker, kubelet: {config: {systemReserved: {'<<': '1'}}}}",
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
            "- {name: cp2, role: control-plane, address: 10.0.0.2, labels: {node-role.kubernetes.io/control-plane: 'yes'}}",
            "a control-plane node has the label without a value",
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
        assert_eq!(errors(&report), 1, "{node}: {said}");
    }
}

/// Inventories of right nodes that do not go together, and what is said of them.
#[test]
fn rules_across_nodes() {
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
            "Cluster.nodes[1].name: the name `cp1` is that of Cluster.nodes[0] at c.yaml:4 too",
        ),
        (
            two("address: 10.0.0.1", "addresses: ['fd00::1', 10.0.0.01]"),
            "Cluster.nodes[2].addresses: the address `10.0.0.1` is that of Cluster.nodes[1] at c.yaml:5 too",
        ),
        (
            two("address: 10.0.0.1", "address: 192.168.10.11"),
            "Cluster.nodes[2].address: the address `192.168.10.11` is that of Cluster.nodes[0]",
        ),
        (
            two(
                &format!("recipients: ['{key} a']"),
                &format!("recipients: ['{key} b']"),
            ),
            "Cluster.nodes[2].recipients: the host key `ssh-ed25519 AAAA",
        ),
        (
            twice(&format!("match: {{sshHostKey: 'SHA256:{digest}'}}")),
            "Cluster.nodes[2].match.sshHostKey: the SSH host key `SHA256:47DE",
        ),
        (
            twice(&format!("match: {{machineIdHash: {hash}}}")),
            "Cluster.nodes[2].match.machineIdHash: the machine id `e3b0c4",
        ),
        (
            twice("match: {hostname: host}"),
            "Cluster.nodes[2].match.hostname: the host name `host` is that of Cluster.nodes[1]",
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

/// Inventories that are planned, and the warning; none if it is empty.
#[test]
fn warnings_across_nodes() {
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
            "c.yaml:3: Cluster.nodes: etcd on 2 control-plane nodes survives the loss of no more of them than on 1",
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
            "advertise addresses of both families",
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
            "ClusterConfiguration.networking.podSubnet: the network of the Pods, 10.0.0.0/16, holds the address of cp0, cp1, cp2\n",
        ),
        (
            text(&control_planes(&["10.96.0.1"]), ""),
            "the network of the Services, 10.96.0.0/12, holds the address of cp0",
        ),
        (
            text(
                &format!("{CP1}- {{name: w1, role: worker, address: 'fd00::1'}}\n"),
                "",
            ),
            "ClusterConfiguration.networking.serviceSubnet: no network is of the family of the address of w1",
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
fn several_control_planes_need_an_endpoint() {
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

/// Lines of `credentials`, and what is said of them for a cluster with a worker and without one.
#[test]
fn credentials_fit_the_nodes_that_join() {
    let cases = [
        (
            "validity: 720h",
            "never have what `minRemaining` asks for left",
            "",
        ),
        (
            "minRemaining: 2160h",
            "never have what `minRemaining` asks for left",
            "",
        ),
        ("validity: 721h", "", ""),
        (
            "validity: 0s",
            "a certificate cannot live for 0s",
            "a certificate cannot live for 0s",
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
fn what_is_wrong_with_many_nodes_is_said_once_or_in_a_report_that_ends() {
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
                n / 250,
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
fn many_warnings_are_no_errors() {
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
    // An error after them is heard.
    let nodes = format!("{CP1}{nodes}- {{name: w, role: node}}\n");
    let said = load(&with_nodes(&nodes)).unwrap_err().to_string();
    assert!(said.contains("unknown role `node`"), "{said}");
}

//! Flags of kubelets and addresses of nodes, from the text of a configuration to the finding.

use kubeplan_bundle::facts::DefaultRoute;

use crate::config::valid::HostFacts;
use crate::config::{Options, Report, Severity, Source, load_cluster};

/// The report about a stock file with these flags of the first control-plane node.
fn report(version: &str, flags: &str, facts: HostFacts) -> Report {
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: 192.168.10.11}}\n\
         nodeRegistration:\n  name: cp1\n  kubeletExtraArgs: [{flags}]\n---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: {version}\n"
    );
    of(&text, facts)
}

/// The report about two nodes with these entries.
fn report_of_nodes(first: &str, second: &str, facts: HostFacts) -> Report {
    let text = format!(
        "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nnodes:\n{first}\n{second}\n---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n\
         controlPlaneEndpoint: api.example.com:6443\n"
    );
    of(&text, facts)
}

fn of(text: &str, facts: HostFacts) -> Report {
    let sources = [Source {
        name: "c.yaml",
        text,
    }];
    let options = Options {
        facts,
        ..Options::default()
    };
    match load_cluster(&sources, options) {
        Ok(loaded) => loaded.warnings,
        Err(report) => report,
    }
}

const VALUE: &str = "c.yaml:6: InitConfiguration.nodeRegistration.kubeletExtraArgs[0].value: ";
const ITEM: &str = "c.yaml:6: InitConfiguration.nodeRegistration.kubeletExtraArgs[0]: ";
const NAME: &str = "c.yaml:6: InitConfiguration.nodeRegistration.kubeletExtraArgs[0].name: ";

#[test]
fn a_flag_with_which_the_kubelet_exits_is_an_error() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("v1.36.2", "{name: v, value: '2'}", "", ""),
        ("v1.36.2", "{name: node_ip, value: 10.0.0.1}", "", ""),
        ("v1.36.2", "{name: cloud-provider, value: external}", "", ""),
        ("v1.36.2", "{name: cloud-provider, value: ''}", "", ""),
        ("v1.36.2", "{name: max_pods, value: '0x6e'}", "", ""),
        (
            "v1.36.2",
            "{name: max_pods, value: many}",
            VALUE,
            "the kubelet of Kubernetes 1.36 exits because of `--max-pods=many`",
        ),
        (
            "v1.36.2",
            "{name: fail-swap-on, value: 'no'}",
            VALUE,
            "the kubelet of Kubernetes 1.36 exits because of `--fail-swap-on=no`",
        ),
        (
            "v1.36.2",
            "{name: sync-frequency, value: '60'}",
            VALUE,
            "the kubelet of Kubernetes 1.36 exits because of `--sync-frequency=60`",
        ),
        (
            "v1.36.2",
            "{name: feature-gates, value: 'A=true,B'}",
            VALUE,
            "the kubelet of Kubernetes 1.36 exits because of `--feature-gates=A=true,B`",
        ),
        ("v1.36.2", "{name: hostname-override, value: CP1}", "", ""),
        ("v1.36.2", "{name: hostname-override, value: ''}", "", ""),
        (
            "v1.36.2",
            "{name: node-labels, value: 'a=b,topology.kubernetes.io/zone=x,example.com/y='}",
            "",
            "",
        ),
        (
            "v1.34.9",
            "{name: pod-infra-container-image, value: x}",
            "",
            "",
        ),
        (
            "v1.36.2",
            "{name: pod-infra-container-image, value: x}",
            NAME,
            "1.35 removed the flag",
        ),
        (
            "v1.36.2",
            "{name: container-runtime, value: remote}",
            NAME,
            "1.27 removed",
        ),
        (
            "v1.36.2",
            "{name: container_runtime, value: remote}",
            NAME,
            "1.27 removed",
        ),
        (
            "v1.36.2",
            "{name: network-plugin, value: cni}",
            NAME,
            "1.24 removed",
        ),
        (
            "v1.37.0",
            "{name: boot-id-file, value: x}",
            NAME,
            "1.37 removed",
        ),
        (
            "v1.36.2",
            "{name: node-lables, value: a=b}",
            NAME,
            "no such flag\n  hint: did you mean `node-labels`?",
        ),
        (
            "v1.36.2",
            "{name: cloud-provider, value: aws}",
            VALUE,
            "only `external`",
        ),
        (
            "v1.36.2",
            "{name: hostname-override, value: other}",
            VALUE,
            "registers as `other`, but its credentials are those of node `cp1`",
        ),
        (
            "v1.36.2",
            "{name: root-dir, value: '/mnt/big disk/kubelet'}",
            VALUE,
            "contains a blank",
        ),
        (
            "v1.36.2",
            "{name: root-dir, value: \"'/mnt/big disk/kubelet'\"}",
            "",
            "",
        ),
        (
            "v1.36.2",
            "{name: cloud-provider, value: \"'external'\"}",
            "",
            "",
        ),
        (
            "v1.36.2",
            "{name: cloud-provider, value: \"'aws'\"}",
            VALUE,
            "only `external`",
        ),
        (
            "v1.36.2",
            "{name: hostname-override, value: \"'cp1'\"}",
            "",
            "",
        ),
        (
            "v1.36.2",
            "{name: node-labels, value: \"'a=b, c=d'\"}",
            "",
            "",
        ),
        (
            "v1.36.2",
            "{name: root-dir, value: '/mnt/big disk'}",
            VALUE,
            "hint: quote it for the unit, too: `value: \"'/mnt/big disk'\"`",
        ),
        (
            "v1.36.2",
            "{name: root-dir, value: \"/mnt/joe's\"}",
            VALUE,
            "open at the end",
        ),
        (
            "v1.36.2",
            "{name: root-dir, value: \"'/mnt/big' disk\"}",
            VALUE,
            "contains a blank outside quotes",
        ),
        (
            "v1.36.2",
            "{name: node_labels, value: 'node-role.kubernetes.io/worker='}",
            ITEM,
            "may not set",
        ),
        (
            "v1.36.2",
            "{name: node-labels, value: \"'a=b\"}",
            ITEM,
            "not a valid label key",
        ),
        (
            "v1.36.2",
            "{name: node-labels, value: a}",
            ITEM,
            "hint: write `a=`",
        ),
        (
            "v1.36.2",
            "{name: node-ip, value: '10.0.0.1,fd00::1'}",
            "",
            "",
        ),
        ("v1.36.2", "{name: node-ip, value: '::'}", "", ""),
        ("v1.36.2", "{name: node-ip, value: ''}", "", ""),
        (
            "v1.36.2",
            "{name: node-ip, value: '10.0.0.1,10.0.0.2'}",
            VALUE,
            "two addresses of one family",
        ),
        (
            "v1.36.2",
            "{name: node_ip, value: '10.0.0.1,fd00::1,10.0.0.2'}",
            VALUE,
            "more than two addresses",
        ),
        (
            "v1.36.2",
            "{name: node-ip, value: '0.0.0.0,fd00::1'}",
            VALUE,
            "the unspecified address",
        ),
        ("v1.36.2", "{name: help, value: 'false'}", "", ""),
        (
            "v1.36.2",
            "{name: help, value: 'true'}",
            VALUE,
            "prints a text and exits",
        ),
        (
            "v1.36.2",
            "{name: version, value: T}",
            VALUE,
            "prints a text and exits",
        ),
        (
            "v1.36.2",
            "{name: version, value: raw}",
            VALUE,
            "prints a text and exits",
        ),
        (
            "v1.36.2",
            "{name: version, value: ''}",
            VALUE,
            "the flag is true or false",
        ),
        ("v1.36.2", "{name: version, value: 'False'}", "", ""),
        (
            "v1.36.2",
            "{name: 'v 1', value: ''}",
            NAME,
            "is not the name of a flag",
        ),
        (
            "v1.36.2",
            "{name: v, value: \"1\\n\"}",
            VALUE,
            "contains a blank or control character",
        ),
        (
            "v1.36.2",
            "{name: node-labels, value: node-role.kubernetes.io/worker=}",
            ITEM,
            "hint: remove it here, and set it as an administrator after the node has joined: kubectl label node cp1 node-role.kubernetes.io/worker=",
        ),
        (
            "v1.36.2",
            "{name: node-labels, value: a/b/c=}",
            ITEM,
            "not a valid label key",
        ),
        (
            "v1.36.2",
            "{name: node-labels, value: 'a=b, c=d'}",
            ITEM,
            "` c` in node-labels is not a valid label key",
        ),
        (
            "v1.36.2",
            "{name: node-labels, value: a=-}",
            ITEM,
            "not a valid label value",
        ),
    ];
    for (version, flag, place, part) in cases {
        let report = report(version, flag, HostFacts::default()).to_string();
        if place.is_empty() {
            assert_eq!(report, "", "{flag}");
        } else {
            let expected = format!("error: {place}");
            assert!(report.starts_with(&expected), "{flag}: {report}");
            assert!(report.contains(part), "{flag}: {report}");
            assert_eq!(report.matches("error: ").count(), 1, "{flag}: {report}");
        }
    }
}

#[test]
fn the_kubelet_on_the_host_decides_which_flags_there_are() {
    let flag = "{name: pod-infra-container-image, value: x}";
    let installed = |version: &str| HostFacts {
        kubelet_version: Some(version.into()),
        ..HostFacts::default()
    };
    assert_eq!(
        report("v1.36.2", flag, installed("v1.34.1")).to_string(),
        ""
    );
    let newer = report("v1.34.9", flag, installed("v1.35.0")).to_string();
    assert!(newer.contains("1.35 removed the flag"), "{newer}");
    let unknown = report("v1.36.2", flag, installed("v1.99.0"));
    assert!(unknown.has_errors());
}

#[test]
fn a_joining_node_has_the_rules_of_the_first_and_names_its_entry() {
    let first = "- {name: cp1, role: control-plane, address: 192.168.10.11}";
    let second = "- {name: w1, role: worker, kubelet: {kubeletExtraArgs: [{name: network-plugin, value: cni}]}}";
    let report = report_of_nodes(first, second, HostFacts::default()).to_string();
    let place = "error: c.yaml:5: Cluster.nodes[1].kubelet.kubeletExtraArgs[0].name: ";
    assert!(report.starts_with(place), "{report}");
    // A label of the entry is reported once, where it is written.
    let labelled = "- {name: w1, role: worker, labels: {a: '-'}}";
    let report = report_of_nodes(first, labelled, HostFacts::default()).to_string();
    assert_eq!(report.matches("error: ").count(), 1, "{report}");
}

#[test]
fn an_address_that_the_kubelet_would_not_register_is_warned_of() {
    let facts = || HostFacts {
        default_route: DefaultRoute {
            ipv4: Some("10.0.2.15".parse().unwrap()),
            ipv6: None,
        },
        ..HostFacts::default()
    };
    let worker = "- {name: w1, role: worker}";
    let with = |more: &str| {
        let first = format!("- {{name: cp1, role: control-plane, {more}}}");
        report_of_nodes(&first, worker, facts())
    };
    let warned = with("address: 192.168.56.10");
    let text = warned.to_string();
    let expected = "warning: c.yaml:4: Cluster.nodes[0].address: the host's default route has the address 10.0.2.15";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains("kubelet: {kubeletExtraArgs: [{name: node-ip, value: \"192.168.56.10\"}]}")
    );
    assert!(
        warned
            .findings()
            .iter()
            .all(|it| it.severity == Severity::Warning)
    );
    for fine in [
        "address: 10.0.2.15",
        "address: 'fd00::1'",
        "addresses: [192.168.56.10, 'fd00::1']",
        "address: 192.168.56.10, kubelet: {kubeletExtraArgs: [{name: node-ip, value: 192.168.56.10}]}",
        "address: 192.168.56.10, kubelet: {kubeletExtraArgs: [{name: cloud-provider, value: external}]}",
    ] {
        let text = with(fine).to_string();
        assert!(!text.contains("default route"), "{fine}: {text}");
    }
}

#[test]
fn an_entry_of_node_ip_that_is_no_address_is_warned_of() {
    for (value, part) in [
        ("x", "`x` in node-ip is not an IP address"),
        ("'10.0.0.1,'", "`` in node-ip"),
    ] {
        let flag = format!("{{name: node-ip, value: {value}}}");
        let report = report("v1.36.2", &flag, HostFacts::default());
        assert!(!report.has_errors(), "{value}: {report}");
        assert!(report.to_string().contains(part), "{value}: {report}");
    }
}

//! Inventories of several nodes, from text to the configuration of each node.

use std::time::Duration;

use serde_json::json;

use super::super::load::{LoadedCluster, load_cluster};
use super::super::report::{Report, Severity};
use super::super::valid::{JoinCredential, Membership};
use super::super::{Options, Source};
use super::*;

mod mistakes;

const THREE_PLUS_TWO: &str = include_str!("../../../../fixtures/cluster-3-2.yaml");
const TOKEN: &str = include_str!("../../../../fixtures/cluster-token.yaml");
const DUAL_STACK: &str = include_str!("../../../../fixtures/cluster-dual-stack.yaml");

pub(super) fn load_with(text: &str, options: Options) -> Result<LoadedCluster, Report> {
    let name = "c.yaml";
    load_cluster(&[Source { name, text }], options)
}

pub(super) fn load(text: &str) -> Result<LoadedCluster, Report> {
    load_with(text, Options::default())
}

/// An inventory with these nodes, and a cluster with a control-plane endpoint.
pub(super) fn with_nodes(nodes: &str) -> String {
    format!(
        "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nnodes:\n{nodes}---\napiVersion: kubeadm.k8s.io/v1beta4\n\
         kind: ClusterConfiguration\nkubernetesVersion: v1.36.2\ncontrolPlaneEndpoint: api.example.com:6443\n"
    )
}

fn nodes(loaded: &LoadedCluster) -> Vec<ValidConfig> {
    loaded.nodes.clone()
}

fn flags_of(config: &ValidConfig) -> Vec<String> {
    let args = &config.init.node_registration.kubelet_extra_args;
    args.iter()
        .map(|arg| format!("{}={}", arg.name, arg.value))
        .collect()
}

#[test]
fn three_control_plane_nodes_and_two_workers_have_a_configuration_each() {
    let loaded = load(THREE_PLUS_TWO).unwrap();
    let names: Vec<&str> = loaded
        .nodes
        .iter()
        .map(|node| node.node.name.as_str())
        .collect();
    assert_eq!(names, ["cp1", "cp2", "cp3", "w1", "w2"]);
    let nodes = nodes(&loaded);
    let [cp1, cp2, cp3, w1, w2] = nodes.as_slice() else {
        panic!()
    };
    assert!(loaded.nodes.get(5).is_none());

    assert_eq!(cp1.membership, Membership::Creates);
    let joins = |config: &ValidConfig| config.joining().cloned().unwrap();
    for config in [cp2, cp3, w1, w2] {
        assert_eq!(joins(config).ca_cert_path, None);
        let validity = Duration::from_secs(1440 * 3600);
        let credential = JoinCredential::Certificate { validity };
        assert_eq!(joins(config).credential, credential);
    }

    // Nodes share the cluster's values; the endpoint has the port of the first control-plane node.
    for config in &nodes {
        assert_eq!(config.cluster, cp1.cluster);
        assert_eq!(
            config.control_plane_url(),
            "https://api.prod-a.example.com:7443"
        );
        assert_eq!(config.bundle_cluster_name.as_str(), "prod-a");
        assert_eq!(config.cluster_kubelet.value["maxPods"], 110);
        assert_eq!(
            config.init.node_registration.name,
            config.node.name.as_str()
        );
    }

    // Fields that an entry can set apply to the first control-plane node alone, the rest of InitConfiguration to every node.
    assert_eq!(cp1.init.bootstrap_tokens.len(), 1);
    assert_eq!(flags_of(cp1), ["v=2"]);
    for config in &nodes {
        assert_eq!(config.bind_port, 7443);
        assert_eq!(config.timeouts.discovery, Duration::from_secs(600));
        assert_eq!(config.timeouts.tls_bootstrap, Duration::from_secs(300));
        assert_eq!(config.init.node_registration.image_pull_policy, "Never");
    }
    assert!(cp2.init.bootstrap_tokens.is_empty());
    assert_eq!(cp2.local_endpoint_url(), "https://192.168.10.12:7443");

    let taints = |config: &ValidConfig| config.init.node_registration.taints.clone();
    let of_control_plane =
        json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"});
    assert_eq!(taints(cp1), Some(vec![of_control_plane.clone()]));
    assert_eq!(taints(cp2), Some(vec![of_control_plane]));
    assert_eq!(taints(cp3), Some(Vec::new()));
    assert_eq!(taints(w1), None);
    assert_eq!(
        taints(w2),
        Some(vec![
            json!({"key": "dedicated", "value": "batch", "effect": "NoSchedule"})
        ])
    );

    assert_eq!(flags_of(cp2), ["node-labels=topology.kubernetes.io/zone=b"]);
    assert_eq!(
        cp2.node.marks,
        [("node-restriction.kubernetes.io/rack".into(), "r2".into())].into()
    );
    assert_eq!(
        flags_of(w2),
        [
            "v=4",
            "node-labels=tier=batch,site=north,topology.kubernetes.io/zone=c"
        ]
    );
    assert_eq!(
        w2.init.node_registration.cri_socket,
        "unix:///run/crio/crio.sock"
    );
    assert_eq!(w1.node.recipients.len(), 1);
    assert!(w2.node.recipients.is_empty() && w2.node.addresses.is_empty());
    assert_eq!(
        w1.node.addresses,
        ["192.168.10.21".parse::<std::net::IpAddr>().unwrap()]
    );
    assert!(w1.init.local_api_endpoint.advertise_address.is_empty());
}

#[test]
fn a_nodes_kubelet_is_the_clusters_with_its_overrides() {
    let loaded = load(THREE_PLUS_TWO).unwrap();
    let nodes = nodes(&loaded);
    let (w1, w2) = (&nodes[3], &nodes[4]);
    assert_eq!(w1.kubelet.value, w1.cluster_kubelet.value);
    let own = &w2.kubelet.value;
    assert_eq!(own["maxPods"], 50);
    assert_eq!(
        own["systemReserved"],
        json!({"cpu": "200m", "memory": "1Gi"})
    );
    assert_eq!(own["eventRecordQPS"], 0);
    assert_eq!(own["clusterDNS"], w2.cluster_kubelet.value["clusterDNS"]);
    let written = |path: &str| match w2.provenance.of(path) {
        Some(Origin::Written { line, .. }) => *line,
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(written("KubeletConfiguration.maxPods"), 39);
    assert_eq!(written("KubeletConfiguration.systemReserved.memory"), 40);
    assert_eq!(written("KubeletConfiguration.systemReserved.cpu"), 68);
    assert_eq!(written("Cluster.nodes[4].labels"), 28);
    assert_eq!(written("InitConfiguration.nodeRegistration.criSocket"), 34);
    assert!(
        w2.provenance.at("Cluster.nodes[0].name").is_none(),
        "another node's"
    );
}

#[test]
fn fields_for_the_first_control_plane_node_only_are_warned_of() {
    let warnings = load(THREE_PLUS_TWO).unwrap().warnings;
    let paths: Vec<(&str, Option<u64>)> = warnings
        .findings()
        .iter()
        .map(|finding| (finding.path.as_str(), finding.line))
        .collect();
    assert_eq!(
        paths,
        [(
            "InitConfiguration.nodeRegistration.kubeletExtraArgs",
            Some(57)
        )],
        "{warnings}"
    );
}

#[test]
fn an_entry_says_where_the_ca_certificate_goes() {
    let cp1 = "- {name: cp1, role: control-plane, address: 10.0.0.1}\n";
    let text = with_nodes(&format!(
        "{cp1}- {{name: w1, role: worker, caCertPath: /srv/ca.crt}}\n- {{name: w2, role: worker}}\n"
    ));
    let loaded = load(&(text + "certificatesDir: /etc/kubernetes/ssl\n")).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let places: Vec<String> = loaded.nodes[1..]
        .iter()
        .map(|node| {
            let kubelet = crate::config::kubelet::EffectiveKubelet::of(node).unwrap();
            kubelet.ca_cert_path().value
        })
        .collect();
    assert_eq!(places, ["/srv/ca.crt", "/etc/kubernetes/ssl/ca.crt"]);
}

/// Every field of `nodeRegistration` names one node, holds for every node, or is warned of.
#[test]
fn no_field_of_the_registration_is_for_the_first_node_only_without_a_warning() {
    use crate::kubeadm::go_types::tables::kubeadm_v1beta4::NODE_REGISTRATION_OPTIONS;
    let nodes = "- {name: cp1, role: control-plane, address: 10.0.0.1}\n- {name: cp2, role: control-plane, address: 10.0.0.2}\n";
    for field in NODE_REGISTRATION_OPTIONS
        .fields
        .iter()
        .map(|field| field.name)
    {
        let value = match field {
            "name" => "cp1",
            "criSocket" => "unix:///run/other.sock",
            "taints" => "[]",
            "kubeletExtraArgs" => "[{name: v, value: '2'}]",
            "ignorePreflightErrors" => "[Swap]",
            "imagePullPolicy" => "Never",
            "imagePullSerial" => "false",
            other => panic!("{other} is new: which nodes is it for?"),
        };
        let text = with_nodes(nodes)
            + &format!(
                "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {{{field}: {value}}}\n"
            );
        let warnings = load(&text).unwrap().warnings.to_string();
        let path = format!("nodeRegistration.{field}");
        let shared = OF_EVERY_NODE.contains(&path.as_str()) || field == "name";
        let warned = warnings.contains(&format!("InitConfiguration.{path}: it applies only to"));
        assert_eq!(warned, !shared, "{field}: {warnings}");
    }
}

#[test]
fn with_a_bootstrap_token_only_the_first_control_plane_node_is_planned() {
    let loaded = load(TOKEN).unwrap();
    let names: Vec<&str> = loaded
        .nodes
        .iter()
        .map(|node| node.node.name.as_str())
        .collect();
    assert_eq!(names, ["cp1"]);
    let others: Vec<(&str, NodeRole)> = loaded
        .by_token
        .iter()
        .map(|node| (node.name.as_str(), node.role))
        .collect();
    assert_eq!(others, [("w1", NodeRole::Worker), ("w2", NodeRole::Worker)]);
    assert_eq!(loaded.nodes[0].membership, Membership::Creates);
    let warnings = loaded.warnings.to_string();
    assert!(
        warnings.contains("c.yaml:7: Cluster.nodes[2].labels: w2 joins with a bootstrap token"),
        "{warnings}"
    );
}

#[test]
fn nodes_of_two_families_register_both_addresses() {
    let loaded = load(DUAL_STACK).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let nodes = nodes(&loaded);
    assert_eq!(flags_of(&nodes[0]), ["node-ip=fd00:10::11,192.168.10.11"]);
    assert_eq!(flags_of(&nodes[1]), ["node-ip=fd00:10::21,192.168.10.21"]);
    // Without an endpoint a worker uses the API server of the first control-plane node.
    for config in &nodes {
        assert_eq!(config.control_plane_url(), "https://[fd00:10::11]:6443");
    }
    assert_eq!(nodes[1].node.addresses.len(), 2);
}

#[test]
fn a_node_has_the_facts_of_its_own_host() {
    use kubeplan_bundle::facts::Facts;
    let cp1 = Facts::parse(include_bytes!(
        "../../../../fixtures/facts/single-node-facts/cp1.json"
    ))
    .unwrap();
    let text = with_nodes(
        "- {name: cp1, role: control-plane}\n- {name: w1, role: worker}\n- {name: w2, role: worker, match: {hostname: host-2}}\n",
    );
    let load = |hosts: Vec<Facts>| {
        let hosts = FactsSource {
            hosts,
            ..FactsSource::default()
        };
        load_with(
            &text,
            Options {
                hosts,
                ..Options::default()
            },
        )
    };
    let named = |name: &str| Facts {
        hostname: name.parse().unwrap(),
        ssh_host_key: None,
        ..cp1.clone()
    };
    let loaded = load(vec![named("cp1"), named("host-2"), named("other")]).unwrap();
    let nodes = nodes(&loaded);
    assert_eq!(nodes[0].advertise_address.to_string(), "192.168.10.11");
    assert_eq!(nodes[1].facts, HostFacts::default().into());
    assert_eq!(nodes[2].facts.hostname.as_deref(), Some("host-2"));
    assert_eq!(nodes[2].node.platform.arch, "arm64");
    // Only hosts whose facts say so run systemd-resolved.
    assert!(nodes[1].kubelet.value.get("resolvConf").is_none());
    assert_eq!(
        nodes[2].kubelet.value["resolvConf"],
        "/run/systemd/resolve/resolv.conf"
    );
    let warnings = loaded.warnings.to_string();
    assert!(warnings.contains("there are no facts of w1:"), "{warnings}");
    assert!(nodes.iter().all(|config| config.node.recipients.is_empty()));
    let about = |config: &ValidConfig| -> Vec<String> {
        config
            .assumptions
            .iter()
            .map(|a| a.about.to_owned())
            .collect()
    };
    assert_eq!(
        about(&nodes[1]),
        ["cri-socket", "hostname", "systemd-resolved"]
    );
    assert!(about(&nodes[2]).is_empty());
}

#[test]
fn flags_that_kubeadm_join_has_apply_to_every_node() {
    let flag = |name: &str, text: &str| Given {
        flag: flags::FLAGS.iter().find(|flag| flag.name == name).unwrap(),
        texts: vec![text.to_owned()],
    };
    let text = with_nodes(
        "- {name: cp1, role: control-plane, address: 192.168.10.11}\n- {name: w1, role: worker, patches: {directory: own}}\n",
    );
    let options = Options {
        flags: vec![
            flag("ignore-preflight-errors", "Swap"),
            flag("patches", "p"),
            flag("skip-phases", "addon/coredns"),
        ],
        ..Options::default()
    };
    let loaded = load_with(&text, options).unwrap();
    let directory = |config: &ValidConfig| config.init.patches.clone().unwrap().directory;
    for config in nodes(&loaded) {
        assert_eq!(
            config.init.node_registration.ignore_preflight_errors,
            ["swap"]
        );
        assert_eq!(directory(&config), "p");
        assert!(config.cluster.dns.disabled);
    }
    let own = load(&text).unwrap().nodes[1].clone();
    assert_eq!(directory(&own), "own");
}

#[test]
fn an_inventory_of_one_node_has_the_same_configuration_as_no_inventory() {
    let text = with_nodes("- {name: cp1, address: 192.168.10.11}\n");
    let loaded = load(&text).unwrap();
    assert!(
        loaded
            .warnings
            .findings()
            .iter()
            .all(|f| f.severity != Severity::Error)
    );
    assert_eq!(nodes(&loaded).len(), 1);
}

#[test]
fn overrides_of_the_first_control_plane_node_apply_to_it_alone() {
    let text = with_nodes(
        "- {name: cp1, role: control-plane, address: 192.168.10.11, kubelet: {config: {maxPods: 50}}}\n- {name: w1, role: worker}\n",
    );
    let loaded = load(&text).unwrap();
    let nodes = nodes(&loaded);
    assert_eq!(nodes[0].kubelet.value["maxPods"], 50);
    for config in &nodes {
        assert!(config.cluster_kubelet.value.get("maxPods").is_none());
    }
    assert!(nodes[1].kubelet.value.get("maxPods").is_none());
    let origin = |config: &ValidConfig| {
        config
            .provenance
            .of("KubeletConfiguration.maxPods")
            .cloned()
    };
    assert!(matches!(
        origin(&nodes[0]),
        Some(Origin::Written { line: 4, .. })
    ));
    assert_eq!(origin(&nodes[1]), None);
}

#[test]
fn a_command_for_one_node_refuses_several() {
    let name = "c.yaml";
    let text = THREE_PLUS_TWO;
    let report = super::super::load::load_with(&[Source { name, text }], Options::default());
    let said = report.unwrap_err().to_string();
    let expected =
        "c.yaml:11: Cluster.nodes[1]: the inventory has 5 nodes, but this command takes one";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_mutated_inventory_does_not_panic() {
    let lines: Vec<&str> = THREE_PLUS_TWO.lines().collect();
    for index in 0..lines.len() {
        for value in ["null", "[]", "{}", "[null]", "-1", "''"] {
            let mut changed = lines.clone();
            let key = lines[index]
                .split_once(':')
                .map_or(lines[index], |(key, _)| key);
            let line = format!("{key}: {value}");
            changed[index] = &line;
            if let Ok(loaded) = load(&changed.join("\n")) {
                assert!(!loaded.nodes.is_empty());
            }
        }
    }
}

#[test]
fn a_confirmed_host_key_is_the_recipient_of_its_node_only() {
    use kubeplan_bundle::facts::Facts;
    let cp1 = Facts::parse(include_bytes!(
        "../../../../fixtures/facts/single-node-facts/cp1.json"
    ))
    .unwrap();
    let key = cp1.ssh_host_key.clone().unwrap();
    let mut w1 = cp1.clone();
    w1.hostname = "w1".parse().unwrap();
    let text = with_nodes("- {name: cp1, role: control-plane}\n- {name: w1, role: worker}\n");
    let load = |hosts: Vec<Facts>, confirmed: &[&str]| {
        let confirmed = confirmed
            .iter()
            .map(|name| ((*name).to_owned(), key.fingerprint.clone()))
            .collect();
        let hosts = FactsSource {
            hosts,
            confirmed,
            known_hosts: None,
        };
        load_with(
            &text,
            Options {
                hosts,
                ..Options::default()
            },
        )
    };
    let unconfirmed = Facts {
        ssh_host_key: None,
        ..cp1.clone()
    };
    let loaded = load(vec![unconfirmed.clone(), w1.clone()], &["w1"]).unwrap();
    let found = nodes(&loaded);
    assert!(found[0].node.recipients.is_empty());
    assert_eq!(found[1].node.recipients.concat(), key.public_key);
    let fact = "sshHostKey, confirmed by --confirm-host-key".to_owned();
    assert_eq!(
        found[1].provenance.of("Cluster.nodes[1].recipients"),
        Some(&Origin::Facts { fact })
    );
    for (hosts, confirmed, expected) in [
        // Cloned hosts have the same key.
        (
            vec![cp1.clone(), w1.clone()],
            vec!["cp1", "w1"],
            "Cluster.nodes[1].recipients: Cluster.nodes[0]",
        ),
        (
            vec![cp1.clone(), w1.clone()],
            vec!["w2"],
            "Cluster.nodes: a host key is confirmed for `w2`, which is not a planned node or its host",
        ),
        (
            vec![unconfirmed],
            vec!["cp1"],
            "Cluster.nodes[0].recipients: --confirm-host-key names a key, but the facts of cp1 contain none",
        ),
        (
            vec![],
            vec!["cp1"],
            "--confirm-host-key or --known-hosts is given without facts of hosts",
        ),
    ] {
        let said = load(hosts, &confirmed).unwrap_err().to_string();
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let mut other = w1;
    other.hostname = "other".parse().unwrap();
    let said = load(vec![other], &[]).unwrap_err().to_string();
    assert!(
        said.contains("the facts do not belong to any of the nodes"),
        "{said}"
    );
}

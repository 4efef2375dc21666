use std::net::IpAddr;

use super::super::load::{Loaded, load_with};
use super::super::options::Options;
use super::super::report::Report;
use super::super::{Source, effective_documents};
use super::*;

const CP1: &str = include_str!("../../../../fixtures/facts/single-node-facts/cp1.json");
const CLUSTER: &str =
    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";

fn cp1() -> Facts {
    Facts::parse(CP1.as_bytes()).unwrap()
}

fn named(name: &str) -> Facts {
    Facts {
        hostname: name.parse().unwrap(),
        ..cp1()
    }
}

fn only(hosts: Vec<Facts>) -> FactsSource {
    FactsSource {
        hosts,
        ..FactsSource::default()
    }
}

fn load(text: &str, hosts: FactsSource) -> Result<Loaded, Report> {
    let name = "c.yaml";
    let options = Options {
        hosts,
        ..Options::default()
    };
    load_with(&[Source { name, text }], options)
}

fn init(lines: &str) -> String {
    format!("{CLUSTER}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n{lines}")
}

fn inventory(node: &str) -> String {
    format!("{CLUSTER}---\napiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nnodes: [{node}]\n")
}

#[test]
fn facts_fill_fields_that_the_configuration_leaves_open() {
    let loaded = load(CLUSTER, only(vec![cp1()])).unwrap();
    let config = loaded.config;
    assert_eq!(config.node.name.as_str(), "cp1");
    assert_eq!(config.advertise_address.to_string(), "192.168.10.11");
    assert_eq!(config.node.platform.arch, "arm64");
    assert_eq!(
        config.init.node_registration.cri_socket,
        "unix:///var/run/crio/crio.sock"
    );
    let kubelet = &effective_documents(&config)[2];
    assert_eq!(kubelet["resolvConf"], "/run/systemd/resolve/resolv.conf");
    assert_eq!(config.facts.proxies.len(), 2);
    assert_eq!(config.facts.ca_directories.len(), 2);
    assert!(config.assumptions.is_empty(), "{:?}", config.assumptions);
    for (path, fact) in [
        ("InitConfiguration.nodeRegistration.name", "hostname"),
        (
            "InitConfiguration.localAPIEndpoint.advertiseAddress",
            "defaultRoute",
        ),
        ("InitConfiguration.nodeRegistration.criSocket", "criSockets"),
        ("Cluster.nodes[0].platform.arch", "platform"),
    ] {
        let origin = Origin::Facts { fact: fact.into() };
        assert_eq!(config.provenance.of(path), Some(&origin), "{path}");
    }
    // The key is not used without confirmation.
    assert!(config.node.recipients.is_empty());
    let warnings = loaded.warnings.to_string();
    assert!(
        warnings.contains("is not confirmed, so nothing is sealed for it")
            && warnings.contains("--confirm-host-key cp1=SHA256:"),
        "{warnings}"
    );
}

#[test]
fn configured_values_replace_facts() {
    let text = init(
        "localAPIEndpoint: {advertiseAddress: 10.0.0.1}\nnodeRegistration: {name: cp1, criSocket: 'unix:///run/a.sock'}\n",
    );
    let config = load(&text, only(vec![cp1()])).unwrap().config;
    assert_eq!(config.advertise_address.to_string(), "10.0.0.1");
    assert_eq!(
        config.init.node_registration.cri_socket,
        "unix:///run/a.sock"
    );
    let text = inventory("{platform: {arch: s390x}}");
    let loaded = load(&text, only(vec![cp1()])).unwrap();
    assert_eq!(loaded.config.node.platform.arch, "s390x");
    assert!(
        loaded
            .warnings
            .to_string()
            .contains("the host's facts name `arm64`")
    );
}

#[test]
fn addresses_are_chosen_as_kubeadm_chooses_them() {
    let with = |written: &str, ipv4: bool, ipv6: bool| {
        let mut facts = cp1();
        let route = facts.default_route.as_mut().unwrap();
        route.ipv4 = route.ipv4.filter(|_| ipv4);
        route.ipv6 = route.ipv6.filter(|_| ipv6);
        let text = init(&format!(
            "localAPIEndpoint: {{advertiseAddress: '{written}'}}\n"
        ));
        load(&text, only(vec![facts])).map(|loaded| loaded.config.advertise_address)
    };
    let (ipv4, ipv6): (IpAddr, IpAddr) = (
        "192.168.10.11".parse().unwrap(),
        "fd00:10::11".parse().unwrap(),
    );
    assert_eq!(with("", true, true), Ok(ipv4));
    assert_eq!(with("0.0.0.0", true, true), Ok(ipv4));
    assert_eq!(with("", false, true), Ok(ipv6));
    assert_eq!(with("::", true, true), Ok(ipv6));
    assert_eq!(with("::", true, false), Ok(ipv4));
    assert!(with("", false, false).is_err());
    assert!(with("127.0.0.1", true, true).is_err());
}

#[test]
fn the_socket_of_the_only_runtime_is_used() {
    let with = |sockets: Option<&[&str]>| {
        let mut facts = cp1();
        facts.cri_sockets = sockets.map(|all| all.iter().map(|s| (*s).to_owned()).collect());
        load(CLUSTER, only(vec![facts]))
    };
    let none = with(Some(&[])).unwrap().config;
    assert_eq!(
        none.init.node_registration.cri_socket,
        "unix:///var/run/containerd/containerd.sock"
    );
    assert!(none.assumptions.is_empty());
    let unknown = with(None).unwrap().config;
    assert_eq!(unknown.assumptions.len(), 1);
    assert_eq!(unknown.assumptions[0].about, "cri-socket");
    let several = with(Some(&["unix:///a", "unix:///b"])).unwrap_err();
    assert!(
        several
            .to_string()
            .contains("several container runtimes answer on the host: unix:///a, unix:///b"),
        "{several}"
    );
}

#[test]
fn what_facts_do_not_contain_stays_an_assumption() {
    let facts = Facts {
        default_route: cp1().default_route,
        ..Facts::of("cp1".parse().unwrap())
    };
    let config = load(CLUSTER, only(vec![facts])).unwrap().config;
    let about: Vec<_> = config.assumptions.iter().map(|a| a.about).collect();
    assert_eq!(
        about,
        [
            "cri-socket",
            "ca-directories",
            "systemd-resolved",
            "proxies"
        ]
    );
}

#[test]
fn the_nodes_own_facts_are_found() {
    let two = || only(vec![named("cp1"), named("host7")]);
    let config = load(&inventory("{name: host7}"), two()).unwrap().config;
    assert_eq!(config.facts.hostname.as_deref(), Some("host7"));
    let config = load(&inventory("{name: first, match: {hostname: host7}}"), two())
        .unwrap()
        .config;
    assert_eq!(config.node.name.as_str(), "first");
    assert_eq!(config.facts.hostname.as_deref(), Some("host7"));
    for (text, hosts, expected) in [
        (CLUSTER.to_owned(), two(), "the node has no name"),
        (inventory("{name: cp9}"), two(), "but not of the host `cp9`"),
        (
            inventory("{name: cp9}"),
            only(vec![cp1()]),
            "there are facts of cp1, but not of the host `cp9`",
        ),
    ] {
        let report = load(&text, hosts).unwrap_err().to_string();
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn a_host_key_in_facts_needs_a_confirmation() {
    let key = cp1().ssh_host_key.unwrap();
    let other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let confirm = |node: &str, fingerprint: &str| FactsSource {
        confirmed: vec![(node.to_owned(), fingerprint.to_owned())],
        ..only(vec![cp1()])
    };
    let known = |text: String| FactsSource {
        known_hosts: Some((KnownHosts::parse(&text), "known".to_owned())),
        ..only(vec![cp1()])
    };
    for (source, by) in [
        (confirm("cp1", &key.fingerprint), "--confirm-host-key"),
        (known(format!("cp1 {}", key.public_key)), "known"),
    ] {
        let loaded = load(CLUSTER, source).unwrap();
        assert_eq!(loaded.config.node.recipients, [key.public_key.as_str()]);
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
        assert_eq!(
            loaded
                .config
                .provenance
                .of("Cluster.nodes[0].recipients[0]"),
            Some(&Origin::Facts {
                fact: format!("sshHostKey, confirmed by {by}")
            })
        );
    }
    // Facts cannot confirm their own key by naming an address that known_hosts lists for that key.
    let by_address = known(format!("192.168.10.11 {}", key.public_key));
    assert!(
        load(CLUSTER, by_address.clone())
            .unwrap()
            .config
            .node
            .recipients
            .is_empty()
    );
    let written = init("localAPIEndpoint: {advertiseAddress: 192.168.10.11}\n");
    assert_eq!(
        load(&written, by_address)
            .unwrap()
            .config
            .node
            .recipients
            .len(),
        1
    );
    for (source, expected) in [
        (confirm("cp1", other), "--confirm-host-key names"),
        (
            confirm("cp2", &key.fingerprint),
            "which is not a planned node",
        ),
        (known(format!("cp1 {OTHER_KEY}")), "known names another key"),
        (
            known(format!("@revoked * {}", key.public_key)),
            "known marks it as revoked",
        ),
    ] {
        let report = load(CLUSTER, source).unwrap_err().to_string();
        assert!(report.contains(expected), "{expected}: {report}");
    }
    // A configured recipient is kept.
    let text = inventory(&format!("{{recipients: ['{OTHER_KEY}']}}"));
    let loaded = load(&text, confirm("cp1", &key.fingerprint)).unwrap();
    assert_eq!(loaded.config.node.recipients, [OTHER_KEY]);
}

const OTHER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

#[test]
fn a_warning_about_a_proxys_password_does_not_show_it() {
    let mut facts = cp1();
    facts.proxies = Some([("http_proxy".to_owned(), "http://u:hunter2@p".to_owned())].into());
    facts.ssh_host_key = None;
    let warnings = load(CLUSTER, only(vec![facts]))
        .unwrap()
        .warnings
        .to_string();
    assert!(warnings.contains("contains a password"), "{warnings}");
    assert!(!warnings.contains("the proxy variable"), "{warnings}");
    assert!(!warnings.contains("hunter2"), "{warnings}");
}

#[test]
fn a_proxy_that_no_client_can_use_is_warned_of() {
    let mut facts = cp1();
    facts.proxies = Some(
        [(
            "http_proxy".to_owned(),
            "http://u:hunter2@10.0.0.256:1".to_owned(),
        )]
        .into(),
    );
    facts.ssh_host_key = None;
    let warnings = load(CLUSTER, only(vec![facts])).unwrap().warnings;
    let warnings = warnings.to_string();
    let expected = "the proxy variable `http_proxy` in the host's facts: `10.0.0.256` is neither";
    assert!(warnings.contains(expected), "{warnings}");
    assert!(!warnings.contains("hunter2"), "{warnings}");
}

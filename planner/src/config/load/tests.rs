//! The whole way from text, compared with what the real kubeadm made of the same files
//! (`kubeadm-1.36.2/`), and rule by rule.

mod invalid;

use serde_json::{Value, json};

use super::*;
use crate::config::provenance::Origin;
use crate::config::report::Severity;
use crate::config::{effective_documents, init_defaults};
use crate::yaml::read::{Data, Node, read};
use invalid::INVALID;

fn to_json(node: &Node) -> Value {
    match &node.data {
        Data::Null => Value::Null,
        Data::Bool(value) => json!(value),
        Data::Int(value) => json!(i64::try_from(*value).unwrap()),
        Data::Float(value) => json!(value),
        Data::String(text) => json!(text),
        Data::Seq(items) => items.iter().map(to_json).collect(),
        Data::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), to_json(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn parsed(text: &str) -> Vec<Value> {
    read(text).unwrap().iter().map(to_json).collect()
}

fn load_one(text: &str) -> Result<Loaded, Report> {
    let name = "c.yaml";
    load(&[Source { name, text }], HostFacts::default())
}

const INIT: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 192.168.10.11}\nnodeRegistration: {name: cp1}\n---\n";
const CLUSTER: &str =
    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";

/// ClusterConfiguration with more lines, after a complete InitConfiguration.
fn with_cluster(lines: &str) -> String {
    format!("{INIT}{CLUSTER}{lines}")
}

macro_rules! cases {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../fixtures/", $folder, $name, ".yaml")))),*]
    };
}

const VALID: &[(&str, &str)] = cases!("":
    "single-node-component-configs",
    "single-node-defaults",
    "single-node-dual-stack",
    "single-node-ecdsa",
    "single-node-endpoint",
    "single-node-extra-args",
    "single-node-inventory",
    "single-node-ipv6",
    "single-node-v1beta3",
    "single-node-volumes-envs",
);

#[test]
fn the_documents_in_effect_are_those_of_kubeadm() {
    let expected: &[(&str, &str)] = &[
        (
            VALID[0].0,
            include_str!("kubeadm-1.36.2/single-node-component-configs.yaml"),
        ),
        (
            VALID[1].0,
            include_str!("kubeadm-1.36.2/single-node-defaults.yaml"),
        ),
        (
            VALID[2].0,
            include_str!("kubeadm-1.36.2/single-node-dual-stack.yaml"),
        ),
        (
            VALID[3].0,
            include_str!("kubeadm-1.36.2/single-node-ecdsa.yaml"),
        ),
        (
            VALID[4].0,
            include_str!("kubeadm-1.36.2/single-node-endpoint.yaml"),
        ),
        (
            VALID[5].0,
            include_str!("kubeadm-1.36.2/single-node-extra-args.yaml"),
        ),
        (
            VALID[6].0,
            include_str!("kubeadm-1.36.2/single-node-inventory.yaml"),
        ),
        (
            VALID[7].0,
            include_str!("kubeadm-1.36.2/single-node-ipv6.yaml"),
        ),
        (
            VALID[8].0,
            include_str!("kubeadm-1.36.2/single-node-v1beta3.yaml"),
        ),
        (
            VALID[9].0,
            include_str!("kubeadm-1.36.2/single-node-volumes-envs.yaml"),
        ),
    ];
    for ((name, text), (expected_name, expected)) in VALID.iter().zip(expected) {
        assert_eq!(name, expected_name);
        let loaded = load_one(text).unwrap_or_else(|report| panic!("{name}:\n{report}"));
        let ours = effective_documents(&loaded.config);
        let mut theirs = parsed(expected);
        // `config migrate` prints this time-out as 0s whatever it is, unless the ClusterConfiguration is v1beta3.
        let timeout = "controlPlaneComponentHealthCheck";
        if *name != "single-node-v1beta3" {
            assert_eq!(theirs[0]["timeouts"][timeout], json!("0s"));
            theirs[0]["timeouts"][timeout] = ours[0]["timeouts"][timeout].clone();
        }
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(
                serde_json::to_string_pretty(ours).unwrap(),
                serde_json::to_string_pretty(theirs).unwrap(),
                "{name} {}",
                theirs["kind"]
            );
        }
    }
}

#[test]
fn init_defaults_are_those_of_kubeadm() {
    let theirs = parsed(include_str!("kubeadm-1.36.2/init-defaults.yaml"));
    let ours = init_defaults(crate::releases::find(36).unwrap());
    assert_eq!(
        theirs,
        [ours.init, ours.cluster, ours.kubelet, ours.kube_proxy]
    );
}

#[test]
fn every_leaf_in_effect_has_an_origin() {
    fn visit(config: &ValidConfig, path: &str, value: &Value) {
        if let Value::Object(entries) = value
            && !entries.is_empty()
        {
            for (name, value) in entries {
                visit(config, &format!("{path}.{name}"), value);
            }
            return;
        }
        let top = path.split_once('.').unwrap().1;
        if !matches!(top, "apiVersion" | "kind") {
            assert!(config.provenance.of(path).is_some(), "{path}");
        }
    }
    for (name, text) in VALID {
        let config = load_one(text).unwrap().config;
        for document in effective_documents(&config) {
            visit(&config, document["kind"].as_str().unwrap(), &document);
        }
        assert!(config.provenance.iter().count() > 100, "{name}");
    }
    let config = load_one(VALID[0].1).unwrap().config;
    let origin = |path| config.provenance.of(path).cloned();
    assert_eq!(
        origin("KubeletConfiguration.evictionHard.memory.available"),
        Some(Origin::Written {
            file: "c.yaml".into(),
            line: 23
        })
    );
    for (path, rule) in [
        ("KubeletConfiguration.healthzPort", "kubeadm's default"),
        (
            "KubeletConfiguration.rotateCertificates",
            "kubeadm always sets it",
        ),
        (
            "KubeletConfiguration.httpCheckFrequency",
            "left unset: the component decides",
        ),
        (
            "KubeProxyConfiguration.clusterCIDR",
            "kubeadm's default: networking.podSubnet",
        ),
        ("Cluster.credentials.minRemaining", "kubeplan's default"),
    ] {
        assert_eq!(
            origin(path),
            Some(Origin::Default { rule: rule.into() }),
            "{path}"
        );
    }
}

#[test]
fn what_is_derived_is_parsed() {
    let config = load_one(VALID[4].1).unwrap().config;
    assert_eq!(config.node.name.as_str(), "cp1.example.com");
    assert_eq!(
        config.cluster.control_plane_endpoint,
        "k8s-api.example.com:7443"
    );
    assert_eq!(
        config.control_plane_url(),
        "https://k8s-api.example.com:7443"
    );
    assert_eq!(config.local_endpoint_url(), "https://192.168.10.11:7443");
    assert_eq!(
        config.cluster.api_server.cert_sans[1],
        "api.internal.example.com"
    );
    assert_eq!(config.timeouts.component_health_check.as_secs(), 600);
    assert_eq!(config.bundle_cluster_name.as_str(), "prod-a");
    assert_eq!(config.version, "1.36.2");

    let config = load_one(VALID[2].1).unwrap().config;
    assert_eq!(config.service_cidrs.len(), 2);
    assert_eq!(config.kubelet.value["clusterDNS"], json!(["fd00:10:96::a"]));

    let config = load_one(VALID[6].1).unwrap().config;
    assert_eq!(config.bundle_cluster_name.as_str(), "site-north");
    assert_eq!(config.node.platform.arch, "arm64");
    assert!(config.node.kubelet_drop_in);
    assert_eq!(config.node.recipients.len(), 1);
    assert_eq!(config.node.host_match.hostname.as_deref(), Some("cp1"));
    assert!(config.node.host_match.machine_id_hash.is_some());
    assert_eq!(config.credentials.min_remaining.as_secs(), 1440 * 3600);
    assert_eq!(config.credentials.clock_tolerance.as_secs(), 600);
    assert_eq!(config.signing_key_file.as_deref(), Some("release.key"));
    assert!(!config.kubelet.supplied);
}

#[test]
fn several_files_are_one_configuration() {
    let sources = [
        Source {
            name: "a.yaml",
            text: INIT,
        },
        Source {
            name: "-",
            text: CLUSTER,
        },
    ];
    let loaded = load(&sources, HostFacts::default()).unwrap();
    assert_eq!(
        loaded
            .config
            .provenance
            .of("ClusterConfiguration.kubernetesVersion"),
        Some(&Origin::Written {
            file: "-".into(),
            line: 3
        })
    );
    let twice = [
        sources[0],
        Source {
            name: "b.yaml",
            text: INIT,
        },
        sources[1],
    ];
    let report = load(&twice, HostFacts::default()).unwrap_err().to_string();
    assert!(
        report.contains("error: b.yaml:1: InitConfiguration: a second document"),
        "{report}"
    );
    assert!(report.contains("a.yaml:1"), "{report}");
}

#[test]
fn crlf_and_byte_order_mark_change_no_value() {
    for (name, text) in VALID {
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        let plain = load_one(text).unwrap().config;
        let other = load_one(&windows)
            .unwrap_or_else(|report| panic!("{name}: {report}"))
            .config;
        assert_eq!(
            effective_documents(&plain),
            effective_documents(&other),
            "{name}"
        );
        assert_eq!(plain.provenance, other.provenance, "{name}");
    }
}

#[test]
fn facts_replace_assumptions() {
    let config = load_one(VALID[1].1).unwrap().config;
    let about: Vec<_> = config
        .assumptions
        .iter()
        .map(|a| a.about.as_str())
        .collect();
    assert_eq!(
        about,
        [
            "cri-socket",
            "hostname",
            "ca-directories",
            "systemd-resolved",
            "proxies"
        ]
    );
    let facts = HostFacts {
        hostname: Some("Host7".into()),
        systemd_resolved: true,
        ..HostFacts::default()
    };
    let text = format!(
        "{}{CLUSTER}",
        INIT.replace("nodeRegistration: {name: cp1}\n", "")
    );
    let sources = [Source {
        name: "c.yaml",
        text: &text,
    }];
    assert!(load(&sources, HostFacts::default()).is_err());
    let config = load(&sources, facts).unwrap().config;
    assert_eq!(config.node.name.as_str(), "host7");
    assert_eq!(
        config.kubelet.value["resolvConf"],
        json!("/run/systemd/resolve/resolv.conf")
    );
    assert_eq!(config.assumptions.len(), 1);
    assert_eq!(
        config.provenance.of("KubeletConfiguration.resolvConf"),
        Some(&Origin::Facts {
            fact: "systemd-resolved runs".into()
        })
    );
}

#[test]
fn warnings_name_what_is_not_recommended() {
    let quiet = load_one(&with_cluster("")).unwrap();
    assert!(quiet.warnings.is_empty(), "{}", quiet.warnings);
    let cases = [
        (
            "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nreadOnlyPort: 10255\n",
            "KubeletConfiguration.readOnlyPort: kubeadm recommends 0; 10255 is kept",
        ),
        (
            "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nrotateCertificates: false\n",
            "always sets it to true",
        ),
        (
            "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nclusterDNS: []\n",
            "KubeletConfiguration.clusterDNS: kubeadm recommends [\"10.96.0.10\"]; [] is kept",
        ),
        (
            "certificateValidityPeriod: 90000h\n",
            "is longer than caCertificateValidityPeriod",
        ),
        (
            "featureGates: {PublicKeysECDSA: true}\n",
            "ClusterConfiguration.featureGates.PublicKeysECDSA: the gate is deprecated",
        ),
        (
            "networking: {serviceSubnet: \"fec0::/112\"}\n",
            "site-local",
        ),
    ];
    for (lines, expected) in cases {
        let warnings = load_one(&with_cluster(lines)).unwrap().warnings;
        assert!(
            warnings.to_string().contains(expected),
            "{expected}:\n{warnings}"
        );
        assert!(
            warnings
                .findings()
                .iter()
                .all(|f| f.severity == Severity::Warning)
        );
    }
    let socket = INIT.replace("{name: cp1}", "{name: cp1, criSocket: /run/crio.sock}") + CLUSTER;
    let loaded = load_one(&socket).unwrap();
    assert_eq!(
        loaded.config.init.node_registration.cri_socket,
        "unix:///run/crio.sock"
    );
    assert!(loaded.warnings.to_string().contains("criSocket"));
}

#[test]
fn the_gate_overrides_the_algorithm_in_both_directions() {
    use crate::pki::KeyAlgorithm as A;
    for (lines, expected) in [
        ("", A::Rsa2048),
        ("encryptionAlgorithm: ECDSA-P384\n", A::EcdsaP384),
        ("featureGates: {PublicKeysECDSA: true}\n", A::EcdsaP256),
        (
            "encryptionAlgorithm: ECDSA-P384\nfeatureGates: {PublicKeysECDSA: false}\n",
            A::Rsa2048,
        ),
    ] {
        assert_eq!(
            load_one(&with_cluster(lines)).unwrap().config.key_algorithm,
            expected,
            "{lines}"
        );
    }
}

/// Lines of ClusterConfiguration, and what is said of them (nothing: they are accepted).
#[test]
fn cluster_rules_are_kubeadms() {
    let cases: &[(&str, &str)] = &[
        ("networking: {serviceSubnet: 10.96.0.0/12}", ""),
        (
            "networking: {serviceSubnet: 10.96.0.0/11}",
            "the prefix length must be 12 or more",
        ),
        (
            "networking: {serviceSubnet: 'fd00::/107'}",
            "the prefix length must be 108 or more",
        ),
        ("networking: {serviceSubnet: 10.96.0.0/28}", ""),
        (
            "networking: {serviceSubnet: 10.96.0.0/29}",
            "has 8 addresses; at least 10",
        ),
        (
            "networking: {serviceSubnet: '10.0.0.0/24,fd00::/112,10.1.0.0/24'}",
            "more than one network of a family",
        ),
        ("networking: {podSubnet: 10.244.0.0/24}", ""),
        (
            "networking: {podSubnet: 10.244.0.0/7}",
            "is too large for node parts of /24",
        ),
        ("networking: {podSubnet: 10.244.0.0/8}", ""),
        ("networking: {podSubnet: 'fd00::/48'}", ""),
        (
            "networking: {podSubnet: 'fd00::/47'}",
            "is too large for node parts of /64",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/29}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'false'}]}",
            "at least 14",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/27}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'false'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/26}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size-ipv4, value: '26'}]}",
            "",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/26}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size, value: '26'}]}",
            "smaller than the part of one node, /24",
        ),
        (
            "networking: {podSubnet: 10.244.0.0/16}\ncontrollerManager: {extraArgs: [{name: node-cidr-mask-size-ipv4, value: x}]}",
            "is no integer",
        ),
        ("controlPlaneEndpoint: 'fd00::1'", ""),
        ("controlPlaneEndpoint: '[fd00::1]'", "is no `host[:port]`"),
        (
            "controlPlaneEndpoint: 'api.example.com:70000'",
            "port `70000`",
        ),
        (
            "controlPlaneEndpoint: 'API.example.com'",
            "lower-case DNS name",
        ),
        ("clusterName: \"with\\u0000nul\"", "clusterName"),
        ("certificatesDir: /etc/kubeplan/pki", "belongs to kubeapply"),
        ("certificatesDir: /etc/../pki", "not normalised"),
        (
            "kubernetesVersions: v1.36.2",
            "did you mean `kubernetesVersion`?",
        ),
        (
            "etcd: {local: {}, external: {endpoints: ['https://a:1']}}",
            "exclude each other",
        ),
        ("etcd: {external: {endpoints: ['http://a:1']}}", ""),
        (
            "etcd: {external: {endpoints: ['http://a:1'], caFile: /ca.crt}}",
            "is not https",
        ),
        (
            "apiServer: {extraEnvs: [{name: A, valueFrom: {fieldRef: {fieldpath: x}}}]}",
            "write `fieldPath`",
        ),
        (
            "apiServer: {certSANs: [\"*.example.com\", 010.0.0.1, 'fd00::1']}",
            "",
        ),
        (
            "featureGates: {n: true}",
            "ClusterConfiguration.featureGates.false: kubeadm has no such feature gate",
        ),
        ("featureGates: {PublicKeysECDSA: y}", ""),
        ("dns: {}\nproxy: {}", ""),
        ("dns: {imageTag: ''}\nproxy: {disabled: no}", ""),
        (
            "caCertificateValidityPeriod: -1h",
            "cannot live for -1h0m0s",
        ),
    ];
    for (lines, expected) in cases {
        match load_one(&with_cluster(lines)) {
            Ok(_) => assert_eq!(*expected, "", "{lines}: accepted"),
            Err(report) => {
                assert!(!expected.is_empty(), "{lines}:\n{report}");
                assert!(
                    report.to_string().contains(expected),
                    "{lines}: {expected}:\n{report}"
                );
            }
        }
    }
}

/// Lines of InitConfiguration beside address and name, and what is said of them.
#[test]
fn init_rules_are_kubeadms() {
    let cases: &[(&str, &str)] = &[
        ("bootstrapTokens: [{ttl: 0s, usages: [authentication]}]", ""),
        (
            "bootstrapTokens: [{groups: ['system:bootstrappers:a'], usages: [signing]}]",
            "groups need the usage",
        ),
        (
            "bootstrapTokens: [{expires: '2027-01-02T15:04:05+01:00'}]",
            "cannot be combined with `ttl`",
        ),
        ("bootstrapTokens: [{expires: tomorrow}]", "is no time"),
        (
            "bootstrapTokens: [{token: 123456.1234567890123456}]",
            "expected a bootstrap token, found a number",
        ),
        ("timeouts: {controlPlaneComponentHealthCheck: 0s}", ""),
        (
            "timeouts: {controlPlaneComponentHealthCheck: -1s}",
            "cannot be negative",
        ),
        ("timeouts: {kubeletHealthCheck: 240s, discovery: 300s}", ""),
        ("timeouts: {tlsBootstrap: 6m}", ""),
        ("timeouts: {etcdAPICall: -6m}", "cannot be negative"),
        ("skipPhases: [addon]", "not supported yet"),
        (
            "dryRun: false\nskipPhases: []\npatches: {}\ncertificateKey: ''",
            "",
        ),
        ("certificateKey: abc", "not 64 hexadecimal digits"),
        ("localApiEndpoint: {}", "write `localAPIEndpoint`"),
    ];
    for (lines, expected) in cases {
        let text = INIT.replace("---\n", &format!("{lines}\n---\n")) + CLUSTER;
        match load_one(&text) {
            Ok(_) => assert_eq!(*expected, "", "{lines}: accepted"),
            Err(report) => {
                assert!(!expected.is_empty(), "{lines}:\n{report}");
                assert!(
                    report.to_string().contains(expected),
                    "{lines}: {expected}:\n{report}"
                );
            }
        }
    }
    // A default written out is no unsupported setting.
    let taint = "{name: cp1, taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule, value: ''}]}";
    assert!(load_one(&(INIT.replace("{name: cp1}", taint) + CLUSTER)).is_ok());
}

#[test]
fn addresses_only_the_host_knows_are_errors() {
    for (address, expected) in [
        ("192.168.10.11", ""),
        ("0.0.0.0", "stands for an address"),
        ("'::'", "stands for an address"),
        ("'::1'", "stands for an address"),
        ("'fe80::1'", "link-local"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("cp1.example.com", "is no IP address"),
    ] {
        let text = INIT.replace("192.168.10.11", address) + CLUSTER;
        match load_one(&text) {
            Ok(_) => assert_eq!(expected, ""),
            Err(report) => assert!(
                !expected.is_empty() && report.to_string().contains(expected),
                "{address}: {report}"
            ),
        }
    }
}

#[test]
fn a_wrong_value_is_spoken_of_once() {
    let report = load_one(&with_cluster("").replace("v1.36.2", "1.36")).unwrap_err();
    assert_eq!(report.findings().len(), 1, "{report}");
    assert!(report.to_string().contains("found a number"), "{report}");
}

#[test]
fn secrets_never_reach_a_report_or_the_documents_in_effect() {
    let secrets = [
        "0123456789ABCDEF",
        "abcdef0123456789abcdef",
        "abcdef.0123456789abcdef",
        "AGE-SECRET-KEY-1EXAMPLE",
        "0123456789abcdef",
    ];
    for (name, text) in INVALID.iter().map(|(name, text, _)| (name, text)) {
        let report = load_one(text).unwrap_err();
        let shown = format!(
            "{report}{report:?}{}",
            serde_json::to_string(&report).unwrap()
        );
        for secret in secrets {
            assert!(!shown.contains(secret), "{name} shows {secret}");
        }
    }
    let config = load_one(VALID[1].1).unwrap().config;
    assert_eq!(
        config.init.bootstrap_tokens[0].token.expose(),
        "abcdef.0123456789abcdef"
    );
    let shown = format!("{config:?}{:?}", effective_documents(&config));
    assert!(!shown.contains("0123456789abcdef"));
    assert!(shown.contains("<redacted>"));
}

#[test]
fn a_flood_of_bad_items_ends_soon() {
    let lines = format!("apiServer: {{certSANs: [{}]}}", "_,".repeat(150_000));
    let report = load_one(&with_cluster(&lines)).unwrap_err();
    assert_eq!(report.findings().len(), 1001);
    assert!(report.to_string().contains("too many findings"));
}

#[test]
fn no_change_of_a_file_makes_it_panic() {
    let texts = VALID
        .iter()
        .map(|(_, text)| *text)
        .chain(INVALID.iter().map(|(_, text, _)| *text));
    for text in texts {
        for (at, _) in text.char_indices().step_by(7) {
            let _ = load_one(&text[..at]);
        }
        let lines: Vec<&str> = text.lines().collect();
        for index in 0..lines.len() {
            for value in ["null", "[]", "{}", "[null]", "-1", "''", "[[]]"] {
                let mut changed = lines.clone();
                let line = lines[index]
                    .split_once(':')
                    .map_or(lines[index], |(key, _)| key);
                let line = format!("{line}: {value}");
                changed[index] = &line;
                let _ = load_one(&changed.join("\n"));
            }
        }
    }
}

#[test]
fn old_documents_are_read_with_a_warning() {
    let (name, text) = VALID[8];
    assert_eq!(name, "single-node-v1beta3");
    let loaded = load_one(text).unwrap();
    let warnings = loaded.warnings.to_string();
    for place in [
        "c.yaml:2: InitConfiguration: ",
        "c.yaml:14: ClusterConfiguration: ",
    ] {
        assert!(
            warnings.contains(&format!(
                "{place}the API version `kubeadm.k8s.io/v1beta3` is deprecated"
            )),
            "{warnings}"
        );
    }
    let origin = |path| loaded.config.provenance.of(path).cloned();
    let written = |line| {
        Some(Origin::Written {
            file: "c.yaml".into(),
            line,
        })
    };
    assert_eq!(
        origin("InitConfiguration.timeouts.controlPlaneComponentHealthCheck"),
        written(18)
    );
    assert_eq!(
        origin("ClusterConfiguration.apiServer.extraArgs[0].value"),
        written(21)
    );
}

#[test]
fn lenient_reading_warns_of_unknown_and_repeated_fields_only() {
    let lenient = |text: &str| {
        let name = "c.yaml";
        let options = Options {
            lenient: true,
            ..Options::default()
        };
        load_with(&[Source { name, text }], options)
    };
    let text = with_cluster(
        "clusterNam: x\nclusterName: a\nclusterName: b\nfeatureGates: {PublicKeysECDSA: true, PublicKeysECDSA: false}\n",
    );
    assert_eq!(load_one(&text).unwrap_err().findings().len(), 3);
    let loaded = lenient(&text).unwrap();
    assert_eq!(loaded.config.cluster.cluster_name, "b");
    assert!(!loaded.config.cluster.feature_gates["PublicKeysECDSA"]);
    let warnings = loaded.warnings.to_string();
    for expected in [
        "clusterNam: unknown field; it is left out\n  hint: did you mean `clusterName`?",
        "ClusterConfiguration.clusterName: duplicate field; the last one counts",
        "featureGates.PublicKeysECDSA: duplicate key; the last one counts",
    ] {
        assert!(warnings.contains(expected), "{expected}: {warnings}");
    }
    for wrong in ["clusterName: 5\n", "encryptionAlgorithm: DSA\n"] {
        assert!(lenient(&with_cluster(wrong)).is_err(), "{wrong}");
    }
}

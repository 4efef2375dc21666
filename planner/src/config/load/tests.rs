//! Loads whole files, compares the results with those of the real kubeadm (`kubeadm-1.36.2/`), and tests every rule.

mod effective;
mod invalid;
mod others;
mod refused_later;
mod rules;

use serde_json::{Value, json};

use super::*;
use crate::config::effective_documents;
use crate::config::provenance::Origin;
use crate::config::report::Severity;
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
    ($directory:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../fixtures/", $directory, $name, ".yaml")))),*]
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
fn derived_values_are_parsed() {
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
fn crlf_and_byte_order_mark_do_not_change_values() {
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
    let about: Vec<_> = config.assumptions.iter().map(|a| a.about).collect();
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
fn a_wrong_value_is_reported_once() {
    let report = load_one(&with_cluster("").replace("v1.36.2", "1.36")).unwrap_err();
    assert_eq!(report.findings().len(), 1, "{report}");
    assert!(report.to_string().contains("found a number"), "{report}");
}

#[test]
fn secrets_never_reach_a_report_or_the_effective_documents() {
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
fn a_report_of_too_many_bad_items_is_cut_off() {
    let lines = format!("apiServer: {{certSANs: [{}]}}", "_,".repeat(90_000));
    let report = load_one(&with_cluster(&lines)).unwrap_err();
    assert_eq!(report.findings().len(), 1001);
    assert!(report.to_string().contains("too many errors"));
}

#[test]
fn a_mutated_file_does_not_panic() {
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
fn lenient_reading_forgives_unknown_and_duplicate_fields_only() {
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
        "clusterNam: unknown field; it is ignored\n  hint: did you mean `clusterName`?",
        "ClusterConfiguration.clusterName: duplicate field; the last one counts",
        "featureGates.PublicKeysECDSA: duplicate key; the last one counts",
    ] {
        assert!(warnings.contains(expected), "{expected}: {warnings}");
    }
    for wrong in ["clusterName: 5\n", "encryptionAlgorithm: DSA\n"] {
        assert!(lenient(&with_cluster(wrong)).is_err(), "{wrong}");
    }
}

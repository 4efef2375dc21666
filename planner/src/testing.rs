//! Configurations, key material and reference files for unit tests.
//!
//! The configurations say by hand what decoding and defaulting make of `fixtures/reference/*/config.yaml`; the
//! files beside those are what kubeadm v1.36.2 wrote for them, with credentials elided.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{HostMatch, NodeRole, Platform};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use serde_json::{Value, json};

use crate::config::kubeadm::{
    ApiEndpoint, Arg, ClusterConfiguration, Etcd, ExternalEtcd, HostPathMount, InitConfiguration,
    LocalEtcd, Networking, NodeRegistration, Timeouts,
};
use crate::config::provenance::Provenance;
use crate::config::valid::{
    ClusterConfig, ComponentConfig, Credentials, Endpoint, EndpointHost, HostFacts, JoinCredential,
    Joining, Membership, NodeParts, NodeSettings,
};
use crate::config::{SecretText, ValidConfig};
use crate::kubeadm::releases;
use crate::pki::{IssuedCertificate, KeyAlgorithm, Material, ServiceAccountKey};
use crate::plan::CertificateRow;

/// The reference that changes nothing.
pub(crate) const DEFAULT: &str = "default";
/// The reference with extra arguments, volumes, variables, another registry and endpoint.
pub(crate) const HA: &str = "ha";

/// The reference with an external etcd cluster.
pub(crate) const EXTERNAL_ETCD: &str = "extetcd";

/// A file kubeadm wrote.
pub(crate) fn reference_file(reference: &str, path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/reference")
        .join(reference)
        .join(path);
    #[expect(clippy::disallowed_methods, reason = "a test reads fixtures")]
    let text = std::fs::read_to_string(&path);
    text.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A kubeconfig with its credentials elided, as in the reference files.
pub(crate) fn elide_data(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("-data: ") {
        Some((key, _)) => format!("{key}-data: (elided)\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

fn args(pairs: &[(&str, &str)]) -> Vec<Arg> {
    pairs
        .iter()
        .map(|(name, value)| Arg {
            name: (*name).into(),
            value: (*value).into(),
        })
        .collect()
}

fn volume(name: &str, path: &str, read_only: bool, path_type: &str) -> HostPathMount {
    HostPathMount {
        name: name.into(),
        host_path: path.into(),
        mount_path: path.into(),
        read_only,
        path_type: path_type.into(),
    }
}

/// The kubelet configuration of a reference, as it is for the whole cluster.
fn kubelet(reference: &str) -> ComponentConfig {
    let text = reference_file(reference, "var/lib/kubelet/config.yaml");
    let mut value: Value = serde_yaml::from_str(&text).unwrap();
    value["containerRuntimeEndpoint"] = json!("");
    ComponentConfig {
        value,
        supplied: reference == HA,
    }
}

/// `fixtures/reference/default/config.yaml`, defaulted.
pub(crate) fn default_config() -> ValidConfig {
    ValidConfig::by_hand(NodeParts {
        shared: ClusterConfig {
            cluster: ClusterConfiguration {
                etcd: Etcd {
                    local: Some(LocalEtcd {
                        data_dir: "/var/lib/etcd".into(),
                        ..LocalEtcd::default()
                    }),
                    external: None,
                },
                networking: Networking {
                    service_subnet: "10.96.0.0/12".into(),
                    pod_subnet: String::new(),
                    dns_domain: "cluster.local".into(),
                },
                kubernetes_version: "v1.36.2".into(),
                certificates_dir: "/etc/kubernetes/pki".into(),
                image_repository: "registry.k8s.io".into(),
                cluster_name: "kubernetes".into(),
                encryption_algorithm: "RSA-2048".into(),
                ..ClusterConfiguration::default()
            },
            cluster_kubelet: kubelet(DEFAULT).into(),
            kube_proxy: ComponentConfig {
                value: json!({}),
                supplied: false,
            },
            bundle_cluster_name: "kubernetes".parse().unwrap(),
            credentials: Credentials {
                min_remaining: Duration::from_secs(30 * 24 * 3600),
                clock_tolerance: Duration::from_secs(300),
            },
            signing_key_file: None,
            release: releases::find(36).unwrap(),
            version: "1.36.2".into(),
            service_cidrs: vec!["10.96.0.0/12".parse().unwrap()],
            pod_cidrs: Vec::new(),
            control_plane_endpoint: None,
            key_algorithm: KeyAlgorithm::Rsa2048,
            certificate_validity: Duration::from_secs(8760 * 3600),
            ca_certificate_validity: Duration::from_secs(87600 * 3600),
        }
        .into(),
        init: InitConfiguration {
            local_api_endpoint: ApiEndpoint {
                advertise_address: "192.168.10.11".into(),
                bind_port: 6443,
            },
            node_registration: NodeRegistration {
                name: "cp1".into(),
                cri_socket: "unix:///var/run/containerd/containerd.sock".into(),
                ..NodeRegistration::default()
            },
            timeouts: Timeouts {
                control_plane_component_health_check: "4m0s".into(),
                kubelet_health_check: "4m0s".into(),
                kubernetes_api_call: "1m0s".into(),
                ..Timeouts::default()
            },
            ..InitConfiguration::default()
        },
        kubelet: kubelet(DEFAULT).into(),
        node: NodeSettings {
            name: "cp1".parse().unwrap(),
            role: NodeRole::ControlPlane,
            addresses: vec!["192.168.10.11".parse().unwrap()],
            marks: Default::default(),
            recipients: Vec::new(),
            host_match: HostMatch::default(),
            platform: Platform {
                os: "linux".into(),
                arch: "amd64".into(),
            },
            ca_cert_path: None,
            kubelet_drop_in: false,
            system_ids: None,
        },
        membership: Membership::Creates,
        advertise_address: "192.168.10.11".parse().unwrap(),
        bind_port: 6443,
        timeouts: crate::config::timeouts::Timeouts::default(),
        facts: HostFacts::default().into(),
        assumptions: Vec::new(),
        provenance: Provenance::default(),
    })
}

/// `fixtures/reference/extetcd/config.yaml`, defaulted.
pub(crate) fn external_etcd_config() -> ValidConfig {
    let mut config = default_config();
    config.control_plane_endpoint = Some(Endpoint {
        host: EndpointHost::Address("192.168.10.10".parse().unwrap()),
        port: 6443,
    });
    config.cluster.control_plane_endpoint = "192.168.10.10:6443".into();
    config.cluster.etcd = Etcd {
        local: None,
        external: Some(ExternalEtcd {
            endpoints: ["21", "22", "23"]
                .map(|host| format!("https://192.168.10.{host}:2379"))
                .to_vec(),
            ca_file: "/etc/etcd/pki/ca.crt".into(),
            cert_file: "/etc/etcd/pki/client.crt".into(),
            key_file: "/etc/etcd/pki/client.key".into(),
            ..ExternalEtcd::default()
        }),
    };
    config
}

/// `fixtures/reference/ha/config.yaml`, defaulted.
pub(crate) fn ha_config() -> ValidConfig {
    let mut config = default_config();
    config.init.node_registration.cri_socket = "unix:///run/containerd/containerd.sock".into();
    config.kubelet = kubelet(HA).into();
    config.cluster_kubelet = kubelet(HA).into();
    config.control_plane_endpoint = Some(Endpoint {
        host: EndpointHost::Name("k8s-api.example.com".into()),
        port: 6443,
    });
    config.bundle_cluster_name = "prod-a".parse().unwrap();

    let cluster = &mut config.cluster;
    cluster.cluster_name = "prod-a".into();
    cluster.control_plane_endpoint = "k8s-api.example.com:6443".into();
    cluster.image_repository = "registry.example.com:5000/k8s".into();
    cluster.networking.service_subnet = "172.16.0.0/20".into();
    cluster.networking.pod_subnet = "192.168.0.0/16".into();
    cluster.api_server.extra_args = args(&[
        ("audit-log-path", "/var/log/kubernetes/audit.log"),
        ("audit-log-maxage", "30"),
        ("service-account-issuer", "https://issuer.example.com"),
        (
            "service-account-issuer",
            "https://kubernetes.default.svc.cluster.local",
        ),
        ("enable-admission-plugins", "NodeRestriction,PodSecurity"),
        ("authorization-mode", "Node,RBAC"),
        ("profiling", "false"),
    ]);
    cluster.api_server.extra_volumes = vec![
        volume(
            "audit-logs",
            "/var/log/kubernetes",
            false,
            "DirectoryOrCreate",
        ),
        volume(
            "audit-policy",
            "/etc/kubernetes/audit-policy.yaml",
            true,
            "File",
        ),
    ];
    cluster.api_server.extra_envs = vec![
        json!({"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}),
        json!({"name": "NO_PROXY", "value": "10.0.0.0/8,.svc"}),
    ];
    cluster.controller_manager.extra_args = args(&[
        ("node-cidr-mask-size", "25"),
        ("bind-address", "0.0.0.0"),
        ("terminated-pod-gc-threshold", "50"),
    ]);
    cluster.controller_manager.extra_volumes =
        vec![volume("extra-cm", "/etc/kubernetes/cm", true, "Directory")];
    cluster.controller_manager.extra_envs = vec![json!({"name": "FOO", "value": "bar"})];
    cluster.scheduler.extra_args = args(&[
        ("config", "/etc/kubernetes/scheduler-config.yaml"),
        ("profiling", "false"),
    ]);
    cluster.scheduler.extra_volumes = vec![volume(
        "sched-config",
        "/etc/kubernetes/scheduler-config.yaml",
        true,
        "FileOrCreate",
    )];
    cluster.scheduler.extra_envs = vec![json!({"name": "BAZ", "value": "qux"})];
    cluster.etcd.local = Some(LocalEtcd {
        data_dir: "/data/etcd".into(),
        image_tag: "3.6.8-1".into(),
        extra_args: args(&[
            ("quota-backend-bytes", "8589934592"),
            ("listen-metrics-urls", "http://0.0.0.0:2381"),
        ]),
        extra_envs: vec![json!({"name": "ETCD_MAX_REQUEST_BYTES", "value": "10485760"})],
        ..LocalEtcd::default()
    });
    config
}

/// How long the client certificate of a joining kubelet lives.
pub(crate) const JOIN_VALIDITY: Duration = Duration::from_secs(2160 * 3600);

/// A second control-plane node of the default cluster, at an endpoint for all.
pub(crate) fn joining_control_plane_config() -> ValidConfig {
    let mut config = joining(default_config(), "cp2", "192.168.10.12");
    config.node.role = NodeRole::ControlPlane;
    config
}

/// A worker of the default cluster, at an endpoint for all.
pub(crate) fn joining_worker_config() -> ValidConfig {
    let mut config = joining(default_config(), "w1", "192.168.10.11");
    config.node.role = NodeRole::Worker;
    config
}

/// `config`'s cluster as the node `name` finds it that joins with a certificate. The address is the one that its API server
/// advertises; of a worker that of the node that founds the cluster.
pub(crate) fn joining(mut config: ValidConfig, name: &str, address: &str) -> ValidConfig {
    if config.control_plane_endpoint.is_none() {
        config.control_plane_endpoint = Some(Endpoint {
            host: EndpointHost::Address("192.168.10.10".parse().unwrap()),
            port: 6443,
        });
        config.cluster.control_plane_endpoint = "192.168.10.10:6443".into();
    }
    config.node.name = name.parse().unwrap();
    config.init.node_registration.name = name.into();
    config.init.local_api_endpoint.advertise_address = address.into();
    config.advertise_address = address.parse().unwrap();
    config.facts.hostname = Some(name.into());
    config.membership = Membership::Joins(Joining {
        ca_cert_path: None,
        credential: JoinCredential::Certificate {
            validity: JOIN_VALIDITY,
        },
    });
    config
}

/// `config` with a token that its kubelet bootstraps with.
pub(crate) fn bootstrapping(mut config: ValidConfig) -> ValidConfig {
    let certificate_key = config.is_control_plane();
    if let Membership::Joins(joining) = &mut config.membership {
        joining.credential = JoinCredential::Bootstrap {
            kubeconfig: secret_text(BOOTSTRAP_KUBECONFIG),
            token_endpoint: Some(EndpointHost::Address("192.168.10.10".parse().unwrap())),
            certificate_key,
        };
    }
    config
}

/// What kubeadm makes of the discovery by token.
pub(crate) const BOOTSTRAP_KUBECONFIG: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Y2VydGlmaWNhdGU=
    server: https://192.168.10.10:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: tls-bootstrap-token-user
  name: tls-bootstrap-token-user@kubernetes
current-context: tls-bootstrap-token-user@kubernetes
kind: Config
users:
- name: tls-bootstrap-token-user
  user:
    token: abcdef.0123456789abcdef
";

/// `text` as a secret of the configuration.
pub(crate) fn secret_text(text: &str) -> SecretText {
    serde_json::from_value(text.into()).unwrap()
}

/// The default with an IPv6 address and an IPv6 service network.
pub(crate) fn ipv6_config() -> ValidConfig {
    let mut config = default_config();
    config.advertise_address = "2001:db8::10".parse::<IpAddr>().unwrap();
    config.init.local_api_endpoint.advertise_address = "2001:db8::10".into();
    config.cluster.networking.service_subnet = "fd00:10:96::/112".into();
    config.service_cidrs = vec!["fd00:10:96::/112".parse().unwrap()];
    config
}

fn issued(name: &str) -> IssuedCertificate {
    let der = format!("DER of {name}").into_bytes();
    let block = pem::Pem::new("CERTIFICATE", der.as_slice());
    let line_feeds = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    IssuedCertificate {
        certificate_pem: pem::encode_config(&block, line_feeds),
        certificate_der: der,
        key_pem: Some(SecretBytes::from_text(format!("key of {name}\n"))),
        row: CertificateRow {
            name: name.into(),
            path: String::new(),
            subject: format!("CN = {name}"),
            signer: "ca".into(),
            sans: Vec::new(),
            usages: Vec::new(),
            key: "RSA-2048".into(),
            not_before: Timestamp::from_unix_seconds(0).unwrap(),
            not_after: Timestamp::MAX,
            spki: Sha256Digest::of(name.as_bytes()),
            user_supplied: false,
        },
    }
}

/// Stand-ins for every certificate and key: what the files are made of does not matter to their place.
pub(crate) fn material() -> Material {
    let names = crate::kubeadm::layout::CERTIFICATE_FILES
        .iter()
        .map(|(name, _)| *name)
        .chain(
            crate::render::kubeconfig::FILES
                .iter()
                .map(|file| file.file_name),
        );
    Material {
        certificates: names
            .map(|name| (name.to_owned(), issued(name)))
            .collect::<BTreeMap<_, _>>(),
        service_account: Some(ServiceAccountKey {
            key_pem: SecretBytes::from_text("key of sa\n".into()),
            public_pem: "public key of sa\n".into(),
            spki: Sha256Digest::of(b"sa"),
        }),
        credentials: Default::default(),
        test_only: true,
    }
}

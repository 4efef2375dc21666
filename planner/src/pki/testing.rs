//! A valid configuration for tests: one control-plane node with kubeadm's defaults.

use std::time::Duration;

use kubeplan_bundle::index::{HostMatch, NodeRole, Platform};
use kubeplan_bundle::timestamp::Timestamp;

use super::KeyAlgorithm;
use crate::config::ValidConfig;
use crate::config::kubeadm::LocalEtcd;
use crate::config::valid::{
    ClusterConfig, ComponentConfig, Credentials, HostFacts, Membership, NodeParts, NodeSettings,
};

const HOUR: u64 = 3600;

/// Node `cp1` at 192.168.10.11, everything else defaulted.
pub(super) fn config() -> ValidConfig {
    let component = || ComponentConfig {
        value: serde_json::Value::Null,
        supplied: false,
    };
    let mut config = ValidConfig::by_hand(NodeParts {
        shared: ClusterConfig {
            cluster: Default::default(),
            cluster_kubelet: component().into(),
            kube_proxy: component(),
            bundle_cluster_name: "kubernetes".parse().unwrap(),
            credentials: Credentials {
                min_remaining: Duration::from_secs(30 * 24 * HOUR),
                clock_tolerance: Duration::from_secs(300),
            },
            signing_key_file: None,
            release: crate::kubeadm::releases::find(36).unwrap(),
            version: "1.36.2".into(),
            service_cidrs: vec!["10.96.0.0/12".parse().unwrap()],
            pod_cidrs: Vec::new(),
            control_plane_endpoint: None,
            key_algorithm: KeyAlgorithm::Rsa2048,
            certificate_validity: Duration::from_secs(8760 * HOUR),
            ca_certificate_validity: Duration::from_secs(87600 * HOUR),
        }
        .into(),
        init: Default::default(),
        kubelet: component().into(),
        node: NodeSettings {
            ca_cert_path: None,
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
            kubelet_drop_in: false,
            system_ids: None,
        },
        membership: Membership::Creates,
        advertise_address: "192.168.10.11".parse().unwrap(),
        bind_port: 6443,
        timeouts: crate::config::timeouts::Timeouts::default(),
        facts: HostFacts::default().into(),
        assumptions: Vec::new(),
        provenance: Default::default(),
    });
    config.cluster.networking.dns_domain = "cluster.local".into();
    config.cluster.etcd.local = Some(LocalEtcd::default());
    config
}

/// The instant the tests plan at.
pub(super) fn now() -> Timestamp {
    "2026-11-20T10:23:25Z".parse().unwrap()
}

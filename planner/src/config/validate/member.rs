//! Validation of a node that joins: only what is its own.
//!
//! In: the node's draft with its defaults; what has been checked with the founding node. Out: its configuration, or findings.

use ipnet::IpNet;
use kubeplan_bundle::index::NodeRole;
use serde_json::Value;

use super::super::address;
use super::super::default::{self, SharedKubelet};
use super::super::draft::Draft;
use super::super::kubeadm::InitConfiguration;
use super::super::timeouts::Timeouts;
use super::super::valid::{
    Assumption, ComponentConfig, HostFacts, JoinCredential, Joining, Membership, NodeSettings,
    ValidConfig,
};
use super::inventory::JoinBy;
use super::{
    Founding, bind_port, etcd, fields, host_work, inventory, names, network, taints, typed,
};
use crate::patches::Patches;
use crate::schema::Kind;

/// Where the CA certificate lies on a worker (kubeadm v1.36.2, cmd/kubeadm/app/apis/kubeadm/v1beta4/defaults.go,
/// DefaultCACertPath).
const DEFAULT_CA_CERT_PATH: &str = "/etc/kubernetes/pki/ca.crt";

/// Checks everything about a node that joins; `None` if a part of the result cannot be made (then there is an error in the report).
/// What is the cluster's comes from `founding`, and is not checked again.
pub(in super::super) fn joining(
    draft: &mut Draft,
    facts: HostFacts,
    assumptions: Vec<Assumption>,
    shared_kubelet: &SharedKubelet,
    founding: &Founding,
) -> Option<ValidConfig> {
    let checked = check(
        draft,
        &facts,
        shared_kubelet,
        &founding.config.service_cidrs,
    );
    if draft.report.has_errors() {
        return None;
    }
    let base = &founding.config;
    let node = checked.node?;
    let init: InitConfiguration = typed(draft, Kind::Init)?;
    // A worker has no API server: it finds that of the founding node.
    let (advertise_address, bind_port) = match node.role {
        NodeRole::ControlPlane => (
            address::parse_ip(&init.local_api_endpoint.advertise_address)?,
            checked.bind_port?,
        ),
        NodeRole::Worker => (base.advertise_address, base.bind_port),
    };
    let external_etcd = (node.role == NodeRole::ControlPlane)
        .then(|| etcd::assumption(draft))
        .flatten();
    let JoinBy::Certificate(validity) = founding.join_by else {
        return None;
    };
    Some(ValidConfig {
        advertise_address,
        bind_port,
        init,
        kubelet: match checked.kubelet {
            Some(value) => ComponentConfig {
                value,
                supplied: base.cluster_kubelet.supplied,
            },
            None => shared_kubelet.complete(base.cluster_kubelet.supplied),
        },
        node,
        membership: Membership::Joins(Joining {
            ca_cert_path: DEFAULT_CA_CERT_PATH.to_owned(),
            credential: JoinCredential::Certificate { validity },
        }),
        timeouts: checked.timeouts,
        facts,
        assumptions: assumptions.into_iter().chain(external_etcd).collect(),
        patches: Patches::default(),
        provenance: std::mem::take(&mut draft.provenance),
        cluster: base.cluster.clone(),
        cluster_kubelet: base.cluster_kubelet.clone(),
        kube_proxy: base.kube_proxy.clone(),
        bundle_cluster_name: base.bundle_cluster_name.clone(),
        credentials: base.credentials,
        signing_key_file: base.signing_key_file.clone(),
        release: base.release,
        version: base.version.clone(),
        service_cidrs: base.service_cidrs.clone(),
        pod_cidrs: base.pod_cidrs.clone(),
        control_plane_endpoint: base.control_plane_endpoint.clone(),
        key_algorithm: base.key_algorithm,
        certificate_validity: base.certificate_validity,
        ca_certificate_validity: base.ca_certificate_validity,
        upload_certs: false,
        only_phases: Vec::new(),
    })
}

/// What the rules for a joining node parse on the way.
pub(in super::super) struct Checked {
    pub(in super::super) node: Option<NodeSettings>,
    kubelet: Option<Value>,
    timeouts: Timeouts,
    bind_port: Option<u16>,
}

/// Checks everything about a node that joins a cluster with these service networks.
pub(in super::super) fn check(
    draft: &mut Draft,
    facts: &HostFacts,
    shared_kubelet: &SharedKubelet,
    service_cidrs: &[IpNet],
) -> Checked {
    names::node_registration(draft);
    taints::validate(draft);
    let timeouts = host_work::check(draft);
    fields::check(draft);
    let node = inventory::node(draft);
    if default::role(draft) == Some(NodeRole::ControlPlane) {
        network::families(draft, service_cidrs);
    }
    Checked {
        kubelet: default::kubelet_of_node(draft, shared_kubelet, facts),
        bind_port: bind_port(draft),
        timeouts,
        node,
    }
}

//! Validates what is one joining node's own.
//!
//! In: the node's draft with its defaults; what was checked with the first control-plane node. Out: its configuration, or findings.

use ipnet::IpNet;
use kubeplan_bundle::index::NodeRole;
use serde_json::Value;

use super::super::address;
use super::super::default::{self, SharedKubelet};
use super::super::draft::Draft;
use super::super::kubeadm::InitConfiguration;
use super::super::timeouts::Timeouts;
use super::super::valid::{
    Assumption, ComponentConfig, HostFacts, JoinCredential, Joining, Membership, NodeParts,
    NodeSettings, Shared,
};
use super::inventory::JoinBy;
use super::{
    FirstControlPlane, bind_port, etcd, fields, host_work, inventory, kubelet, names, network,
    taints, typed,
};
use crate::schema::Kind;

/// The configuration of a joining node that was checked; `None` together with an error in the report. The cluster's part comes from
/// the first control-plane node.
pub(in super::super) fn joining(
    draft: &mut Draft,
    checked: Checked,
    facts: Shared<HostFacts>,
    assumptions: Vec<Assumption>,
    shared_kubelet: &Shared<ComponentConfig>,
    first: &FirstControlPlane,
) -> Option<NodeParts> {
    let base = &first.config;
    let node = checked.node?;
    let init: InitConfiguration = typed(draft, Kind::Init)?;
    // A worker has no API server: it uses that of the first control-plane node.
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
    let JoinBy::Certificate(validity) = first.join_by else {
        return None;
    };
    Some(NodeParts {
        shared: first.cluster.clone(),
        advertise_address,
        bind_port,
        init,
        kubelet: match checked.kubelet {
            Some(value) => Shared::from(ComponentConfig {
                value,
                supplied: base.cluster_kubelet.supplied,
            }),
            None => shared_kubelet.clone(),
        },
        membership: Membership::Joins(Joining {
            ca_cert_path: node.ca_cert_path.clone(),
            credential: JoinCredential::Certificate { validity },
        }),
        node,
        timeouts: checked.timeouts,
        facts,
        assumptions: assumptions.into_iter().chain(external_etcd).collect(),
        provenance: std::mem::take(&mut draft.provenance),
    })
}

/// Values that the checks of a joining node parse.
pub(in super::super) struct Checked {
    pub(in super::super) node: Option<NodeSettings>,
    kubelet: Option<Value>,
    timeouts: Timeouts,
    bind_port: Option<u16>,
}

/// Checks everything about a node that joins a cluster with these Service networks.
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
    kubelet::check(draft, facts);
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

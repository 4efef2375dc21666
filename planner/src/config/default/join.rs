//! Sets the defaults of JoinConfiguration.
//!
//! Its fields about the node have the defaults of InitConfiguration, which are set after `config::join` copied them there.
//! Rules: kubeadm v1.36.2, cmd/kubeadm/app/apis/kubeadm/v1beta4/defaults.go.

use kubeplan_bundle::index::NodeRole;

use super::super::draft::{Draft, Unset};
use super::super::joining;
use super::super::valid::{Assumption, HostFacts};
use super::warn_of_unset;
use super::{assume_about_host, component, inventory, kubeadm};
use crate::schema::Kind;

/// The default file of the cluster's CA certificate on a worker.
const CA_CERT_PATH: &str = "/etc/kubernetes/pki/ca.crt";
const RULE: &str = "kubeadm's default";

/// Sets the defaults of fields that only JoinConfiguration has.
pub(in super::super) fn apply_static(draft: &mut Draft) {
    let kind = Kind::Join;
    draft.default_to(kind, "caCertPath", Unset::Empty, CA_CERT_PATH, RULE);
    let path = "discovery.file.kubeConfigPath";
    if let Some(file) = draft.text(kind, path).strip_prefix("file://") {
        draft.set(kind, path, file.into());
    }
    let token = draft.text(kind, "discovery.bootstrapToken.token");
    if !token.is_empty() {
        let rule = "kubeadm's default: discovery.bootstrapToken.token";
        let path = "discovery.tlsBootstrapToken";
        draft.default_to(kind, path, Unset::Empty, token, rule);
    }
}

/// Sets the node's defaults that follow from the document alone.
pub(in super::super) fn apply_static_to_node(draft: &mut Draft) {
    kubeadm::apply_static_of_node(draft);
}

/// Sets the defaults that checks need. Fields that kubeadm would read from the host stay unset.
pub(in super::super) fn apply_to_check(draft: &mut Draft) {
    apply_static(draft);
    joining::hand_on(draft);
    apply_static_to_node(draft);
    dynamic(draft);
}

/// Sets the defaults that `config migrate` writes. Warns about each field that kubeadm would read from the host.
pub(in super::super) fn apply_to_convert(draft: &mut Draft) {
    let (name, address) = ("nodeRegistration.name", "localAPIEndpoint.advertiseAddress");
    apply_to_check(draft);
    if draft.text(Kind::Init, name).is_empty() {
        warn_of_unset(draft, Kind::Init, name, "write its host's name");
    }
    if joining::is_control_plane(draft) && draft.text(Kind::Init, address).is_empty() {
        let source = "write the address of its host's default route";
        warn_of_unset(draft, Kind::Init, address, source);
    }
}

/// Sets every default of a node that joins a running cluster, and of the documents that the cluster stores.
pub(in super::super) fn apply_to_plan(
    draft: &mut Draft,
    facts: &HostFacts,
    role: NodeRole,
) -> Vec<Assumption> {
    let mut assumptions = Vec::new();
    inventory::shared(draft);
    // The entry contains only the role: messages name the node's values by their fields in JoinConfiguration.
    draft.joins = false;
    inventory::node(draft, facts);
    draft.joins = true;
    kubeadm::apply_static_of_node(draft);
    kubeadm::apply_static_of_cluster(draft);
    kubeadm::apply_dynamic_to_node(draft, facts, role, &mut assumptions);
    kubeadm::control_plane_endpoint(draft);
    kubeadm::lower_case_names(draft);
    component::kubelet(draft);
    component::resolver(draft, facts);
    kubeadm::apply_version(draft);
    assume_about_host(facts, role, &mut assumptions);
    let socket = |assumption: &&mut Assumption| assumption.about == "cri-socket";
    if let Some(assumption) = assumptions.iter_mut().find(socket) {
        assumption.instead = "set JoinConfiguration.nodeRegistration.criSocket";
    }
    assumptions
}

/// Normalises values as kubeadm does, and sets their defaults that do not depend on the host.
fn dynamic(draft: &mut Draft) {
    let unknown = HostFacts::default();
    if !draft.text(Kind::Init, "nodeRegistration.name").is_empty() {
        kubeadm::node_name(draft, &unknown);
    }
    kubeadm::cri_socket(draft, &unknown, &mut Vec::new());
    if joining::is_control_plane(draft) {
        kubeadm::taints(draft);
        if !draft
            .text(Kind::Init, "localAPIEndpoint.advertiseAddress")
            .is_empty()
        {
            kubeadm::advertise_address(draft, &unknown);
        }
    }
}

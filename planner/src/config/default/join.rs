//! Defaults of JoinConfiguration.
//!
//! What it says of the node has the defaults of InitConfiguration, which are filled in once that is handed on
//! (`config::join`). Rules: kubeadm v1.36.2, cmd/kubeadm/app/apis/kubeadm/v1beta4/defaults.go.

use kubeplan_bundle::index::NodeRole;

use super::super::draft::{Draft, Unset};
use super::super::join;
use super::super::migrate::warn_of_unset;
use super::super::valid::{Assumption, HostFacts};
use super::{assume_about_host, component, inventory, kubeadm};
use crate::schema::Kind;

/// Where a worker keeps the cluster's CA certificate.
const CA_CERT_PATH: &str = "/etc/kubernetes/pki/ca.crt";
const RULE: &str = "kubeadm's default";

/// Defaults of what only JoinConfiguration has.
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

/// Defaults of the node that need nothing but the document.
pub(in super::super) fn apply_static_to_node(draft: &mut Draft) {
    kubeadm::apply_static_of_node(draft);
}

/// The defaults that a check goes by: what only the host could say stays unset.
pub(in super::super) fn apply_to_check(draft: &mut Draft) {
    apply_static(draft);
    join::hand_on(draft);
    apply_static_to_node(draft);
    dynamic(draft);
}

/// The defaults that `config migrate` writes; a warning for each that only the host could say.
pub(in super::super) fn apply_to_convert(draft: &mut Draft) {
    let (name, address) = ("nodeRegistration.name", "localAPIEndpoint.advertiseAddress");
    apply_to_check(draft);
    if draft.text(Kind::Init, name).is_empty() {
        warn_of_unset(draft, Kind::Init, name, "write its host's name");
    }
    if join::is_control_plane(draft) && draft.text(Kind::Init, address).is_empty() {
        let source = "write the address of its host's default route";
        warn_of_unset(draft, Kind::Init, address, source);
    }
}

/// Every default of a node that joins a cluster that runs, and of the cluster's documents as it stores them.
pub(in super::super) fn apply_to_plan(
    draft: &mut Draft,
    facts: &HostFacts,
    role: NodeRole,
) -> Vec<Assumption> {
    let mut assumptions = Vec::new();
    inventory::shared(draft);
    // The entry holds nothing but the role; the node's values are known by their names in JoinConfiguration.
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

/// Values that kubeadm normalises, and defaults of them that do not depend on the host.
fn dynamic(draft: &mut Draft) {
    let nobody = HostFacts::default();
    if !draft.text(Kind::Init, "nodeRegistration.name").is_empty() {
        kubeadm::node_name(draft, &nobody);
    }
    kubeadm::cri_socket(draft, &nobody, &mut Vec::new());
    if join::is_control_plane(draft) {
        kubeadm::taints(draft);
        if !draft
            .text(Kind::Init, "localAPIEndpoint.advertiseAddress")
            .is_empty()
        {
            kubeadm::advertise_address(draft, &nobody);
        }
    }
}

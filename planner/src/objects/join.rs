//! What a node that joins does once its files are in place.
//!
//! In: the configuration. Out: [`Step`]s, no object: the cluster has all of them. kubeadm's order (v1.36.2, cmd/kubeadm/app/cmd/join.go):
//! the kubelet is started, the node becomes a member of etcd, and only then the kubelet's credentials are waited for, because the
//! kubelet of a control-plane node gets them from its own API server, which needs its etcd.

use std::collections::BTreeMap;

use kubeplan_bundle::step::{EtcdClient, EtcdPods, PhaseName, Step};

use super::{KUBE_SYSTEM, LivePhase, ObjectContext, ObjectError, mark_control_plane, running_host};
use crate::config::ValidConfig;
use crate::config::valid::JoinCredential;
use crate::layout;
use crate::phases::join::{ETCD, ETCD_JOIN};
use crate::static_pod::etcd;
use running_host::{kubeconfig, seconds};

/// The phase that starts the kubelet.
const KUBELET_START: &str = "kubelet-start";
/// The phase that waits for the kubelet and its credentials.
const WAIT_BOOTSTRAP: &str = "kubelet-wait-bootstrap";

/// The phases in kubeadm's order. A worker has those that concern it.
pub(super) const PHASES: &[LivePhase] = &[
    LivePhase::step(KUBELET_START, wait_for_control_plane),
    LivePhase::step(KUBELET_START, require_free_node_name),
    LivePhase::step(KUBELET_START, running_host::start_kubelet),
    LivePhase::step(ETCD_JOIN, join_etcd),
    LivePhase::step(WAIT_BOOTSTRAP, running_host::wait_for_kubelet),
    LivePhase::step(WAIT_BOOTSTRAP, take_credentials),
    LivePhase::step(
        "control-plane-join/mark-control-plane",
        mark_control_plane::step,
    ),
    LivePhase::step("wait-control-plane", running_host::wait_for_components),
];

/// The kubelet's first credentials are a token of this kind.
fn bootstraps(config: &ValidConfig) -> bool {
    config
        .joining()
        .is_some_and(|joining| matches!(joining.credential, JoinCredential::Bootstrap { .. }))
}

/// The kubeconfig of the node that reaches the cluster before its own API server runs. On a control-plane node that is the
/// administrator's: the kubelet's points at the node itself.
fn cluster_kubeconfig(config: &ValidConfig) -> &'static str {
    if config.is_control_plane() {
        "admin.conf"
    } else if bootstraps(config) {
        "bootstrap-kubelet.conf"
    } else {
        "kubelet.conf"
    }
}

/// A planned node may be installed before the cluster runs.
fn wait_for_control_plane(
    phase: PhaseName,
    context: &ObjectContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    Ok(Some(Step::WaitForControlPlane {
        phase,
        kubeconfig: kubeconfig(cluster_kubeconfig(config))?,
        timeout_seconds: seconds(config.timeouts.discovery),
    }))
}

/// Only where the name was not given away with a certificate.
fn require_free_node_name(
    phase: PhaseName,
    context: &ObjectContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    if !bootstraps(config) {
        return Ok(None);
    }
    Ok(Some(Step::RequireFreeNodeName {
        phase,
        node: config.node.name.clone(),
        // On a control-plane node its server is the node itself; whoever asks takes the one of `Index.api`.
        bootstrap_kubeconfig: layout::BOOTSTRAP_KUBELET_CONF.parse()?,
        kubeconfig: kubeconfig("kubelet.conf")?,
    }))
}

/// No step with an external etcd.
fn join_etcd(phase: PhaseName, context: &ObjectContext<'_>) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    if config.cluster.etcd.external.is_some() {
        return Ok(None);
    }
    let folder = &config.cluster.certificates_dir;
    let labels = [("component", etcd::NAME), ("tier", "control-plane")];
    Ok(Some(Step::JoinEtcd {
        phase,
        member: config.node.name.clone(),
        peer_url: etcd::peer_url(config),
        pods: EtcdPods {
            namespace: KUBE_SYSTEM.to_owned(),
            labels: BTreeMap::from(labels.map(|(key, value)| (key.to_owned(), value.to_owned()))),
            client_urls: etcd::CLIENT_URLS_ANNOTATION.to_owned(),
        },
        client: EtcdClient {
            authority: layout::certificate(folder, "etcd/ca").parse()?,
            certificate: layout::certificate(folder, "etcd/healthcheck-client").parse()?,
            key: layout::private_key(folder, "etcd/healthcheck-client").parse()?,
        },
        transaction: ETCD.parse()?,
        timeout_seconds: seconds(config.timeouts.etcd_api_call),
    }))
}

/// A bootstrap kubeconfig goes away; a planned certificate gives way to the one that the kubelet rotates.
fn take_credentials(
    phase: PhaseName,
    context: &ObjectContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    if !bootstraps(config) {
        return running_host::use_rotated_certificate(phase, context);
    }
    Ok(Some(Step::FinishTlsBootstrap {
        phase,
        bootstrap_kubeconfig: layout::BOOTSTRAP_KUBELET_CONF.parse()?,
        kubeconfig: kubeconfig("kubelet.conf")?,
        timeout_seconds: seconds(config.timeouts.tls_bootstrap),
    }))
}

//! `kubelet-wait-bootstrap`: the kubelet of a joining node is healthy and has its credentials.
//!
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/cmd/phases/join/kubelet.go.

use kubeplan_bundle::step::{FinishTlsBootstrap, PhaseName, Step};

use super::kubelet_finalize::use_rotated_certificate;
use super::wait_control_plane::wait_for_kubelet;
use super::{Part, PhaseContext, kubeconfig_path, seconds};
use crate::kubeadm::layout;
use crate::render::objects::ObjectError;

/// `kubelet-wait-bootstrap`.
pub(crate) const JOIN: &[Part] = &[
    Part::step(PHASE, wait_for_kubelet),
    Part::step(PHASE, take_credentials),
];

const PHASE: &str = "kubelet-wait-bootstrap";

/// A bootstrap kubeconfig goes away; a planned certificate gives way to the one that the kubelet rotates.
fn take_credentials(
    phase: PhaseName,
    context: &PhaseContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    if !config.membership.kubelet_bootstraps() {
        return use_rotated_certificate(phase, context);
    }
    Ok(Some(Step::FinishTlsBootstrap(FinishTlsBootstrap {
        phase,
        bootstrap_kubeconfig: layout::BOOTSTRAP_KUBELET_CONF.parse()?,
        kubeconfig: kubeconfig_path("kubelet.conf")?,
        timeout_seconds: seconds(config.timeouts.tls_bootstrap),
    })))
}

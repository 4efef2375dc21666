//! `kubelet-finalize`: the kubelet's kubeconfig names the certificate that the kubelet rotates.
//!
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/cmd/phases/init/kubeletfinalize.go`.

use kubeplan_bundle::step::{PhaseName, Step, UseRotatedCertificate};

use super::{Part, PhaseContext, kubeconfig_path, kubelet_service};
use crate::render::objects::ObjectError;

/// `kubelet-finalize/enable-client-cert-rotation`.
pub(crate) const INIT: &[Part] = &[Part::step(
    "kubelet-finalize/enable-client-cert-rotation",
    use_rotated_certificate,
)];

/// The kubelet's kubeconfig names the certificate that it rotates.
pub(super) fn use_rotated_certificate(
    phase: PhaseName,
    context: &PhaseContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    Ok(Some(Step::UseRotatedCertificate(UseRotatedCertificate {
        phase,
        kubeconfig: kubeconfig_path("kubelet.conf")?,
        certificate: context.kubelet.client_certificate().parse()?,
        service: kubelet_service()?,
    })))
}

//! `kubelet-finalize`: the kubelet's kubeconfig names the certificate that the kubelet rotates.
//!
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/cmd/phases/init/kubeletfinalize.go`.

use kubeplan_bundle::step::{PhaseName, Step};

use super::{Part, PhaseContext, kubeconfig_path, kubelet_service};
use crate::config::ValidConfig;
use crate::kubeadm::layout;
use crate::render::objects::ObjectError;
use crate::render::static_pod::flags::last_value;

/// `kubelet-finalize/enable-client-cert-rotation`.
pub(crate) const INIT: &[Part] = &[Part::step(
    "kubelet-finalize/enable-client-cert-rotation",
    use_rotated_certificate,
)];

/// Where the kubelet keeps its certificates unless `cert-dir` says otherwise.
const KUBELET_PKI: &str = "/var/lib/kubelet/pki";

/// The link to the newest client certificate of the kubelet, with its key.
pub(super) fn rotated_certificate(config: &ValidConfig) -> String {
    let arguments = &config.init.node_registration.kubelet_extra_args;
    let directory =
        last_value(arguments, "cert-dir").map_or(KUBELET_PKI, |(_, directory)| directory);
    layout::in_directory(directory, "kubelet-client-current.pem")
}

/// The kubelet's kubeconfig names the certificate that it rotates.
pub(super) fn use_rotated_certificate(
    phase: PhaseName,
    context: &PhaseContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    Ok(Some(Step::UseRotatedCertificate {
        phase,
        kubeconfig: kubeconfig_path("kubelet.conf")?,
        certificate: rotated_certificate(context.config).parse()?,
        service: kubelet_service()?,
    }))
}

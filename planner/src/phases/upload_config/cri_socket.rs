//! The node's CRI socket as an annotation, where the release keeps it there: a step and no object, as the kubelet registers the node.
//!
//! Source: kubeadm v1.33.0 and v1.35.0, cmd/kubeadm/app/cmd/phases/init/uploadconfig.go and phases/patchnode.

use std::collections::BTreeMap;

use kubeplan_bundle::step::{AnnotateNode, PhaseName, Step};

use crate::phases::PhaseContext;
use crate::render::kubelet;
use crate::render::objects::ObjectError;

/// kubeadm's name (v1.36.2, cmd/kubeadm/app/constants/constants.go).
const ANNOTATION: &str = "kubeadm.alpha.kubernetes.io/cri-socket";

/// The step for the planned node; none where the socket is in a file of the kubelet.
pub(super) fn step(
    phase: PhaseName,
    context: &PhaseContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    let annotated = config.release.annotates_cri_socket && !kubelet::has_instance_config(config);
    Ok(annotated.then(|| {
        Step::AnnotateNode(AnnotateNode {
            phase,
            node: config.node.name.clone(),
            annotations: BTreeMap::from([(
                ANNOTATION.to_owned(),
                config.init.node_registration.cri_socket.clone(),
            )]),
        })
    }))
}

//! `mark-control-plane`: labels and taints of the node. A step and no object: the kubelet registers the node itself.

use kubeplan_bundle::step::{LabelAndTaintNode, PhaseName, Step, Taint, TaintEffect};

use super::{Part, PhaseContext};
use crate::kubeadm::labels::CONTROL_PLANE;
use crate::render::objects::ObjectError;

/// `mark-control-plane`.
pub(crate) const INIT: &[Part] = &[Part::step("mark-control-plane", step)];

/// `control-plane-join/mark-control-plane`.
pub(crate) const JOIN: &[Part] = &[Part::step("control-plane-join/mark-control-plane", step)];

/// The step for the planned node.
fn step(phase: PhaseName, context: &PhaseContext<'_>) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    let [role, _] = CONTROL_PLANE;
    let taints = match &config.init.node_registration.taints {
        None => vec![Taint {
            key: role.to_owned(),
            value: String::new(),
            effect: TaintEffect::NoSchedule,
        }],
        Some(taints) => taints
            .iter()
            .map(|taint| serde_json::from_value(taint.clone()))
            .collect::<Result<_, _>>()
            .map_err(|_| ObjectError::Value("InitConfiguration.nodeRegistration.taints"))?,
    };
    let mut labels = config.node.marks.clone();
    labels.extend(CONTROL_PLANE.map(|label| (label.to_owned(), String::new())));
    Ok(Some(Step::LabelAndTaintNode(LabelAndTaintNode {
        phase,
        node: config.node.name.clone(),
        labels,
        taints,
    })))
}

//! `control-plane/*`: the static Pods of Kubernetes' own components.

use super::{OutlinedEntry, Part, PhaseContext, PlanError};
use crate::kubeadm::layout::{self, Kind};
use crate::patches::Target;
use crate::plan::{PlannedContent, PlannedEntry};
use crate::render::static_pod::etcd::initial_cluster_holes;
use crate::yaml::write::to_go_yaml;

/// `control-plane/*` of `init`.
pub(crate) const INIT: &[Part] = &[
    Part::files("control-plane/apiserver", apiserver),
    Part::files("control-plane/controller-manager", controller_manager),
    Part::files("control-plane/scheduler", scheduler),
];

/// `control-plane-prepare/control-plane` of `join`.
pub(crate) const JOIN: &[Part] = &[
    Part::files(PREPARE, apiserver),
    Part::files(PREPARE, controller_manager),
    Part::files(PREPARE, scheduler),
];

/// kubeadm has one phase for all Pods of a node that joins.
pub(crate) const PREPARE: &str = "control-plane-prepare/control-plane";

/// kube-apiserver.
fn apiserver(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    in_directory(phase, context, Target::KubeApiserver)
}

/// kube-controller-manager.
fn controller_manager(
    phase: &Part,
    context: &PhaseContext<'_>,
) -> Result<Vec<OutlinedEntry>, PlanError> {
    in_directory(phase, context, Target::KubeControllerManager)
}

/// kube-scheduler.
fn scheduler(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    in_directory(phase, context, Target::KubeScheduler)
}

/// The manifest and the directories it lies in.
fn in_directory(
    phase: &Part,
    context: &PhaseContext<'_>,
    target: Target,
) -> Result<Vec<OutlinedEntry>, PlanError> {
    let mut entries = phase.manifest_directories()?;
    entries.extend(manifest(phase, context, target)?);
    Ok(entries)
}

/// The entry of a static Pod, patched; `None` if the node does not run it.
pub(super) fn manifest(
    phase: &Part,
    context: &PhaseContext<'_>,
    target: Target,
) -> Result<Option<OutlinedEntry>, PlanError> {
    let Some(pod) = context.pods.get::<PlanError>(target)? else {
        return Ok(None);
    };
    let entry = phase.entry(
        Kind::Manifest,
        &layout::manifest(pod.component),
        PlannedContent::Public(to_go_yaml(&pod.document).into_bytes()),
        pod.sources.clone(),
    )?;
    Ok(Some(PlannedEntry {
        holes: initial_cluster_holes(&pod.document),
        ..entry
    }))
}

//! `control-plane/*`: the static Pods of Kubernetes' own components.

use super::{PhaseContext, PhaseDef, PlanError};
use crate::layout::{self, Kind};
use crate::patches::{Patched, Target};
use crate::plan::{PlannedContent, PlannedEntry};
use crate::static_pod::etcd::initial_cluster_holes;
use crate::static_pod::{StaticPod, kube_apiserver, kube_controller_manager, kube_scheduler};
use crate::yaml::write::to_go_yaml;

/// kube-apiserver.
pub(super) fn apiserver(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_apiserver::pod(&context.pods())?;
    in_folder(phase, context, Target::KubeApiserver, pod)
}

/// kube-controller-manager.
pub(super) fn controller_manager(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_controller_manager::pod(&context.pods())?;
    in_folder(phase, context, Target::KubeControllerManager, pod)
}

/// kube-scheduler.
pub(super) fn scheduler(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_scheduler::pod(&context.pods())?;
    in_folder(phase, context, Target::KubeScheduler, pod)
}

/// The manifest and the folders it lies in.
fn in_folder(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
    target: Target,
    pod: StaticPod,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let mut entries = phase.manifest_folders()?;
    entries.push(manifest(phase, context, target, pod)?);
    Ok(entries)
}

/// The entry of a static Pod, patched.
pub(super) fn manifest(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
    target: Target,
    pod: StaticPod,
) -> Result<PlannedEntry, PlanError> {
    let path = layout::manifest(pod.component);
    let rendered = Patched {
        document: pod.document()?,
        sources: pod.sources,
    };
    let Patched { document, sources } =
        context
            .config
            .patches
            .typed(context.config.release, target, rendered)?;
    let text = to_go_yaml(&document);
    let entry = phase.entry(
        Kind::Manifest,
        &path,
        PlannedContent::Public(text.into_bytes()),
        sources,
    )?;
    Ok(PlannedEntry {
        holes: initial_cluster_holes(&document),
        ..entry
    })
}

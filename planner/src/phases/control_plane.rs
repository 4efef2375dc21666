//! `control-plane/*`: the static Pods of Kubernetes' own components.

use super::{Part, PhaseContext, PlanError};
use crate::kubeadm::layout::{self, Kind};
use crate::patches::{Patched, Target};
use crate::plan::{PlannedContent, PlannedEntry};
use crate::render::static_pod::etcd::initial_cluster_holes;
use crate::render::static_pod::{
    StaticPod, kube_apiserver, kube_controller_manager, kube_scheduler,
};
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
fn apiserver(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_apiserver::pod(&context.pods())?;
    in_folder(phase, context, Target::KubeApiserver, pod)
}

/// kube-controller-manager.
fn controller_manager(
    phase: &Part,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_controller_manager::pod(&context.pods())?;
    in_folder(phase, context, Target::KubeControllerManager, pod)
}

/// kube-scheduler.
fn scheduler(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_scheduler::pod(&context.pods())?;
    in_folder(phase, context, Target::KubeScheduler, pod)
}

/// The manifest and the folders it lies in.
fn in_folder(
    phase: &Part,
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
    phase: &Part,
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

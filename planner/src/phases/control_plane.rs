//! `control-plane/*`: the static Pods of Kubernetes' own components.

use super::{PhaseContext, PhaseDef, PlanError};
use crate::layout::{self, Kind};
use crate::patches::{Patched, Target};
use crate::plan::{PlannedContent, PlannedEntry};
use crate::static_pod::flags::KUBEADM_DEFAULT;
use crate::static_pod::{StaticPod, kube_apiserver, kube_controller_manager, kube_scheduler};
use crate::yaml::write::to_go_yaml;

/// kube-apiserver; with an external etcd also the folder of manifests, which nobody made before.
pub(super) fn apiserver(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let mut entries = Vec::new();
    if context.config.cluster.etcd.local.is_none() {
        entries.push(phase.folder(Kind::ClosedFolder, layout::MANIFESTS_DIR, KUBEADM_DEFAULT)?);
    }
    let pod = kube_apiserver::pod(&context.pods())?;
    entries.push(manifest(phase, context, Target::KubeApiserver, pod)?);
    Ok(entries)
}

/// kube-controller-manager.
pub(super) fn controller_manager(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_controller_manager::pod(&context.pods())?;
    let target = Target::KubeControllerManager;
    Ok(vec![manifest(phase, context, target, pod)?])
}

/// kube-scheduler.
pub(super) fn scheduler(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_scheduler::pod(&context.pods())?;
    Ok(vec![manifest(phase, context, Target::KubeScheduler, pod)?])
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
    let Patched { document, sources } = context.config.patches.typed(target, rendered)?;
    let text = to_go_yaml(&document);
    phase.entry(
        Kind::Manifest,
        &path,
        PlannedContent::Public(text.into_bytes()),
        sources,
    )
}

//! `control-plane/*`: the static Pods of Kubernetes' own components.

use super::{PhaseContext, PhaseDef, PlanError};
use crate::layout::{self, Kind};
use crate::plan::{PlannedContent, PlannedEntry};
use crate::static_pod::flags::KUBEADM_DEFAULT;
use crate::static_pod::{StaticPod, kube_apiserver, kube_controller_manager, kube_scheduler};

/// kube-apiserver; with an external etcd also the folder of manifests, which nobody made before.
pub(super) fn apiserver(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let mut entries = Vec::new();
    if context.config.cluster.etcd.local.is_none() {
        entries.push(phase.folder(Kind::ClosedFolder, layout::MANIFESTS_DIR, KUBEADM_DEFAULT)?);
    }
    entries.push(manifest(phase, kube_apiserver::pod(&context.pods())?)?);
    Ok(entries)
}

/// kube-controller-manager.
pub(super) fn controller_manager(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let pod = kube_controller_manager::pod(&context.pods())?;
    Ok(vec![manifest(phase, pod)?])
}

/// kube-scheduler.
pub(super) fn scheduler(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    Ok(vec![manifest(
        phase,
        kube_scheduler::pod(&context.pods())?,
    )?])
}

/// The entry of a static Pod.
pub(super) fn manifest(phase: &PhaseDef, pod: StaticPod) -> Result<PlannedEntry, PlanError> {
    phase.entry(
        Kind::Manifest,
        &layout::manifest(pod.component),
        PlannedContent::Public(pod.to_yaml()?.into_bytes()),
        pod.sources,
    )
}

//! `kubeconfig/*`: one kubeconfig each, and the directory they lie in.

use super::keyed::secret_kubeconfig;
use super::{Keyed, OutlinedEntry, Part, PhaseContext, PlanError};
use crate::config::SecretText;
use crate::kubeadm::layout::{self, Kind};
use crate::plan::{PlannedEntry, ValueSource};
use crate::render::kubeconfig::{self, KubeconfigFile, bootstrap};
use crate::render::static_pod::paths::{ADVERTISE_ADDRESS, BIND_PORT};

/// `kubeconfig/*` of `init`.
pub(crate) const INIT: &[Part] = &[
    Part::files("kubeconfig/admin", file),
    Part::files("kubeconfig/super-admin", file),
    Part::files("kubeconfig/kubelet", file),
    Part::files("kubeconfig/controller-manager", file),
    Part::files("kubeconfig/scheduler", file),
];

/// `control-plane-prepare/kubeconfig` of `join`; the kubelet's belongs to `kubelet-start`.
pub(crate) const JOIN: &[Part] = &[
    Part::files_of(PREPARE, "admin", file),
    Part::files_of(PREPARE, "controller-manager", file),
    Part::files_of(PREPARE, "scheduler", file),
];

/// kubeadm has one phase for all kubeconfigs of a node that joins.
pub(crate) const PREPARE: &str = "control-plane-prepare/kubeconfig";

/// The kubeconfig the phase is named after.
fn file(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    let file_name = format!("{}.conf", phase.item());
    let file = kubeconfig::find(&file_name).ok_or_else(|| PlanError::Phase(phase.phase.into()))?;
    Ok(vec![
        phase.kubernetes_directory()?,
        entry(phase, context, file)?,
    ])
}

/// The kubeconfig `file`.
pub(super) fn entry(
    phase: &Part,
    context: &PhaseContext<'_>,
    file: &'static KubeconfigFile,
) -> Result<OutlinedEntry, PlanError> {
    let entry = phase.entry(
        Kind::Kubeconfig,
        &layout::kubeconfig(file.file_name),
        Keyed::Kubeconfig(file),
        file.sources(context.config),
    )?;
    Ok(PlannedEntry {
        handoff: file.handoff,
        ..entry
    })
}

/// What the kubelet asks for its certificate with.
pub(super) fn bootstrap_entry(
    phase: &Part,
    context: &PhaseContext<'_>,
    found: &SecretText,
) -> Result<OutlinedEntry, PlanError> {
    let mut sources = vec![ValueSource {
        value: "clusters, users".to_owned(),
        from: "cluster: discovery".to_owned(),
    }];
    if kubeconfig::kubelet_stays_local(context.config) {
        sources.extend([ADVERTISE_ADDRESS, BIND_PORT].map(|from| ValueSource {
            value: "clusters[].cluster.server".to_owned(),
            from: from.to_owned(),
        }));
    }
    phase.entry(
        Kind::Kubeconfig,
        layout::BOOTSTRAP_KUBELET_CONF,
        secret_kubeconfig(bootstrap::render(context.config, found)?),
        sources,
    )
}

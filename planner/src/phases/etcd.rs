//! `etcd/local`: the data folder and the static Pod of etcd; nothing when etcd is external.

use super::control_plane::manifest;
use super::{PhaseContext, PhaseDef, PlanError};
use crate::layout::{self, Kind};
use crate::patches::Target;
use crate::plan::PlannedEntry;
use crate::static_pod::flags::KUBEADM_DEFAULT;
use crate::static_pod::paths::DATA_DIR;
use crate::static_pod::{self};

/// The folder of manifests, the data folder, the Pod.
pub(super) fn local(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let Some(local) = &context.config.cluster.etcd.local else {
        return Ok(Vec::new());
    };
    let pod = static_pod::etcd::pod(&context.pods(), local)?;
    Ok(vec![
        phase.folder(
            Kind::ClosedFolder,
            layout::trimmed(&local.data_dir),
            DATA_DIR,
        )?,
        phase.folder(Kind::ClosedFolder, layout::MANIFESTS_DIR, KUBEADM_DEFAULT)?,
        manifest(phase, context, Target::Etcd, pod)?,
    ])
}

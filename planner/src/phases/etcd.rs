//! `etcd/local`, with `join` `etcd-join`: the data folder and the static Pod of etcd; nothing when etcd is external.

use super::control_plane::manifest;
use super::{PhaseContext, PhaseDef, PlanError};
use crate::layout::{self, Kind};
use crate::patches::Target;
use crate::plan::PlannedEntry;
use crate::static_pod::paths::DATA_DIR;
use crate::static_pod::{self};

/// The data folder, the folder of manifests, the Pod.
pub(super) fn local(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let Some(local) = &context.config.cluster.etcd.local else {
        return Ok(Vec::new());
    };
    let pod = static_pod::etcd::pod(&context.pods(), local)?;
    let data_dir = layout::trimmed(&local.data_dir);
    let mut entries = vec![phase.folder(Kind::ClosedFolder, data_dir, DATA_DIR)?];
    entries.extend(phase.manifest_folders()?);
    entries.push(manifest(phase, context, Target::Etcd, pod)?);
    Ok(entries)
}

/// As [`local`], with the hole for the members that there are.
pub(super) fn joining(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let entries = local(phase, context)?;
    let holes: usize = entries.iter().map(|entry| entry.holes.len()).sum();
    if entries.is_empty() || holes == 1 {
        Ok(entries)
    } else {
        Err(PlanError::InitialCluster)
    }
}

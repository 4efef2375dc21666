//! `kubelet-start`: the kubelet's files; starting it is a step of the bundle.

use super::{PhaseContext, PhaseDef, PlanError};
use crate::kubelet::{self, SourcedText};
use crate::layout::{self, Kind};
use crate::plan::{PlannedContent, PlannedEntry};
use crate::static_pod::flags::KUBEADM_DEFAULT;

/// In kubeadm's order: flags, instance configuration, configuration; then the drop-in if it is wanted.
pub(super) fn files(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let config = context.config;
    let file = |kind: Kind, path: &str, file: SourcedText| {
        let content = PlannedContent::Public(file.text.into_bytes());
        phase.entry(kind, path, content, file.sources)
    };
    let mut entries = vec![
        phase.folder(Kind::ClosedFolder, layout::KUBELET_DIR, KUBEADM_DEFAULT)?,
        file(
            Kind::KubeletFile,
            layout::KUBELET_FLAGS,
            kubelet::flags_env(config),
        )?,
    ];
    if kubelet::has_instance_config(config) {
        entries.push(file(
            Kind::KubeletFile,
            layout::KUBELET_INSTANCE_CONFIG,
            kubelet::instance_config_yaml(config),
        )?);
    }
    entries.push(file(
        Kind::KubeletFile,
        layout::KUBELET_CONFIG,
        kubelet::config_yaml(config)?,
    )?);
    if config.node.kubelet_drop_in {
        entries.push(phase.folder(
            Kind::OpenFolder,
            layout::KUBELET_DROP_IN_DIR,
            KUBEADM_DEFAULT,
        )?);
        entries.push(file(
            Kind::Unit,
            layout::KUBELET_DROP_IN,
            kubelet::drop_in(),
        )?);
    }
    Ok(entries)
}

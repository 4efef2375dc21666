//! `kubeconfig/*`: one kubeconfig each, and the folder they lie in.

use kubeplan_bundle::index::SecretClass;

use super::{MaterialSource, PhaseContext, PhaseDef, PlanError};
use crate::kubeconfig::{self, KubeconfigMaterial, KubeconfigText};
use crate::layout::{self, Kind};
use crate::plan::{PlannedContent, PlannedEntry};

/// The kubeconfig the phase is named after.
pub(super) fn file(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let file_name = format!("{}.conf", phase.own_name());
    let file = kubeconfig::find(&file_name).ok_or_else(|| PlanError::Phase(phase.name.into()))?;
    let credentials = match context.material {
        MaterialSource::Issued(material) => KubeconfigMaterial::of(file, material)?,
        MaterialSource::None => KubeconfigMaterial::Placeholders,
    };
    let content = match file.render(context.config, credentials)? {
        KubeconfigText::Secret(bytes) => PlannedContent::Secret {
            class: SecretClass::Kubeconfig,
            bytes,
            spki: None,
        },
        KubeconfigText::Public(text) => PlannedContent::Public(text.into_bytes()),
    };
    let entry = phase.entry(
        Kind::Kubeconfig,
        &layout::kubeconfig(file.file_name),
        content,
        file.sources(context.config),
    )?;
    let file = PlannedEntry {
        handoff: file.handoff,
        ..entry
    };
    Ok(vec![phase.kubernetes_folder()?, file])
}

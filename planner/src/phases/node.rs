//! The plan of one node: entries of all phases, grouped into transactions.

use kubeplan_bundle::index::NodeRole;

use super::selection::phase_of_certificate;
use super::{
    MaterialSource, PHASES, PhaseContext, PhaseDef, PlanError, Selection, TRANSACTIONS,
    certificate_paths, preflight,
};
use crate::config::ValidConfig;
use crate::layout::CERTIFICATE_FILES;
use crate::objects::{self, ObjectContext};
use crate::pki::certlist::is_external;
use crate::plan::{CertificateRow, NodePlan, PlannedContent, PlannedEntry, PlannedTransaction};
use crate::static_pod::run_as;

/// Everything the node gets from the selected phases: entries in kubeadm's order of phases, transactions in commit order.
///
/// # Errors
/// [`PlanError`] if the configuration names a place no bundle can write to, or the key store lacks
/// something the node needs.
pub fn plan_node(
    config: &ValidConfig,
    material: MaterialSource<'_>,
) -> Result<NodePlan, PlanError> {
    let selection = Selection::of(config);
    let context = PhaseContext {
        config,
        material,
        selection: &selection,
    };
    let mut entries: Vec<PlannedEntry> = Vec::new();
    let mut members: Vec<(&PhaseDef, usize)> = Vec::new();
    for phase in PHASES.iter().filter(|phase| selection.includes(phase.name)) {
        for entry in (phase.plan)(phase, &context)? {
            if let Some(earlier) = find_path(&entries, &entry) {
                if is_same_folder(earlier, &entry) {
                    continue;
                }
                return Err(PlanError::PlannedTwice {
                    path: entry.placement.path.to_string(),
                    first: earlier.phase.to_string(),
                    second: entry.phase.to_string(),
                });
            }
            members.push((phase, entries.len()));
            entries.push(entry);
        }
    }
    run_as::give_files_away(config, &mut entries);
    let preflight = if selection.includes("preflight") {
        preflight::steps(config, preflight::Command::Init)?
    } else {
        Vec::new()
    };
    let live = objects::plan(&ObjectContext { config, material })?;
    let all_certificates = certificate_rows(config, material)?;
    let certificates = all_certificates
        .iter()
        .filter(|row| selection.includes(&phase_of_certificate(&row.name)))
        .cloned()
        .collect();
    Ok(NodePlan {
        name: config.node.name.clone(),
        role: NodeRole::ControlPlane,
        preflight,
        transactions: transactions(&members)?,
        certificates,
        all_certificates,
        left_out: selection.left_out(),
        entries,
        live,
    })
}

fn find_path<'a>(entries: &'a [PlannedEntry], wanted: &PlannedEntry) -> Option<&'a PlannedEntry> {
    entries
        .iter()
        .find(|entry| entry.placement.path == wanted.placement.path)
}

/// Whether both are one folder that several phases need: the same place, mode and reason.
fn is_same_folder(left: &PlannedEntry, right: &PlannedEntry) -> bool {
    let is_folder = |entry: &PlannedEntry| matches!(entry.content, PlannedContent::Directory);
    is_folder(left)
        && is_folder(right)
        && left.placement == right.placement
        && left.sources == right.sources
}

/// Entries by transaction; one that would be empty is left out.
fn transactions(members: &[(&PhaseDef, usize)]) -> Result<Vec<PlannedTransaction>, PlanError> {
    if let Some((stray, _)) = members
        .iter()
        .find(|(phase, _)| !TRANSACTIONS.contains(&phase.top_level()))
    {
        return Err(PlanError::Phase(stray.name.to_owned()));
    }
    let mut transactions = Vec::new();
    for name in TRANSACTIONS {
        let entries: Vec<usize> = members
            .iter()
            .filter(|(phase, _)| phase.top_level() == *name)
            .map(|(_, entry)| *entry)
            .collect();
        if !entries.is_empty() {
            transactions.push(PlannedTransaction {
                name: name.parse()?,
                phase: name.parse()?,
                entries,
            });
        }
    }
    Ok(transactions)
}

/// The certificates with their paths, those in files first, both in kubeadm's order.
fn certificate_rows(
    config: &ValidConfig,
    material: MaterialSource<'_>,
) -> Result<Vec<CertificateRow>, PlanError> {
    let MaterialSource::Issued(material) = material else {
        return Ok(Vec::new());
    };
    let paths = certificate_paths(config);
    let names = CERTIFICATE_FILES
        .iter()
        .map(|(name, _)| *name)
        .chain(crate::kubeconfig::FILES.iter().map(|file| file.file_name));
    names
        .filter(|name| !is_external(config, name))
        .map(|name| {
            let certificate = material
                .certificates
                .get(name)
                .ok_or_else(|| PlanError::NoCertificate(name.to_owned()))?;
            let mut row = certificate.row.clone();
            row.path = paths.get(name).cloned().unwrap_or_default();
            Ok(row)
        })
        .collect()
}

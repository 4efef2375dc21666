//! The plan of one node: entries of all phases, grouped into transactions.

use kubeplan_bundle::index::NodeRole;

use super::{
    MaterialSource, PHASES, PhaseContext, PhaseDef, PlanError, TRANSACTIONS, certificate_paths,
    preflight,
};
use crate::config::ValidConfig;
use crate::layout::CERTIFICATE_FILES;
use crate::objects::{self, ObjectContext};
use crate::pki::certlist::is_external;
use crate::plan::{CertificateRow, NodePlan, PlannedEntry, PlannedTransaction};

/// Everything the node gets: entries in kubeadm's order of phases, transactions in commit order.
///
/// # Errors
/// [`PlanError`] if the configuration names a place no bundle can write to, or the key store lacks
/// something the node needs.
pub fn plan_node(
    config: &ValidConfig,
    material: MaterialSource<'_>,
) -> Result<NodePlan, PlanError> {
    let context = PhaseContext { config, material };
    let mut entries: Vec<PlannedEntry> = Vec::new();
    let mut members: Vec<(&PhaseDef, usize)> = Vec::new();
    for phase in PHASES {
        for entry in (phase.plan)(phase, &context)? {
            if let Some(earlier) = find_path(&entries, &entry) {
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
    let (objects, live_steps) = objects::plan(&ObjectContext { config, material })?;
    Ok(NodePlan {
        name: config.node.name.clone(),
        role: NodeRole::ControlPlane,
        preflight: preflight::steps(config, preflight::Command::Init)?,
        transactions: transactions(&members)?,
        certificates: certificate_rows(config, material)?,
        entries,
        objects,
        live_steps,
    })
}

fn find_path<'a>(entries: &'a [PlannedEntry], wanted: &PlannedEntry) -> Option<&'a PlannedEntry> {
    entries
        .iter()
        .find(|entry| entry.placement.path == wanted.placement.path)
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

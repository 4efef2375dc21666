//! The plan of one node: entries of all phases, grouped into transactions.

use std::collections::BTreeMap;

use super::{Operation, TransactionDef, live};
use crate::config::ValidConfig;
use crate::kubeadm::layout::{self, CERTIFICATE_FILES};
use crate::phases::{Part, PhaseContext, PlanError, Work};
use crate::pki::certlist::{KUBELET, is_planned};
use crate::pki::{MaterialSource, WorkerMaterial};
use crate::plan::{CertificateRow, NodePlan, PlannedContent, PlannedEntry, PlannedTransaction};
use crate::render::static_pod::run_as;

/// Everything the node gets from the selected phases of `operation`: entries in kubeadm's order of phases, transactions in commit order. Whatever
/// `material` is, a worker's plan is made of its [`WorkerMaterial`].
///
/// # Errors
/// [`PlanError`] if the configuration names a place no bundle can write to, or the key store lacks
/// something the node needs.
pub fn plan_node(
    operation: &Operation,
    config: &ValidConfig,
    material: MaterialSource<'_>,
) -> Result<NodePlan, PlanError> {
    let narrowed;
    let material = match material {
        MaterialSource::Issued(all) if !config.is_control_plane() => {
            narrowed =
                WorkerMaterial::of(all).ok_or_else(|| PlanError::NoCertificate("ca".to_owned()))?;
            MaterialSource::Worker(&narrowed)
        }
        other => other,
    };
    let selection = operation.selection(config);
    let context = PhaseContext {
        config,
        material,
        selection: &selection,
        etcd_members: operation.etcd_members,
    };
    let mut entries: Vec<PlannedEntry> = Vec::new();
    let mut members: Vec<(&Part, usize)> = Vec::new();
    for part in operation.parts() {
        let Work::Files(files) = part.work else {
            continue;
        };
        if !selection.includes(part.phase) {
            continue;
        }
        for entry in files(part, &context)? {
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
            members.push((part, entries.len()));
            entries.push(entry);
        }
    }
    run_as::give_files_away(config, &mut entries);
    let preflight = if selection.includes("preflight") {
        (operation.checks)(config)?
    } else {
        Vec::new()
    };
    let live = live::plan(operation, &context)?;
    let all_certificates = certificate_rows(operation, config, material)?;
    let certificates = all_certificates
        .iter()
        .filter(|row| operation.writes_certificate(&row.name, &selection, config))
        .cloned()
        .collect();
    Ok(NodePlan {
        name: config.node.name.clone(),
        role: config.node.role,
        preflight,
        transactions: transactions(operation.transactions, &members)?,
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
fn transactions(
    defs: &[TransactionDef],
    members: &[(&Part, usize)],
) -> Result<Vec<PlannedTransaction>, PlanError> {
    if let Some((stray, _)) = members
        .iter()
        .find(|(phase, _)| !defs.iter().any(|def| def.holds(phase)))
    {
        return Err(PlanError::Phase(stray.phase.to_owned()));
    }
    let mut transactions = Vec::new();
    for def in defs {
        let entries: Vec<usize> = members
            .iter()
            .filter(|(phase, _)| def.holds(phase))
            .map(|(_, entry)| *entry)
            .collect();
        if !entries.is_empty() {
            transactions.push(PlannedTransaction {
                name: def.name.parse()?,
                phase: def.phase.parse()?,
                entries,
            });
        }
    }
    Ok(transactions)
}

/// The certificates with their paths, those in files first, both in kubeadm's order.
fn certificate_rows(
    operation: &Operation,
    config: &ValidConfig,
    material: MaterialSource<'_>,
) -> Result<Vec<CertificateRow>, PlanError> {
    let mut paths = certificate_paths(config);
    paths.insert("ca", (operation.authority_path)(config));
    let with_path = |row: &CertificateRow| CertificateRow {
        path: paths.get(row.name.as_str()).cloned().unwrap_or_default(),
        ..row.clone()
    };
    let material = match material {
        MaterialSource::Issued(material) => material,
        MaterialSource::Worker(material) => {
            let installed =
                |row: &&CertificateRow| row.name != KUBELET || is_planned(config, KUBELET);
            return Ok(material.rows().filter(installed).map(with_path).collect());
        }
        MaterialSource::None => return Ok(Vec::new()),
    };
    let names = CERTIFICATE_FILES.iter().map(|(name, _)| *name).chain(
        crate::render::kubeconfig::FILES
            .iter()
            .map(|file| file.file_name),
    );
    names
        .filter(|name| is_planned(config, name))
        .map(|name| {
            let certificate = material
                .certificates
                .get(name)
                .ok_or_else(|| PlanError::NoCertificate(name.to_owned()))?;
            Ok(with_path(&certificate.row))
        })
        .collect()
}

/// Paths of certificates by kubeadm's name, for tables.
fn certificate_paths(config: &ValidConfig) -> BTreeMap<&'static str, String> {
    let files = CERTIFICATE_FILES.iter().map(|(name, base)| {
        let folder = &config.cluster.certificates_dir;
        (*name, layout::certificate(folder, base))
    });
    let kubeconfigs = crate::render::kubeconfig::FILES
        .iter()
        .map(|file| (file.file_name, layout::kubeconfig(file.file_name)));
    files.chain(kubeconfigs).collect()
}

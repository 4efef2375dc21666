//! Plans one node in two steps: everything that needs no key, then what keys fill in.
//!
//! In: an operation and the configuration. Out: an [`Outline`] with every text that is made without keys, rendered once; then, with key
//! material, the [`NodePlan`]: entries of all phases, grouped into transactions. An outline can be filled any number of times.

use std::collections::BTreeMap;

use kubeplan_bundle::step::Step;

use super::live::LivePart;
use super::{Operation, TransactionDef, live, notices};
use crate::config::ValidConfig;
use crate::config::kubelet::EffectiveKubelet;
use crate::kubeadm::layout::{self, CERTIFICATE_FILES};
use crate::phases::{
    KeyedContext, OutlinedEntry, Part, PhaseContext, PlanError, Pods, Work, path_from,
};
use crate::pki::certlist::{KUBELET, is_planned};
use crate::pki::{MaterialSource, WorkerMaterial};
use crate::plan::{CertificateRow, NodePlan, PlannedEntry, PlannedTransaction};
use crate::render::kubelet::KubeletTexts;
use crate::render::static_pod::{PodContext, run_as};
use crate::selection::Selection;

/// The part of a node's plan that needs no key.
#[derive(Debug)]
pub struct Outline {
    operation: &'static Operation,
    selection: Selection,
    external_ca: bool,
    preflight: Vec<Step>,
    /// The entries in kubeadm's order of phases, each with the part that places it.
    entries: Vec<(&'static Part, OutlinedEntry)>,
    live: Vec<LivePart>,
    patch_notices: Vec<String>,
    /// The file of the cluster's CA certificate.
    authority_path: String,
}

/// What an outline takes besides the configuration of its node.
#[derive(Clone, Copy, Debug)]
pub struct OutlineInput<'a> {
    /// Texts that the nodes of a cluster share.
    pub kubelet_texts: &'a KubeletTexts,
    /// The cluster CA is external, so that nothing on the host can sign with its key.
    pub external_ca: bool,
}

/// Plans everything the node gets from the selected phases of `operation`: outlines it and fills it in one call.
///
/// # Errors
/// As for [`Outline::of`] and [`Outline::fill`].
pub fn plan_node(
    operation: &'static Operation,
    config: &ValidConfig,
    material: MaterialSource<'_>,
) -> Result<NodePlan, PlanError> {
    let input = OutlineInput {
        kubelet_texts: &KubeletTexts::default(),
        external_ca: material.external_ca(),
    };
    Outline::of(operation, config, input)?.fill(config, material)
}

impl Outline {
    /// Renders what the node gets from the selected phases of `operation` without keys.
    ///
    /// # Errors
    /// [`PlanError`] if the configuration names a place that no bundle can write to, two entries get the same place, a patch does
    /// not apply, or the kubelet would refuse a static Pod.
    pub fn of(
        operation: &'static Operation,
        config: &ValidConfig,
        input: OutlineInput<'_>,
    ) -> Result<Self, PlanError> {
        let selection = operation.selection(config);
        let pods = Pods::new(PodContext {
            config,
            external_ca: input.external_ca,
            etcd_members: operation.etcd_members,
        });
        let kubelet = EffectiveKubelet::of(config)?;
        let context = PhaseContext {
            config,
            selection: &selection,
            pods: &pods,
            kubelet: &kubelet,
            kubelet_texts: input.kubelet_texts,
        };
        let mut entries = entries(operation, &context)?;
        // All Pods that are written are rendered now, and no other.
        let refused = pods.refused();
        if !refused.is_empty() {
            return Err(PlanError::RefusedPods(refused));
        }
        let placements = entries.iter_mut();
        run_as::give_files_away(config, placements.map(|(_, entry)| &mut entry.placement));
        let preflight = if selection.includes("preflight") {
            (operation.checks)(config)?
        } else {
            Vec::new()
        };
        let live = live::outline(operation, &context)?;
        let patch_notices = notices::of_patches(operation, &context, &live)?;
        Ok(Self {
            operation,
            external_ca: input.external_ca,
            preflight,
            entries,
            live,
            patch_notices,
            authority_path: (operation.authority_path)(config, &kubelet),
            selection,
        })
    }

    /// Whether it was made for an external cluster CA.
    #[must_use]
    pub const fn external_ca(&self) -> bool {
        self.external_ca
    }

    /// A line for each patch that has less effect than it says.
    #[must_use]
    pub fn patch_notices(&self) -> &[String] {
        &self.patch_notices
    }

    /// Fills in what is made from `material`. Entries are in kubeadm's order of phases, transactions in commit order. The plan of a
    /// worker is always made from [`WorkerMaterial`].
    ///
    /// # Errors
    /// [`PlanError`] if the key store lacks something the node needs.
    pub fn fill(
        &self,
        config: &ValidConfig,
        material: MaterialSource<'_>,
    ) -> Result<NodePlan, PlanError> {
        let narrowed;
        let material = match material {
            MaterialSource::Issued(all) if !config.is_control_plane() => {
                narrowed = WorkerMaterial::of(all)
                    .ok_or_else(|| PlanError::NoCertificate("ca".to_owned()))?;
                MaterialSource::Worker(&narrowed)
            }
            other => other,
        };
        let context = KeyedContext { config, material };
        let mut entries: Vec<PlannedEntry> = Vec::with_capacity(self.entries.len());
        let mut members: Vec<(&Part, usize)> = Vec::with_capacity(self.entries.len());
        for (part, entry) in &self.entries {
            if let Some(content) = entry.content.fill(&context)? {
                members.push((part, entries.len()));
                entries.push(entry.with(content));
            }
        }
        let Self {
            operation,
            selection,
            ..
        } = self;
        let all_certificates = certificate_rows(&self.authority_path, config, material)?;
        let certificates = all_certificates
            .iter()
            .filter(|row| operation.writes_certificate(&row.name, selection, config))
            .cloned()
            .collect();
        Ok(NodePlan {
            name: config.node.name.clone(),
            role: config.node.role,
            preflight: self.preflight.clone(),
            transactions: transactions(operation.transactions, &members)?,
            certificates,
            all_certificates,
            left_out: selection.left_out(),
            entries,
            live: live::fill(operation, &self.live, selection, &context)?,
        })
    }
}

/// The entries of the selected phases. A directory that several of them need is placed once.
fn entries(
    operation: &'static Operation,
    context: &PhaseContext<'_>,
) -> Result<Vec<(&'static Part, OutlinedEntry)>, PlanError> {
    let mut entries: Vec<(&'static Part, OutlinedEntry)> = Vec::new();
    for part in operation.parts() {
        let Work::Files(files) = part.work else {
            continue;
        };
        if !context.selection.includes(part.phase) {
            continue;
        }
        for entry in files(part, context)? {
            let mut known = entries.iter().map(|(_, known)| known);
            match known.find(|known| known.placement.path == entry.placement.path) {
                None => entries.push((part, entry)),
                Some(earlier) if is_same_directory(earlier, &entry) => {}
                Some(earlier) => {
                    return Err(PlanError::PlannedTwice {
                        path: entry.placement.path.to_string(),
                        first: phase_and_field(earlier),
                        second: phase_and_field(&entry),
                    });
                }
            }
        }
    }
    Ok(entries)
}

fn phase_and_field(entry: &OutlinedEntry) -> String {
    format!("{} ({})", entry.phase, path_from(&entry.sources))
}

/// Whether both are one directory that several phases need: the same path, mode and reason.
fn is_same_directory(left: &OutlinedEntry, right: &OutlinedEntry) -> bool {
    left.content.is_directory()
        && right.content.is_directory()
        && left.placement == right.placement
        && left.sources == right.sources
}

/// Groups entries by transaction. Omits empty transactions.
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

/// The certificates with their paths: those in files, then those in kubeconfigs, each in kubeadm's order.
fn certificate_rows(
    authority_path: &str,
    config: &ValidConfig,
    material: MaterialSource<'_>,
) -> Result<Vec<CertificateRow>, PlanError> {
    let mut paths = certificate_paths(config);
    paths.insert("ca", authority_path.to_owned());
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
        let directory = &config.cluster.certificates_dir;
        (*name, layout::certificate(directory, base))
    });
    let kubeconfigs = crate::render::kubeconfig::FILES
        .iter()
        .map(|file| (file.file_name, layout::kubeconfig(file.file_name)));
    files.chain(kubeconfigs).collect()
}

//! Makes a bundle draft of a node's plan.
//!
//! In: the plan, the configuration it was made from, the clock, the store's salt. Out: a [`Draft`] that the
//! bundle crate turns into bytes. Pure: the same input gives the same plan digest.

mod sources;

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{
    ClusterRef, EntryName, LEFT_OUT_PHASES, NodeRef, Operation, Place, Target, Tool, Transaction,
    TransactionName,
};
use kubeplan_bundle::seal::CommitSalt;
use kubeplan_bundle::step::{CommitTransaction, Step};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::writer::{Draft, DraftContent, DraftEntry};

use crate::config::ValidConfig;
use crate::plan::{CertificateRow, NodePlan, PlannedContent, PlannedObject};

/// When a bundle may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Latest notBefore of the bundle's certificates.
    pub apply_after: Timestamp,
    /// Earliest notAfter minus `credentials.minRemaining`; earliest notAfter itself if less than that is left.
    pub apply_before: Timestamp,
}

/// Why a bundle could never be installed.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The plan has no certificates.
    #[error("the plan has no certificates, so it has no time window")]
    NoCertificates,
    /// The window ends before it starts.
    #[error(
        "certificate `{name}` ends {not_after}; less `Cluster.credentials.minRemaining` that is not after {apply_after}, so the bundle could \
         never be installed; set a shorter `minRemaining`, or a longer `{}`",
        validity_field(*.authority)
    )]
    Empty {
        /// The certificate that ends first.
        name: String,
        /// When it ends.
        not_after: Timestamp,
        /// When the window would start.
        apply_after: Timestamp,
        /// It is a CA's.
        authority: bool,
    },
    /// The window is in the past.
    #[error(
        "certificate `{name}` ends {not_after}; less `Cluster.credentials.minRemaining` that is {apply_before}, which is past: the bundle \
         could never be installed; {}",
        if *.authority {
            "renew the certificate (a CA: everything it signed has to be issued again), or set a shorter `minRemaining`"
        } else {
            "plan with `--renew` to issue it again"
        }
    )]
    Over {
        /// The certificate that ends first.
        name: String,
        /// When it ends.
        not_after: Timestamp,
        /// When the window ended.
        apply_before: Timestamp,
        /// It is a CA's.
        authority: bool,
    },
}

/// The field that says how long a certificate lives.
const fn validity_field(authority: bool) -> &'static str {
    if authority {
        "ClusterConfiguration.caCertificateValidityPeriod"
    } else {
        "ClusterConfiguration.certificateValidityPeriod"
    }
}

/// Computes when a bundle that is made `now` may be installed. Its files work with these certificates, which are in it or on the host.
///
/// # Errors
/// [`WindowError`] if there is no such time.
pub fn window(
    config: &ValidConfig,
    certificates: &[CertificateRow],
    now: Timestamp,
) -> Result<Window, WindowError> {
    let latest_start = certificates.iter().map(|row| row.not_before).max();
    let first_to_end = certificates.iter().min_by_key(|row| row.not_after);
    let (Some(apply_after), Some(first)) = (latest_start, first_to_end) else {
        return Err(WindowError::NoCertificates);
    };
    let apply_before = first
        .not_after
        .saturating_sub(config.credentials.min_remaining);
    let authority = certificates.iter().any(|row| row.signer == first.name);
    // It ends soon because it is old, not because it lives shorter than `minRemaining`.
    let is_kept = !authority && apply_before <= now && apply_before > first.not_before;
    if apply_before <= apply_after && !is_kept {
        return Err(WindowError::Empty {
            name: first.name.clone(),
            not_after: first.not_after,
            apply_after,
            authority,
        });
    }
    // A leaf of a node that was planned before is kept until it ends (`plan` warns of it): its bundle must not be impossible to write.
    let apply_before = match is_kept && first.not_after > now {
        true => first.not_after,
        false => apply_before,
    };
    if apply_before <= now {
        return Err(WindowError::Over {
            name: first.name.clone(),
            not_after: first.not_after,
            apply_before,
            authority,
        });
    }
    Ok(Window {
        apply_after,
        apply_before,
    })
}

/// What a draft needs besides configuration and plan.
pub struct Circumstances {
    /// SHA-256 of the cluster CA's SubjectPublicKeyInfo.
    pub cluster_id: Sha256Digest,
    /// The plan's clock.
    pub now: Timestamp,
    /// Made with public test keys.
    pub test_only: bool,
    /// The store's salt, which commitments to secrets are made with.
    pub salt: CommitSalt,
    /// The first configuration file, as the user named it, if the bundle is to tell where its values came from.
    pub first_file: Option<String>,
}

/// Turns `plan` into a draft.
///
/// # Errors
/// [`WindowError`] if the certificates leave no time to install them.
pub fn draft(
    config: &ValidConfig,
    plan: NodePlan,
    circumstances: Circumstances,
) -> Result<Draft, WindowError> {
    let Window {
        apply_after,
        apply_before,
    } = window(config, &plan.all_certificates, circumstances.now)?;
    let sources = circumstances.first_file.as_ref();
    let sources = sources.map(|first| sources::sources(config, &plan, first));
    let annotations = if plan.left_out.is_empty() {
        BTreeMap::new()
    } else {
        BTreeMap::from([(LEFT_OUT_PHASES.to_owned(), plan.left_out.join(", "))])
    };
    let names: Vec<EntryName> = plan
        .entries
        .iter()
        .map(|entry| match entry.content {
            PlannedContent::Directory => EntryName::directory(&entry.placement.path),
            PlannedContent::Public(_) | PlannedContent::Secret { .. } => {
                EntryName::file(&entry.placement.path)
            }
        })
        .collect();
    let transactions: Vec<Transaction> = plan
        .transactions
        .iter()
        .map(|transaction| Transaction {
            name: transaction.name.clone(),
            entries: transaction
                .entries
                .iter()
                .filter_map(|at| names.get(*at).cloned())
                .collect(),
        })
        .collect();
    let committed_live: Vec<&TransactionName> =
        plan.live.steps.iter().filter_map(Step::commits).collect();
    let commits: Vec<Step> = plan
        .transactions
        .iter()
        .filter(|transaction| !committed_live.contains(&&transaction.name))
        .map(|transaction| {
            Step::CommitTransaction(CommitTransaction {
                phase: transaction.phase.clone(),
                transaction: transaction.name.clone(),
            })
        })
        .collect();
    let steps = plan
        .preflight
        .into_iter()
        .chain(commits)
        .chain(plan.live.steps)
        .collect();
    let entries = plan
        .entries
        .into_iter()
        .zip(names)
        .map(|(entry, name)| {
            let (place, content) = match entry.content {
                PlannedContent::Directory => {
                    (Place::Directory(entry.placement), DraftContent::Directory)
                }
                PlannedContent::Public(bytes) => {
                    (Place::File(entry.placement), DraftContent::Public(bytes))
                }
                PlannedContent::Secret { class, bytes, spki } => (
                    Place::File(entry.placement),
                    DraftContent::Secret { class, bytes, spki },
                ),
            };
            DraftEntry {
                name,
                phase: entry.phase,
                place,
                content,
                handoff: entry.handoff,
                holes: entry.holes,
            }
        })
        .chain(plan.live.objects.into_iter().map(object))
        .collect();
    Ok(Draft {
        operation: match config.membership.makes_cluster() {
            true => Operation::Init,
            false => Operation::Join,
        },
        sources,
        cluster: ClusterRef {
            name: config.bundle_cluster_name.clone(),
            id: circumstances.cluster_id,
        },
        node: NodeRef {
            name: plan.name,
            role: plan.role,
        },
        target: Target {
            r#match: config.node.host_match.clone(),
            platform: config.node.platform.clone(),
        },
        created: circumstances.now,
        apply_after,
        apply_before,
        test_only: circumstances.test_only,
        planner: Tool {
            name: "kubeplan".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        },
        annotations,
        entries,
        transactions,
        steps,
        api: plan.live.api,
        commit_salt: circumstances.salt,
    })
}

fn object(object: PlannedObject) -> DraftEntry {
    let content = match object.content {
        PlannedContent::Public(bytes) => DraftContent::Public(bytes),
        PlannedContent::Secret { class, bytes, spki } => {
            DraftContent::Secret { class, bytes, spki }
        }
        // No object has such content; the bundle's own checks refuse the draft.
        PlannedContent::Directory => DraftContent::Directory,
    };
    DraftEntry {
        holes: object.holes,
        ..DraftEntry::object(object.phase, object.entry, content)
    }
}

#[cfg(test)]
mod tests;

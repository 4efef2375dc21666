//! A plan as plain files: what reviewers read and golden tests compare.
//!
//! In: configuration and a node's plan. Out: a [`Tree`]: `plan.json`, `pki.txt`, `config.yaml` and
//! `<node>/{files,objects,redacted}`. Secrets appear as redacted twins unless they are asked for. Pure.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Api, EntryName, Hole};
use kubeplan_bundle::redact::{self, RedactError};
use kubeplan_bundle::step::Step;
use serde::Serialize;

use crate::config::valid::Assumption;
use crate::config::{self, ValidConfig};
use crate::output::{Tree, TreeFile};
use crate::plan::{NodePlan, PlannedContent, PlannedEntry, PlannedObject, ValueSource};
use crate::yaml;

/// The file every rendered tree has, by which an earlier tree is recognised.
pub const MARKER: &str = "plan.json";

/// Why a plan cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A secret that has no safe twin.
    #[error("no redacted twin can be made of {entry}")]
    Redact {
        /// Its entry.
        entry: String,
        /// Why.
        source: RedactError,
    },
    /// `plan.json` cannot be written.
    #[error("plan.json cannot be written")]
    Json(#[from] serde_json::Error),
}

/// `plan.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanDocument<'a> {
    version: u32,
    cluster: &'a str,
    kubernetes_version: &'a str,
    nodes: Vec<NodeDocument<'a>>,
    assumptions: &'a [Assumption],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeDocument<'a> {
    name: &'a str,
    role: String,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    left_out_phases: &'a [&'static str],
    preflight: &'a [Step],
    entries: Vec<EntryDocument<'a>>,
    transactions: BTreeMap<String, Vec<String>>,
    objects: Vec<ObjectDocument<'a>>,
    live_steps: &'a [Step],
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<&'a Api>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectDocument<'a> {
    entry: &'a EntryName,
    phase: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
    content: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256Digest>,
    #[serde(skip_serializing_if = "<[Hole]>::is_empty")]
    holes: &'a [Hole],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<&'a ValueSource>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryDocument<'a> {
    path: &'a str,
    mode: String,
    owner: String,
    phase: &'a str,
    content: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256Digest>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    handoff: bool,
    #[serde(skip_serializing_if = "<[Hole]>::is_empty")]
    holes: &'a [Hole],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<&'a ValueSource>,
}

/// Lays `plan` out as files; with `secrets` the secret files themselves (mode 0600), else only their twins.
///
/// `certificates` is the text of `pki.txt`.
///
/// # Errors
/// [`RenderError`] if a secret has no safe twin.
pub fn tree(
    config: &ValidConfig,
    plan: &NodePlan,
    certificates: &str,
    secrets: bool,
) -> Result<Tree, RenderError> {
    let mut tree = Tree::new();
    let mut add =
        |name: String, mode: u32, bytes: Vec<u8>| tree.insert(name, TreeFile { mode, bytes });
    let files = plan
        .entries
        .iter()
        .map(|entry| (EntryName::file(&entry.placement.path), &entry.content));
    let objects = plan
        .live
        .objects
        .iter()
        .map(|object| (object.entry.clone(), &object.content));
    for (name, content) in files.chain(objects) {
        match content {
            PlannedContent::Directory => {}
            PlannedContent::Public(bytes) => {
                add(format!("{}/{name}", plan.name), 0o644, bytes.clone());
            }
            PlannedContent::Secret { class, bytes, .. } => {
                let twin =
                    redact::twin(*class, bytes.expose()).map_err(|source| RenderError::Redact {
                        entry: name.to_string(),
                        source,
                    })?;
                add(format!("{}/{}", plan.name, name.twin()), 0o644, twin);
                if secrets {
                    add(
                        format!("{}/{name}", plan.name),
                        0o600,
                        bytes.expose().to_vec(),
                    );
                }
            }
        }
    }
    let document = PlanDocument {
        version: 1,
        cluster: config.bundle_cluster_name.as_str(),
        kubernetes_version: &config.version,
        nodes: vec![node_document(plan)],
        assumptions: &config.assumptions,
    };
    add(
        MARKER.into(),
        0o644,
        (serde_json::to_string_pretty(&document)? + "\n").into_bytes(),
    );
    add("pki.txt".into(), 0o644, certificates.as_bytes().to_vec());
    add(
        "config.yaml".into(),
        0o644,
        yaml::documents(&config::effective_documents(config)).into_bytes(),
    );
    Ok(tree)
}

fn node_document(plan: &NodePlan) -> NodeDocument<'_> {
    let path = |at: &usize| {
        plan.entries
            .get(*at)
            .map(|entry| entry.placement.path.to_string())
    };
    NodeDocument {
        name: plan.name.as_str(),
        role: plan.role.to_string(),
        left_out_phases: &plan.left_out,
        preflight: &plan.preflight,
        entries: plan.entries.iter().map(entry_document).collect(),
        transactions: plan
            .transactions
            .iter()
            .enumerate()
            .map(|(at, transaction)| {
                // Numbered, so that the map's order is the commit order.
                (
                    format!("{} {}", at + 1, transaction.name),
                    transaction.entries.iter().filter_map(path).collect(),
                )
            })
            .collect(),
        objects: plan.live.objects.iter().map(object_document).collect(),
        live_steps: &plan.live.steps,
        api: plan.live.api.as_ref(),
    }
}

/// The word for a content, and its bytes if anybody may read them.
fn shown(content: &PlannedContent) -> (&'static str, Option<&Vec<u8>>) {
    match content {
        PlannedContent::Directory => ("directory", None),
        PlannedContent::Public(bytes) => ("public", Some(bytes)),
        PlannedContent::Secret { .. } => ("sealed", None),
    }
}

fn object_document(object: &PlannedObject) -> ObjectDocument<'_> {
    let (content, public) = shown(&object.content);
    ObjectDocument {
        entry: &object.entry,
        phase: object.phase.as_str(),
        kind: &object.kind,
        namespace: object.namespace.as_deref(),
        name: &object.name,
        content,
        size: public.map(Vec::len),
        sha256: public.map(|bytes| Sha256Digest::of(bytes)),
        holes: &object.holes,
        values: object.sources.iter().collect(),
    }
}

fn entry_document(entry: &PlannedEntry) -> EntryDocument<'_> {
    let (content, public) = shown(&entry.content);
    EntryDocument {
        path: entry.placement.path.as_str(),
        mode: entry.placement.mode.to_string(),
        owner: format!("{}:{}", entry.placement.uid, entry.placement.gid),
        phase: entry.phase.as_str(),
        content,
        size: public.map(Vec::len),
        sha256: public.map(|bytes| Sha256Digest::of(bytes)),
        handoff: entry.handoff,
        holes: &entry.holes,
        values: entry.sources.iter().collect(),
    }
}

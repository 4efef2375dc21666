//! Lays a plan out as plain files, which reviewers read and golden tests compare.
//!
//! In: configuration and plan of each node. Out: a [`Tree`]: `plan.json`, `pki.txt`, `config.yaml` and
//! `<node>/{files,objects,redacted}` for every node. Secrets appear as redacted twins, unless the caller asks for the secrets.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Api, EntryName, Hole};
use kubeplan_bundle::redact::{self, RedactError};
use kubeplan_bundle::step::{PhaseName, Step};
use serde::Serialize;

use crate::config::valid::Assumption;
use crate::config::{self, ValidConfig};
use crate::output::{Tree, TreeFile};
use crate::plan::{NodePlan, PlannedContent, PlannedEntry, PlannedObject, ValueSource};
use crate::yaml;

/// The file that every rendered tree contains, and by which an earlier tree is recognised.
pub const MARKER: &str = "plan.json";

/// Why a plan cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A secret of which no safe twin can be made.
    #[error("cannot make a redacted twin of {entry}")]
    Redact {
        /// The entry of the secret.
        entry: String,
        /// Why.
        source: RedactError,
    },
    /// `plan.json` cannot be written.
    #[error("cannot write plan.json")]
    Json(#[from] serde_json::Error),
}

/// The content of `plan.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanDocument<'a> {
    version: u32,
    cluster: &'a str,
    kubernetes_version: &'a str,
    nodes: Vec<NodeDocument>,
    assumptions: &'a [Assumption],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeDocument {
    name: String,
    role: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out_phases: Vec<&'static str>,
    preflight: Vec<Step>,
    entries: Vec<EntryDocument>,
    transactions: BTreeMap<String, Vec<String>>,
    objects: Vec<ObjectDocument>,
    live_steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<Api>,
    /// The assumptions that do not apply to every node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assumptions: Vec<Assumption>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectDocument {
    entry: EntryName,
    phase: PhaseName,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    content: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256Digest>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holes: Vec<Hole>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<ValueSource>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryDocument {
    path: String,
    mode: String,
    owner: String,
    phase: PhaseName,
    content: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256Digest>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    handoff: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holes: Vec<Hole>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<ValueSource>,
}

/// One node's part of a rendered cluster.
#[derive(Debug)]
pub struct RenderedNode {
    /// The node's files, below a directory with its name.
    files: Tree,
    /// The node's part of `plan.json`, with all of its assumptions.
    document: NodeDocument,
}

/// Lays `plan` out as files. With `secrets`, includes the secret files (mode 0600); otherwise only their twins.
///
/// # Errors
/// [`RenderError`] if a secret has no safe twin.
pub fn node(
    config: &ValidConfig,
    plan: &NodePlan,
    secrets: bool,
) -> Result<RenderedNode, RenderError> {
    let mut files = Tree::new();
    let mut add =
        |name: String, mode: u16, bytes: Vec<u8>| files.insert(name, TreeFile { mode, bytes });
    let entries = plan
        .entries
        .iter()
        .map(|entry| (EntryName::file(&entry.placement.path), &entry.content));
    let objects = plan
        .live
        .objects
        .iter()
        .map(|object| (object.entry.clone(), &object.content));
    for (name, content) in entries.chain(objects) {
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
    Ok(RenderedNode {
        files,
        document: NodeDocument {
            assumptions: config.assumptions.clone(),
            ..node_document(plan)
        },
    })
}

/// Makes the whole tree: every node's files, and the files of the cluster. `config` is that of the first node, `certificates` the text
/// of `pki.txt`. An assumption that applies to every node appears once in `plan.json`, others appear with their nodes.
///
/// # Errors
/// [`RenderError`] if `plan.json` cannot be written.
pub fn tree(
    config: &ValidConfig,
    nodes: Vec<RenderedNode>,
    certificates: &str,
) -> Result<Tree, RenderError> {
    let of = |node: &RenderedNode, wanted: &Assumption| node.document.assumptions.contains(wanted);
    let first = nodes.first().map(|node| node.document.assumptions.clone());
    let assumptions: Vec<Assumption> = first
        .unwrap_or_default()
        .into_iter()
        .filter(|assumption| nodes.iter().all(|node| of(node, assumption)))
        .collect();
    let mut tree = Tree::new();
    let mut documents = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        tree.append(&mut node.files);
        let mut document = node.document;
        document
            .assumptions
            .retain(|assumption| !assumptions.contains(assumption));
        documents.push(document);
    }
    let document = PlanDocument {
        version: 1,
        cluster: config.bundle_cluster_name.as_str(),
        kubernetes_version: &config.version,
        nodes: documents,
        assumptions: &assumptions,
    };
    let json = serde_json::to_string_pretty(&document)? + "\n";
    let yaml = yaml::documents(&config::effective_documents(config));
    for (name, bytes) in [
        (MARKER, json.into_bytes()),
        ("pki.txt", certificates.as_bytes().to_vec()),
        ("config.yaml", yaml.into_bytes()),
    ] {
        tree.insert(name.to_owned(), TreeFile { mode: 0o644, bytes });
    }
    Ok(tree)
}

fn node_document(plan: &NodePlan) -> NodeDocument {
    let path = |at: &usize| {
        plan.entries
            .get(*at)
            .map(|entry| entry.placement.path.to_string())
    };
    NodeDocument {
        name: plan.name.to_string(),
        role: plan.role.to_string(),
        left_out_phases: plan.left_out.clone(),
        preflight: plan.preflight.clone(),
        entries: plan.entries.iter().map(entry_document).collect(),
        transactions: plan
            .transactions
            .iter()
            .enumerate()
            .map(|(at, transaction)| {
                // Numbered, so that the order of the map is the order in which transactions are committed.
                (
                    format!("{} {}", at + 1, transaction.name),
                    transaction.entries.iter().filter_map(path).collect(),
                )
            })
            .collect(),
        objects: plan.live.objects.iter().map(object_document).collect(),
        live_steps: plan.live.steps.clone(),
        api: plan.live.api.clone(),
        assumptions: Vec::new(),
    }
}

/// The word for a kind of content, and its bytes if they are public.
fn shown(content: &PlannedContent) -> (&'static str, Option<&Vec<u8>>) {
    match content {
        PlannedContent::Directory => ("directory", None),
        PlannedContent::Public(bytes) => ("public", Some(bytes)),
        PlannedContent::Secret { .. } => ("sealed", None),
    }
}

fn object_document(object: &PlannedObject) -> ObjectDocument {
    let (content, public) = shown(&object.content);
    ObjectDocument {
        entry: object.entry.clone(),
        phase: object.phase.clone(),
        kind: object.kind.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        content,
        size: public.map(Vec::len),
        sha256: public.map(|bytes| Sha256Digest::of(bytes)),
        holes: object.holes.clone(),
        values: object.sources.clone(),
    }
}

fn entry_document(entry: &PlannedEntry) -> EntryDocument {
    let (content, public) = shown(&entry.content);
    EntryDocument {
        path: entry.placement.path.to_string(),
        mode: entry.placement.mode.to_string(),
        owner: format!("{}:{}", entry.placement.uid, entry.placement.gid),
        phase: entry.phase.clone(),
        content,
        size: public.map(Vec::len),
        sha256: public.map(|bytes| Sha256Digest::of(bytes)),
        handoff: entry.handoff,
        holes: entry.holes.clone(),
        values: entry.sources.clone(),
    }
}

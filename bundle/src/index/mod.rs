//! `kubeplan.json`: everything a bundle will do, as data.
//!
//! In and out: canonical JSON (see [`crate::canonical`]). Every type here is valid once it exists: an
//! [`Entry`] that is sealed has a commitment and a twin, one that is public has a size and a digest, and
//! [`Index::check`] ties the parts together. Nothing here reads content.

mod check;
mod check_live;
mod check_paths;
mod check_sealed;
mod check_steps;
mod counts;
mod entries;
mod entry;
pub mod hole;
mod listing;
mod sizes;
#[cfg(test)]
pub(crate) mod testing;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::digest::Sha256Digest;
use crate::limits::LimitError;
use crate::path::HostPath;
use crate::step::{Step, features};
use crate::timestamp::Timestamp;

pub use crate::name::{EntryName, Name, ParseNameError, TransactionName};
pub use entries::Entries;
pub use entry::{Blob, Content, Entry, Place, Placement, SealedContent, SecretClass, Twin};
pub use hole::Hole;
pub use sizes::SizeError;
pub(crate) use sizes::{Layout, layout, small_entries};
pub(crate) use text::IndexText;

/// The annotation that lists the phases which a partial bundle skips. For readers only, like every annotation.
pub const LEFT_OUT_PHASES: &str = "kubeplan.io/left-out-phases";

/// The format this crate reads and writes.
pub const FORMAT: &str = "kubeplan.io/bundle/1";

/// The feature of every index: the sealed part, the payload items and the sources are parts of their own. Bundles that were written
/// before it have another layout and are not read.
pub const PARTS_FEATURE: &str = "format:parts/1";

/// The name in the archive of the entry that [`Index::sources`] describes.
pub const SOURCES_NAME: &str = "sources.json";

/// Size of the chunks whose digests protect a payload, in bytes (the last may be shorter).
pub const CHUNK_SIZE: u64 = 4 * 1024 * 1024;

/// The index of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Index {
    /// Always [`FORMAT`].
    pub format: String,
    /// What kind of bundle this is.
    pub kind: BundleKind,
    /// What the bundle does to its node.
    pub operation: Operation,
    /// Features the applier must have (see [`crate::step::features`]), sorted.
    pub requires: Vec<String>,
    /// Which cluster.
    pub cluster: ClusterRef,
    /// Which node.
    pub node: NodeRef,
    /// Which host and platform.
    pub target: Target,
    /// Digest of what the plan says, without what differs between two bundles of one plan.
    pub plan_digest: Sha256Digest,
    /// The serial: starts at 1, and rises when the plan digest changes.
    pub serial: u64,
    /// The plan's clock.
    pub created: Timestamp,
    /// Not to be installed before this instant (latest notBefore of its certificates).
    pub apply_after: Timestamp,
    /// Not to be installed after this instant (earliest notAfter minus the remaining life asked for).
    pub apply_before: Timestamp,
    /// Made with public test keys: never for a real host.
    pub test_only: bool,
    /// The program that wrote the bundle.
    pub planner: Tool,
    /// Everything that is installed or applied, in the order of the plan.
    pub entries: Entries,
    /// The sealed part; absent when no entry is sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SealedPart>,
    /// The gzip member of the small public entries: the only one with compression. The others follow from sizes in this index.
    pub members: Vec<Member>,
    /// Where each rendered value came from ([`crate::sources`]), `sources.json`; not covered by the plan digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Blob>,
    /// Chunk digests of the payload entries, in file order.
    pub payloads: Vec<Payload>,
    /// Groups of files that are installed together.
    pub transactions: Vec<Transaction>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// How steps reach the API server; present when one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Free text for people and machines; never acted on.
    pub annotations: BTreeMap<String, String>,
}

/// What a bundle carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BundleKind {
    /// Files, objects and steps of one node.
    Node,
    /// Large items for several nodes.
    Payload,
}

impl fmt::Display for BundleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Payload => "payload",
        })
    }
}

/// What a bundle does to its node, in kubeadm's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Makes the cluster on its first control-plane node.
    Init,
    /// Adds the node to a cluster.
    Join,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "init",
            Self::Join => "join",
        })
    }
}

/// The cluster a bundle belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterRef {
    /// The cluster's name.
    pub name: Name,
    /// SHA-256 of the cluster CA's SubjectPublicKeyInfo.
    pub id: Sha256Digest,
}

/// The node a bundle belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeRef {
    /// The node's name in the cluster.
    pub name: Name,
    /// What the node is for.
    pub role: NodeRole,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeRole {
    /// Runs the control plane.
    ControlPlane,
    /// Runs workloads only.
    Worker,
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlPlane => "control-plane",
            Self::Worker => "worker",
        })
    }
}

/// Which host a bundle is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The identifiers that the host must have: every field that is present.
    pub r#match: HostMatch,
    /// The platform the bundle was planned for.
    pub platform: Platform,
}

/// The identity of a host; an absent field matches every host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostMatch {
    /// Fingerprint of an SSH host key, `SHA256:…` as `ssh-keygen -lf` prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_host_key: Option<String>,
    /// SHA-256 of `kubeplan-machine-id/1`, a zero byte and the content of `/etc/machine-id` without the line feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_id_hash: Option<Sha256Digest>,
    /// The lower-cased host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

impl HostMatch {
    /// The value for [`HostMatch::machine_id_hash`]: systemd asks that the id itself stay private.
    #[must_use]
    pub fn hash_machine_id(machine_id: &str) -> Sha256Digest {
        Sha256Digest::of_parts(&[b"kubeplan-machine-id/1\0", machine_id.trim().as_bytes()])
    }
}

/// Operating system and architecture, in Go's words (`linux`, `amd64`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, ….
    pub arch: String,
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One gzip member of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Compressed bytes.
    pub size: u64,
    /// SHA-256 of the compressed bytes.
    pub sha256: Sha256Digest,
}

/// The sealed part, `sealed.age`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedPart {
    /// Bytes of the age file.
    pub size: u64,
    /// SHA-256 of the age file.
    pub sha256: Sha256Digest,
    /// Public recipients, as written for age (`age1…` or `ssh-ed25519 …` without comment), sorted.
    pub recipients: Vec<String>,
}

/// Chunk digests of one payload entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Payload {
    /// The entry, `payload/…`.
    pub name: EntryName,
    /// Always [`CHUNK_SIZE`] in this format.
    pub chunk_size: u64,
    /// SHA-256 of each chunk of the plain bytes.
    pub chunks: Vec<Sha256Digest>,
}

/// How steps reach the API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// The kubeconfig on the host whose credentials are used.
    pub kubeconfig: HostPath,
    /// The node's own API server, `https://host:port`, used instead of the server that the kubeconfig names.
    pub server: String,
    /// How long a failing call is retried, in seconds.
    pub timeout_seconds: u32,
}

/// Files that are installed together: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Its name, unique in the index.
    pub name: TransactionName,
    /// Its entries in commit order; directories come before what lies in them.
    pub entries: Vec<EntryName>,
}

/// Why an index is refused.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not canonical JSON of the expected shape.
    #[error("the index is not a canonical document of format {FORMAT}")]
    Canonical(#[from] CanonicalError),
    /// A layout that is not read any more.
    #[error(
        "the bundle was written by {planner} in an earlier layout, which is not read any more: plan its node again, with the same \
         configuration and key store (certificates and keys stay as they are)"
    )]
    Older {
        /// The program that wrote the bundle, with its version.
        planner: String,
    },
    /// Another format.
    #[error("the bundle has the format `{0}`; this program reads `{FORMAT}`")]
    Format(String),
    /// Features that this program lacks.
    #[error(
        "the bundle requires {missing}, which this program does not have (`--version` lists what it has); {planner} planned it: use \
         the version that belongs to that one, or a later one"
    )]
    Feature {
        /// The features.
        missing: String,
        /// The program that wrote the bundle, with its version.
        planner: String,
    },
    /// A part is over its limit.
    #[error("the index is refused: {0}")]
    Limit(#[from] LimitError),
    /// One entry contradicts itself.
    #[error("entry `{name}`: {rule}")]
    Entry {
        /// Which entry.
        name: EntryName,
        /// The broken rule.
        rule: &'static str,
    },
    /// The parts of the index contradict each other.
    #[error("the index breaks the rule that {rule} (`{at}`)")]
    Inconsistent {
        /// The broken rule.
        rule: &'static str,
        /// The object it was broken at.
        at: String,
    },
}

/// The fields that are read before the rest. An index of a later version may have fields and steps that are unknown here; the error
/// then names the feature that is missing.
#[derive(Deserialize)]
struct Head {
    format: String,
    requires: Vec<String>,
    planner: Option<HeadTool>,
}

/// As [`Tool`], of which a later version may have more.
#[derive(Deserialize)]
struct HeadTool {
    name: String,
    version: String,
}

impl Head {
    fn check(bytes: &[u8]) -> Result<(), IndexError> {
        let head: Self = serde_json::from_slice(bytes).map_err(CanonicalError::from)?;
        let planner = head.planner.as_ref();
        let planner = planner.map(|tool| (tool.name.as_str(), tool.version.as_str()));
        check_head(&head.format, &head.requires, planner)
    }
}

/// The most missing features that an error names.
const NAMED: usize = 5;

/// A text of a bundle that is not checked, short and on one line.
fn cited(text: &str) -> String {
    text.escape_debug().take(80).collect()
}

/// Whether this crate can read an index of `format` that requires these features. `planner` has name and version of the program that
/// wrote it.
fn check_head(
    format: &str,
    requires: &[String],
    planner: Option<(&str, &str)>,
) -> Result<(), IndexError> {
    if format != FORMAT {
        return Err(IndexError::Format(cited(format)));
    }
    let planner = || {
        planner.map_or_else(
            || "an unnamed program".to_owned(),
            |(name, version)| format!("{} {}", cited(name), cited(version)),
        )
    };
    if !requires.iter().any(|feature| feature == PARTS_FEATURE) {
        return Err(IndexError::Older { planner: planner() });
    }
    let missing: Vec<&String> = requires
        .iter()
        .filter(|feature| !features().any(|known| known == feature.as_str()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let named = missing.iter().take(NAMED);
    let mut text = named
        .map(|feature| format!("`{}`", cited(feature)))
        .collect::<Vec<_>>()
        .join(", ");
    if let more @ 1.. = missing.len().saturating_sub(NAMED) {
        text.push_str(&format!(" and {more} more"));
    }
    Err(IndexError::Feature {
        missing: text,
        planner: planner(),
    })
}

impl Index {
    /// Parses and checks canonical bytes.
    ///
    /// # Errors
    /// [`IndexError`] if the bytes are not canonical, of another format, or contradict themselves.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        canonical::check_budget(bytes)?;
        Head::check(bytes)?;
        let index: Self = canonical::from_slice_checked(bytes, |index| {
            Ok::<_, IndexError>(counts::counts(index)?)
        })?;
        index.check()?;
        Ok(index)
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// [`IndexError`] if the index contradicts itself or has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, IndexError> {
        self.check()?;
        Ok(canonical::to_vec(self)?)
    }

    /// SHA-256 over `kubeplan-plan/1`, a zero byte and the canonical index without what differs between two
    /// bundles of one plan: serial, created, planDigest, sealed, sources, members, planner.
    ///
    /// # Errors
    /// [`IndexError`] if the index has no canonical form.
    pub fn compute_plan_digest(&self) -> Result<Sha256Digest, IndexError> {
        IndexText::of(self)?.plan_digest()
    }

    /// The entry with this name.
    #[must_use]
    pub fn entry(&self, name: &EntryName) -> Option<&Entry> {
        self.entries.find(name)
    }

    /// Names, sizes and digests of the public files, objects and twins in the second member, in file order (bytewise).
    #[must_use]
    pub fn public_blobs(&self) -> BTreeMap<EntryName, Blob> {
        self.entries
            .iter()
            .filter_map(|entry| match (&entry.place, &entry.content) {
                (Place::Payload, _) | (_, Content::None) => None,
                (_, Content::Public(blob)) => Some((entry.name.clone(), blob.clone())),
                (_, Content::Sealed(sealed)) => Some((
                    sealed.twin.name.clone(),
                    Blob {
                        size: sealed.twin.size,
                        sha256: sealed.twin.sha256,
                    },
                )),
            })
            .collect()
    }

    /// The sealed entries, in plan order.
    pub fn sealed_entries(&self) -> impl Iterator<Item = (&Entry, &SealedContent)> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.content {
                Content::Sealed(sealed) => Some((entry, sealed)),
                Content::None | Content::Public(_) => None,
            })
    }
}

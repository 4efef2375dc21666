//! `kubeplan.json`: everything a bundle will do, as data.
//!
//! In and out: canonical JSON (see [`crate::canonical`]). Every type here is valid once it exists: an
//! [`Entry`] that is sealed has a commitment and a twin, one that is public has a size and a digest, and
//! [`Index::check`] ties the parts together. Nothing here reads content.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::digest::Sha256Digest;
use crate::mode::FileMode;
use crate::path::HostPath;
use crate::step::{FEATURES, PhaseName, Step};
use crate::timestamp::Timestamp;

/// The format this crate reads and writes.
pub const FORMAT: &str = "kubeplan.io/bundle/1";

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
    /// Features the applier must have (see [`crate::step::FEATURES`]), sorted.
    pub requires: Vec<String>,
    /// Which cluster.
    pub cluster: ClusterRef,
    /// Which node.
    pub node: NodeRef,
    /// Which host and platform.
    pub target: Target,
    /// Digest of what the plan says, without what differs between two bundles of one plan.
    pub plan_digest: Sha256Digest,
    /// Advances when the plan digest changes; starts at 1.
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
    pub entries: Vec<Entry>,
    /// The sealed part; absent when no entry is sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SealedPart>,
    /// The gzip members after the first, in file order.
    pub members: Vec<Member>,
    /// Chunk digests of the payload entries, in file order.
    pub payloads: Vec<Payload>,
    /// Groups of files that reach the host together.
    pub transactions: Vec<Transaction>,
    /// What to do, in order.
    pub steps: Vec<Step>,
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
    /// A change of whom hosts trust.
    Trust,
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
    /// What must fit; every field that is present.
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

/// Files that reach the host together: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Its name, unique in the index.
    pub name: TransactionName,
    /// Its entries in commit order; folders come before what lies in them.
    pub entries: Vec<EntryName>,
}

/// A short lower-case identifier: DNS-1123 subdomain characters, at most 100 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The name of a [`Transaction`].
pub type TransactionName = Name;

/// A name of an entry in the archive (`files/…`, `objects/…`, `redacted/…`, `payload/…`), or `directory:/…` for a
/// folder, which has no bytes of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryName(String);

/// A text that is no [`Name`] or no [`EntryName`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseNameError {
    /// Not a [`Name`].
    #[error(
        "`{0}` is not a name (lower-case letters, digits, `-`, `.`, at most 100, starting and ending with a letter or digit)"
    )]
    Name(String),
    /// Not an [`EntryName`].
    #[error("`{0}` is not the name of a bundle entry")]
    Entry(String),
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        let valid = bytes.len() <= 100
            && edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().copied().all(inner)
            && !text.contains("..");
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseNameError::Name(
                text.escape_debug().take(120).collect(),
            ))
        }
    }
}

impl EntryName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The entry that holds the file at `path`.
    #[must_use]
    pub fn file(path: &HostPath) -> Self {
        Self(format!("files{path}"))
    }

    /// The entry that stands for the folder at `path`.
    #[must_use]
    pub fn directory(path: &HostPath) -> Self {
        Self(format!("directory:{path}"))
    }

    /// The redacted twin of a sealed entry.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self(format!("redacted/{}", self.0))
    }
}

impl FromStr for EntryName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseNameError::Entry(text.escape_debug().take(160).collect());
        if let Some(path) = text.strip_prefix("directory:") {
            return path
                .parse::<HostPath>()
                .map(|path| Self::directory(&path))
                .map_err(|_| error());
        }
        let plain = text.strip_prefix("redacted/").unwrap_or(text);
        let valid = if let Some(path) = plain.strip_prefix("files") {
            path.parse::<HostPath>().is_ok()
        } else if let Some(name) = plain
            .strip_prefix("objects/")
            .or_else(|| plain.strip_prefix("payload/"))
        {
            name.len() <= 100
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
                && !name.starts_with('.')
                && !name.is_empty()
                && !text.starts_with("redacted/payload/")
        } else {
            false
        };
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(error())
        }
    }
}

macro_rules! text_newtype {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = ParseNameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}
text_newtype!(Name);
text_newtype!(EntryName);

/// One thing the bundle installs or applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EntryRecord", into = "EntryRecord")]
pub struct Entry {
    /// Its unique name.
    pub name: EntryName,
    /// kubeadm's phase it belongs to.
    pub phase: PhaseName,
    /// Where it goes.
    pub place: Place,
    /// What it holds.
    pub content: Content,
    /// The kubelet owns the file once it is installed.
    pub handoff: bool,
    /// What can only be known on the live host; empty in this version of the format's vocabulary.
    pub holes: Vec<String>,
}

/// Where an entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file on the host.
    File(Placement),
    /// A folder on the host.
    Directory(Placement),
    /// An object of the Kubernetes API.
    Object,
    /// A large item that a step uses; it has no place of its own.
    Payload,
}

/// Path, mode and owner on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Where.
    pub path: HostPath,
    /// Permission bits.
    pub mode: FileMode,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing: a folder.
    None,
    /// Bytes anybody may read.
    Public(Blob),
    /// Bytes only the target host may read.
    Sealed(SealedContent),
}

/// Size and digest of public bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of them.
    pub sha256: Sha256Digest,
}

impl Blob {
    /// Size and digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            size: bytes.len() as u64,
            sha256: Sha256Digest::of(bytes),
        }
    }
}

/// What the public may know of secret bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedContent {
    /// What kind of secret it is; decides how its twin is made.
    pub class: SecretClass,
    /// HMAC-SHA-256 of the plaintext under a key that is inside the seal.
    pub commit: Sha256Digest,
    /// The redacted twin's name, size and digest.
    pub twin: Twin,
    /// For a private key: SHA-256 of the SubjectPublicKeyInfo of its public half.
    pub spki: Option<Sha256Digest>,
}

/// The public twin of a sealed entry: the same text with secret values replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twin {
    /// Its entry in the archive, `redacted/…`.
    pub name: EntryName,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of them.
    pub sha256: Sha256Digest,
}

/// Kinds of secret content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretClass {
    /// A PEM private key.
    PrivateKey,
    /// A kubeconfig with embedded credentials.
    Kubeconfig,
    /// A Kubernetes `Secret`.
    SecretObject,
    /// Anything else; its twin shows nothing.
    Opaque,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryKind {
    File,
    Directory,
    Object,
    Payload,
}

/// An [`Entry`] as it is written: flat, every field optional that some kind lacks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryRecord {
    name: EntryName,
    kind: EntryKind,
    phase: PhaseName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<HostPath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<FileMode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<SecretClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<Sha256Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    twin: Option<Twin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spki: Option<Sha256Digest>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    handoff: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holes: Vec<String>,
}

impl From<Entry> for EntryRecord {
    fn from(entry: Entry) -> Self {
        let (kind, placement) = match entry.place {
            Place::File(placement) => (EntryKind::File, Some(placement)),
            Place::Directory(placement) => (EntryKind::Directory, Some(placement)),
            Place::Object => (EntryKind::Object, None),
            Place::Payload => (EntryKind::Payload, None),
        };
        let (path, mode, uid, gid) = match placement {
            Some(p) => (Some(p.path), Some(p.mode), Some(p.uid), Some(p.gid)),
            None => (None, None, None, None),
        };
        let (blob, sealed) = match entry.content {
            Content::None => (None, None),
            Content::Public(blob) => (Some(blob), None),
            Content::Sealed(sealed) => (None, Some(sealed)),
        };
        let (size, sha256) = blob.map_or((None, None), |b| (Some(b.size), Some(b.sha256)));
        let (class, commit, twin, spki) = sealed.map_or((None, None, None, None), |s| {
            (Some(s.class), Some(s.commit), Some(s.twin), s.spki)
        });
        Self {
            name: entry.name,
            kind,
            phase: entry.phase,
            path,
            mode,
            uid,
            gid,
            size,
            sha256,
            class,
            commit,
            twin,
            spki,
            handoff: entry.handoff,
            holes: entry.holes,
        }
    }
}

impl TryFrom<EntryRecord> for Entry {
    type Error = IndexError;

    fn try_from(record: EntryRecord) -> Result<Self, Self::Error> {
        let name = record.name;
        let wrong = |rule| IndexError::Entry {
            name: name.clone(),
            rule,
        };
        let placement = match (record.path, record.mode, record.uid, record.gid) {
            (Some(path), Some(mode), Some(uid), Some(gid)) => Some(Placement {
                path,
                mode,
                uid,
                gid,
            }),
            (None, None, None, None) => None,
            _ => return Err(wrong("path, mode, uid and gid come together")),
        };
        let content = match (
            record.size,
            record.sha256,
            record.class,
            record.commit,
            record.twin,
        ) {
            (None, None, None, None, None) => Content::None,
            (Some(size), Some(sha256), None, None, None) => Content::Public(Blob { size, sha256 }),
            (None, None, Some(class), Some(commit), Some(twin)) => Content::Sealed(SealedContent {
                class,
                commit,
                twin,
                spki: record.spki,
            }),
            _ => return Err(wrong("either size and sha256, or class, commit and twin")),
        };
        if record.spki.is_some()
            && !matches!(&content, Content::Sealed(sealed) if sealed.class == SecretClass::PrivateKey)
        {
            return Err(wrong("only a sealed private key has an spki"));
        }
        let place = match (record.kind, placement) {
            (EntryKind::File, Some(p)) => Place::File(p),
            (EntryKind::Directory, Some(p)) => Place::Directory(p),
            (EntryKind::Object, None) => Place::Object,
            (EntryKind::Payload, None) => Place::Payload,
            (EntryKind::File | EntryKind::Directory, None) => {
                return Err(wrong("a file or folder needs a path"));
            }
            (EntryKind::Object | EntryKind::Payload, Some(_)) => {
                return Err(wrong("only a file or folder has a path"));
            }
        };
        let expected = match &place {
            Place::File(p) => name == EntryName::file(&p.path),
            Place::Directory(p) => name == EntryName::directory(&p.path),
            Place::Object => name.as_str().starts_with("objects/"),
            Place::Payload => name.as_str().starts_with("payload/"),
        };
        if !expected {
            return Err(wrong("the name does not fit the kind and path"));
        }
        match (&place, &content) {
            (Place::Directory(_), Content::None)
            | (Place::Payload, Content::Public(_))
            | (Place::File(_) | Place::Object, Content::Public(_)) => {}
            (Place::File(_) | Place::Object, Content::Sealed(sealed)) => {
                if sealed.twin.name != name.twin() {
                    return Err(wrong("the twin's name is `redacted/` and the entry's name"));
                }
            }
            _ => return Err(wrong("the content does not fit the kind")),
        }
        if !record.holes.is_empty() {
            return Err(wrong("this version knows no holes"));
        }
        Ok(Self {
            name,
            phase: record.phase,
            place,
            content,
            handoff: record.handoff,
            holes: record.holes,
        })
    }
}

/// Why an index is refused.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not canonical JSON of the expected shape.
    #[error("the index is not a canonical document of format {FORMAT}")]
    Canonical(#[from] CanonicalError),
    /// Another format.
    #[error("the bundle has format `{0}`, this program reads `{FORMAT}`")]
    Format(String),
    /// A feature this program lacks.
    #[error(
        "the bundle requires `{0}`, which this version does not have; use the version that planned it"
    )]
    Feature(String),
    /// One entry contradicts itself.
    #[error("entry `{name}`: {rule}")]
    Entry {
        /// Which entry.
        name: EntryName,
        /// The broken rule.
        rule: &'static str,
    },
    /// The parts of the index contradict each other.
    #[error("the index contradicts itself: {rule} (`{at}`)")]
    Inconsistent {
        /// The broken rule.
        rule: &'static str,
        /// The object it was broken at.
        at: String,
    },
}

impl Index {
    /// Parses and checks canonical bytes.
    ///
    /// # Errors
    /// [`IndexError`] if the bytes are not canonical, of another format, or contradict themselves.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        let index: Self = canonical::from_slice(bytes)?;
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
    /// bundles of one plan: serial, created, planDigest, sealed, members, planner.
    ///
    /// # Errors
    /// [`IndexError`] if the index has no canonical form.
    pub fn compute_plan_digest(&self) -> Result<Sha256Digest, IndexError> {
        let mut value = serde_json::to_value(self).map_err(CanonicalError::from)?;
        if let Some(fields) = value.as_object_mut() {
            for left_out in [
                "serial",
                "created",
                "planDigest",
                "sealed",
                "members",
                "planner",
            ] {
                fields.remove(left_out);
            }
        }
        let bytes = canonical::to_vec(&value)?;
        Ok(Sha256Digest::of_parts(&[b"kubeplan-plan/1\0", &bytes]))
    }

    /// The entry with this name.
    #[must_use]
    pub fn entry(&self, name: &EntryName) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == *name)
    }

    /// Names, sizes and digests of everything in the second member before `sealed.age`, in file order (bytewise).
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

    /// Checks everything that ties the parts together.
    ///
    /// # Errors
    /// [`IndexError`] naming the broken rule and the object.
    pub fn check(&self) -> Result<(), IndexError> {
        let broken = |rule, at: &dyn fmt::Display| {
            Err(IndexError::Inconsistent {
                rule,
                at: at.to_string(),
            })
        };
        if self.format != FORMAT {
            return Err(IndexError::Format(self.format.chars().take(80).collect()));
        }
        for feature in &self.requires {
            if !FEATURES.contains(&feature.as_str()) {
                return Err(IndexError::Feature(feature.chars().take(80).collect()));
            }
        }
        if !self.requires.is_sorted_by(|a, b| a < b) {
            return broken("requires is sorted and holds nothing twice", &"requires");
        }
        if self.serial == 0 {
            return broken("serial starts at 1", &"serial");
        }
        if self.apply_after >= self.apply_before {
            return broken("applyAfter lies before applyBefore", &self.apply_before);
        }
        self.check_entries()?;
        self.check_transactions()?;
        for step in &self.steps {
            if !self
                .requires
                .iter()
                .any(|feature| feature == step.feature())
            {
                return broken("requires lists the feature of every step", &step.feature());
            }
        }
        match (&self.sealed, self.sealed_entries().next()) {
            (None, Some((entry, _))) => broken("a sealed entry needs a sealed part", &entry.name),
            (Some(sealed), _) if sealed.recipients.is_empty() => {
                broken("a sealed part has recipients", &"sealed")
            }
            _ => Ok(()),
        }
    }

    fn check_entries(&self) -> Result<(), IndexError> {
        let broken = |rule, at: &dyn fmt::Display| {
            Err(IndexError::Inconsistent {
                rule,
                at: at.to_string(),
            })
        };
        let mut names = BTreeSet::new();
        let mut files: BTreeSet<&HostPath> = BTreeSet::new();
        for entry in &self.entries {
            if !names.insert(&entry.name) {
                return broken("an entry's name is unique", &entry.name);
            }
            if let Place::File(placement) = &entry.place {
                files.insert(&placement.path);
            }
        }
        for entry in &self.entries {
            let (Place::File(placement) | Place::Directory(placement)) = &entry.place else {
                continue;
            };
            let mut ancestor = match &entry.place {
                // A path that is a file and a folder at once.
                Place::Directory(_) => Some(placement.path.clone()),
                _ => placement.path.parent(),
            };
            while let Some(folder) = ancestor {
                if files.contains(&folder) {
                    return broken("no path lies below a file", &entry.name);
                }
                ancestor = folder.parent();
            }
        }
        let payload_entries: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| entry.place == Place::Payload)
            .map(|entry| &entry.name)
            .collect();
        let payloads: Vec<_> = self.payloads.iter().map(|payload| &payload.name).collect();
        if payload_entries != payloads {
            return broken(
                "payloads lists the payload entries in their order",
                &"payloads",
            );
        }
        if self.members.len() != 1 + self.payloads.len() {
            return broken(
                "there is one member for the small entries and one for each payload",
                &"members",
            );
        }
        if !payloads.is_empty()
            && !self
                .requires
                .iter()
                .any(|feature| feature == "payload:chunks/1")
        {
            return broken(
                "requires lists payload:chunks/1 when there is a payload",
                &"requires",
            );
        }
        for payload in &self.payloads {
            let Some(Content::Public(blob)) = self.entry(&payload.name).map(|entry| &entry.content)
            else {
                return broken("a payload is public", &payload.name);
            };
            if payload.chunk_size != CHUNK_SIZE
                || payload.chunks.len() as u64 != blob.size.div_ceil(CHUNK_SIZE)
            {
                return broken("a payload has one digest for every 4 MiB", &payload.name);
            }
        }
        Ok(())
    }

    /// Every file and folder is in exactly one transaction, after the folder it lies in, and every transaction is
    /// committed by exactly one step.
    fn check_transactions(&self) -> Result<(), IndexError> {
        let broken = |rule, at: &dyn fmt::Display| {
            Err(IndexError::Inconsistent {
                rule,
                at: at.to_string(),
            })
        };
        let mut transactions = BTreeSet::new();
        let mut placed = BTreeSet::new();
        for transaction in &self.transactions {
            if !transactions.insert(&transaction.name) {
                return broken("a transaction's name is unique", &transaction.name);
            }
            for name in &transaction.entries {
                let Some(entry) = self.entry(name) else {
                    return broken("a transaction names entries of the index", name);
                };
                if !matches!(entry.place, Place::File(_) | Place::Directory(_)) {
                    return broken("a transaction holds files and folders", name);
                }
                if !placed.insert(name) {
                    return broken("an entry is in one transaction", name);
                }
            }
        }
        let on_host = |entry: &&Entry| matches!(entry.place, Place::File(_) | Place::Directory(_));
        if let Some(entry) = self
            .entries
            .iter()
            .filter(on_host)
            .find(|entry| !placed.contains(&entry.name))
        {
            return broken("every file and folder is in a transaction", &entry.name);
        }
        let mut committed = BTreeSet::new();
        for step in &self.steps {
            match step {
                Step::CommitTransaction { transaction, .. } => {
                    if !transactions.contains(transaction) || !committed.insert(transaction) {
                        return broken(
                            "a step commits a transaction of the index, once",
                            transaction,
                        );
                    }
                }
            }
        }
        if let Some(transaction) = transactions.difference(&committed).next() {
            return broken("every transaction is committed by a step", transaction);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest index with a folder, a public and a sealed file.
    pub(crate) fn sample() -> Index {
        let phase: PhaseName = "certs".parse().unwrap();
        let placement = |path: &str, mode| Placement {
            path: path.parse().unwrap(),
            mode,
            uid: 0,
            gid: 0,
        };
        let folder = placement("/etc/kubernetes", FileMode::PUBLIC_DIRECTORY);
        let public = placement("/etc/kubernetes/ca.crt", FileMode::PUBLIC);
        let secret = placement("/etc/kubernetes/ca.key", FileMode::PRIVATE);
        let entry = |name: EntryName, place, content| Entry {
            name,
            phase: phase.clone(),
            place,
            content,
            handoff: false,
            holes: vec![],
        };
        let secret_name = EntryName::file(&secret.path);
        let twin = Twin {
            name: secret_name.twin(),
            size: 0,
            sha256: Sha256Digest::of(b""),
        };
        let entries = vec![
            entry(
                EntryName::directory(&folder.path),
                Place::Directory(folder),
                Content::None,
            ),
            entry(
                EntryName::file(&public.path),
                Place::File(public),
                Content::Public(Blob::of(b"x")),
            ),
            entry(
                secret_name,
                Place::File(secret),
                Content::Sealed(SealedContent {
                    class: SecretClass::PrivateKey,
                    commit: Sha256Digest::of(b"c"),
                    twin,
                    spki: Some(Sha256Digest::of(b"s")),
                }),
            ),
        ];
        let transaction = Transaction {
            name: "certs".parse().unwrap(),
            entries: entries.iter().map(|entry| entry.name.clone()).collect(),
        };
        let mut index = Index {
            format: FORMAT.into(),
            kind: BundleKind::Node,
            requires: vec!["step:commit-transaction/1".into()],
            cluster: ClusterRef {
                name: "c".parse().unwrap(),
                id: Sha256Digest::of(b"ca"),
            },
            node: NodeRef {
                name: "n".parse().unwrap(),
                role: NodeRole::ControlPlane,
            },
            target: Target {
                r#match: HostMatch::default(),
                platform: Platform {
                    os: "linux".into(),
                    arch: "amd64".into(),
                },
            },
            plan_digest: Sha256Digest::of(b""),
            serial: 1,
            created: "2026-11-20T00:00:00Z".parse().unwrap(),
            apply_after: "2026-11-20T00:00:00Z".parse().unwrap(),
            apply_before: "2027-11-20T00:00:00Z".parse().unwrap(),
            test_only: true,
            planner: Tool {
                name: "kubeplan".into(),
                version: "0".into(),
            },
            entries,
            sealed: Some(SealedPart {
                size: 1,
                sha256: Sha256Digest::of(b"s"),
                recipients: vec!["age1x".into()],
            }),
            members: vec![Member {
                size: 1,
                sha256: Sha256Digest::of(b"m"),
            }],
            payloads: vec![],
            transactions: vec![transaction],
            steps: vec![Step::CommitTransaction {
                phase,
                transaction: "certs".parse().unwrap(),
            }],
            annotations: BTreeMap::new(),
        };
        index.plan_digest = index.compute_plan_digest().unwrap();
        index
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let index = sample();
        let bytes = index.to_bytes().unwrap();
        assert_eq!(Index::parse(&bytes).unwrap(), index);
    }

    #[test]
    fn the_plan_digest_ignores_what_differs_between_two_bundles_of_one_plan() {
        let index = sample();
        let mut other = index.clone();
        other.serial = 9;
        other.created = "2026-12-01T00:00:00Z".parse().unwrap();
        other.members[0].size = 77;
        other.planner.version = "9".into();
        other
            .sealed
            .as_mut()
            .unwrap()
            .recipients
            .push("age1y".into());
        assert_eq!(other.compute_plan_digest().unwrap(), index.plan_digest);
        other.node.name = "m".parse().unwrap();
        assert_ne!(other.compute_plan_digest().unwrap(), index.plan_digest);
    }

    #[test]
    fn contradictions_are_named() {
        type Break = fn(&mut Index);
        let cases: &[(&str, Break)] = &[
            ("format", |i| i.format = "kubeplan.io/bundle/2".into()),
            ("requires `x`", |i| i.requires.insert(1, "x".into())),
            ("serial starts", |i| i.serial = 0),
            ("applyAfter", |i| i.apply_before = i.apply_after),
            ("name is unique", |i| i.entries.push(i.entries[0].clone())),
            ("in a transaction", |i| {
                drop(i.transactions[0].entries.pop())
            }),
            ("committed by a step", |i| i.steps.clear()),
            ("names entries", |i| {
                i.transactions[0]
                    .entries
                    .push("files/etc/other".parse().unwrap())
            }),
            ("needs a sealed part", |i| i.sealed = None),
            ("one member", |i| i.members.clear()),
            ("feature of every step", |i| i.requires.clear()),
            ("below a file", |i| {
                let Place::File(p) = &mut i.entries[1].place else {
                    panic!()
                };
                p.path = "/etc/kubernetes/ca.key/x".parse().unwrap();
            }),
        ];
        for (expected, change) in cases {
            let mut index = sample();
            change(&mut index);
            let error = index.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn entry_names_stay_inside_their_folders() {
        for good in [
            "files/etc/x",
            "redacted/files/etc/x",
            "objects/01-a.yaml",
            "redacted/objects/01-a.yaml",
            "payload/images.tar",
            "directory:/etc/x",
        ] {
            assert_eq!(good.parse::<EntryName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "files",
            "files/",
            "files/../x",
            "/files/x",
            "other/x",
            "objects/../x",
            "objects/.x",
            "objects/a/b",
            "redacted/payload/x",
            "redacted/redacted/files/x",
            "files/etc/kubeplan/policy.yaml",
            "directory:x",
        ] {
            assert!(bad.parse::<EntryName>().is_err(), "{bad}");
        }
    }
}

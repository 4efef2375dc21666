//! Entries: one file, directory, object or payload item each, valid by construction.
//!
//! They are written flat ([`EntryRecord`]), every field optional that some kind lacks, and read into [`Entry`], which
//! cannot be contradictory.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EntryName, Hole, IndexError};
use crate::digest::Sha256Digest;
use crate::mode::FileMode;
use crate::path::HostPath;
use crate::step::PhaseName;

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
    /// Whether the file is handed off to the kubelet once it is installed.
    pub handoff: bool,
    /// The values that only the running cluster knows. Objects have holes, and so has the manifest of a member that joins etcd.
    pub holes: Vec<Hole>,
}

/// Where an entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file on the host.
    File(Placement),
    /// A directory on the host.
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
    /// Nothing: a directory.
    None,
    /// Public bytes.
    Public(Blob),
    /// Bytes that only the target host may read.
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

/// The public description of secret bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedContent {
    /// What kind of secret it is; decides how its twin is made.
    pub class: SecretClass,
    /// HMAC-SHA-256 of the plaintext under a key that is inside the seal.
    pub commit: Sha256Digest,
    /// The redacted twin's name, size and digest.
    pub twin: Twin,
    /// For a private key, always: SHA-256 of the SubjectPublicKeyInfo of its public half.
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

/// Kinds of secret content. Each has a form, so that its twin can show everything but the secret values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretClass {
    /// A PEM private key.
    PrivateKey,
    /// A kubeconfig with embedded credentials.
    Kubeconfig,
    /// A Kubernetes `Secret`; the only class of objects.
    SecretObject,
    /// kube-apiserver's `EncryptionConfiguration`.
    EncryptionConfig,
    /// The credentials of container registries, as the kubelet reads them.
    RegistryAuth,
}

impl SecretClass {
    /// Its name in an index.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::Kubeconfig => "kubeconfig",
            Self::SecretObject => "secret-object",
            Self::EncryptionConfig => "encryption-config",
            Self::RegistryAuth => "registry-auth",
        }
    }
}

impl fmt::Display for SecretClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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
    holes: Vec<Hole>,
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
        // For chown(2) the number means that the owner stays.
        if placement
            .as_ref()
            .is_some_and(|p| p.uid == u32::MAX || p.gid == u32::MAX)
        {
            return Err(wrong("4294967295 is not a user or a group"));
        }
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
                return Err(wrong("a file or directory needs a path"));
            }
            (EntryKind::Object | EntryKind::Payload, Some(_)) => {
                return Err(wrong("only a file or directory has a path"));
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
        let of_files = |hole: &Hole| matches!(hole, Hole::EtcdInitialCluster { .. });
        let allowed = match place {
            Place::Object => !record.holes.iter().any(of_files),
            Place::File(_) => record.holes.iter().all(of_files),
            Place::Directory(_) | Place::Payload => record.holes.is_empty(),
        };
        if !allowed {
            return Err(wrong("only an object has a hole of this kind"));
        }
        if !record.holes.iter().all(Hole::fits_its_place) {
            return Err(wrong("a hole is in a place of its kind"));
        }
        let places: BTreeSet<_> = record.holes.iter().map(Hole::at).collect();
        if places.len() != record.holes.len() {
            return Err(wrong("a place has one hole"));
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

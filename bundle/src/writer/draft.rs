//! What goes into a bundle, before anything is computed.
//!
//! In: contents, places, steps. Out: [`Prepared`]: the index but for serial, sealed part and members, every public
//! byte, twins and commitments. Pure: no clock, no randomness, and nothing is read but payload sources.

use std::collections::{BTreeMap, BTreeSet};

use super::{Contents, Prepared, WriteError, seal_input};
use crate::digest::Sha256Digest;
use crate::index::{
    Api, Blob, BundleKind, CHUNK_SIZE, ClusterRef, Content, Entries, Entry, EntryName, FORMAT,
    Hole, Index, IndexError, IndexText, Member, NodeRef, Operation, PARTS_FEATURE, Payload, Place,
    Placement, SealedContent, SealedPart, SecretClass, Target, Tool, Transaction, Twin, hole,
    layout,
};
use crate::payload::{self, PayloadSource};
use crate::redact;
use crate::seal::{self, CommitSalt};
use crate::secret::SecretBytes;
use crate::sources::Sources;
use crate::spki;
use crate::step::{PhaseName, Step};
use crate::timestamp::Timestamp;

/// A stand-in for a recipient, never sealed for: the base point of the curve as a key.
const STAND_IN: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm";

/// The feature of an index with payload.
const PAYLOAD_FEATURE: &str = "payload:chunks/1";

/// Everything a plan says about one node.
pub struct Draft {
    /// What the bundle does to its node.
    pub operation: Operation,
    /// The cluster.
    pub cluster: ClusterRef,
    /// The node.
    pub node: NodeRef,
    /// The host and platform.
    pub target: Target,
    /// The plan's clock.
    pub created: Timestamp,
    /// Latest notBefore of the certificates.
    pub apply_after: Timestamp,
    /// Earliest notAfter of the certificates minus the remaining life asked for.
    pub apply_before: Timestamp,
    /// Made with public test keys.
    pub test_only: bool,
    /// The program that plans.
    pub planner: Tool,
    /// Free text.
    pub annotations: BTreeMap<String, String>,
    /// What is installed or applied, in plan order.
    pub entries: Vec<DraftEntry>,
    /// Files that reach the host together.
    pub transactions: Vec<Transaction>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// How steps reach the API server.
    pub api: Option<Api>,
    /// The key store's salt for the commitments to secrets.
    pub commit_salt: CommitSalt,
    /// Where the values came from, if that is told.
    pub sources: Option<Sources>,
}

/// One entry and its content.
pub struct DraftEntry {
    /// Its name; for files and directories the one that follows from the path.
    pub name: EntryName,
    /// kubeadm's phase.
    pub phase: PhaseName,
    /// Where it goes.
    pub place: Place,
    /// What it holds.
    pub content: DraftContent,
    /// The kubelet owns the file once it is installed.
    pub handoff: bool,
    /// What only the running cluster knows; the content has each one's placeholder.
    pub holes: Vec<Hole>,
}

/// What an entry holds.
pub enum DraftContent {
    /// Nothing: a directory.
    Directory,
    /// Public bytes.
    Public(Vec<u8>),
    /// Bytes that only the host may read.
    Secret {
        /// Decides how the redacted twin is made.
        class: SecretClass,
        /// The plaintext.
        bytes: SecretBytes,
        /// For a private key: SHA-256 of the SubjectPublicKeyInfo that it must belong to. If absent it is computed.
        spki: Option<Sha256Digest>,
    },
    /// A large item.
    Payload(Box<dyn PayloadSource>),
}

impl DraftEntry {
    /// A directory on the host.
    #[must_use]
    pub fn directory(phase: PhaseName, placement: Placement) -> Self {
        Self {
            name: EntryName::directory(&placement.path),
            phase,
            place: Place::Directory(placement),
            content: DraftContent::Directory,
            handoff: false,
            holes: Vec::new(),
        }
    }

    /// A file on the host.
    #[must_use]
    pub fn file(phase: PhaseName, placement: Placement, content: DraftContent) -> Self {
        Self {
            name: EntryName::file(&placement.path),
            phase,
            place: Place::File(placement),
            content,
            handoff: false,
            holes: Vec::new(),
        }
    }

    /// An API object, `objects/…`.
    #[must_use]
    pub fn object(phase: PhaseName, name: EntryName, content: DraftContent) -> Self {
        Self {
            name,
            phase,
            place: Place::Object,
            content,
            handoff: false,
            holes: Vec::new(),
        }
    }

    /// A large item, `payload/…`.
    #[must_use]
    pub fn payload(phase: PhaseName, name: EntryName, source: Box<dyn PayloadSource>) -> Self {
        Self {
            name,
            phase,
            place: Place::Payload,
            content: DraftContent::Payload(source),
            handoff: false,
            holes: Vec::new(),
        }
    }
}

impl Draft {
    /// Computes everything that depends on the draft alone: digests, twins, commitments, the plan digest.
    ///
    /// # Errors
    /// [`WriteError`] if the parts contradict each other, a secret cannot be redacted, a private key is not the one it
    /// should be, something is too big, or a payload source cannot be read.
    pub fn prepare(self) -> Result<Prepared, WriteError> {
        let mut contents = self.contents()?;
        let index = &mut contents.index;
        let mut text = IndexText::of(index).map_err(WriteError::Index)?;
        index.plan_digest = text.plan_digest().map_err(WriteError::Index)?;
        contents.check(|index| text.read_back(index))?;
        Ok(Prepared { contents, text })
    }

    /// Refuses what [`Draft::prepare`] refuses, for less work: the index is checked as it is, without reading it back.
    ///
    /// # Errors
    /// As for [`Draft::prepare`].
    pub fn check(self) -> Result<(), WriteError> {
        let mut contents = self.contents()?;
        let mut text = IndexText::of(&contents.index).map_err(WriteError::Index)?;
        contents.check(|index| {
            text.checked_bytes(index)?;
            index.check()
        })
    }

    fn contents(self) -> Result<Contents, WriteError> {
        let mut prepared = Contents {
            index: Index {
                format: FORMAT.to_owned(),
                kind: BundleKind::Node,
                operation: self.operation,
                requires: vec![],
                cluster: self.cluster,
                node: self.node,
                target: self.target,
                plan_digest: Sha256Digest::of(b""),
                serial: 1,
                created: self.created,
                apply_after: self.apply_after,
                apply_before: self.apply_before,
                test_only: self.test_only,
                planner: self.planner,
                entries: Entries::default(),
                sealed: None,
                members: vec![],
                sources: None,
                payloads: vec![],
                transactions: self.transactions,
                steps: self.steps,
                api: self.api,
                annotations: self.annotations,
            },
            public: BTreeMap::new(),
            sources: None,
            secrets: vec![],
            payloads: vec![],
        };
        if let Some(sources) = self.sources {
            let bytes = sources.to_bytes().map_err(WriteError::Sources)?;
            prepared.index.sources = Some(Blob::of(&bytes));
            prepared.sources = Some(bytes);
        }
        for entry in self.entries {
            prepared.add(entry, &self.commit_salt)?;
        }
        let index = &mut prepared.index;
        let mut requires: BTreeSet<&str> = index.steps.iter().flat_map(Step::features).collect();
        requires.insert(PARTS_FEATURE);
        let holes = index.entries.iter().flat_map(|entry| &entry.holes);
        requires.extend(holes.map(Hole::feature));
        if !index.payloads.is_empty() {
            requires.insert(PAYLOAD_FEATURE);
        }
        index.requires = requires.into_iter().map(str::to_owned).collect();
        Ok(prepared)
    }
}

fn check_holes(name: &EntryName, holes: &[Hole], text: &[u8]) -> Result<(), WriteError> {
    if hole::agrees(holes, text) {
        return Ok(());
    }
    Err(WriteError::Entry {
        name: name.clone(),
        rule: "the text has the placeholders of its holes, and no others",
    })
}

impl Contents {
    fn add(&mut self, entry: DraftEntry, salt: &CommitSalt) -> Result<(), WriteError> {
        let name = entry.name;
        if let (Place::Object, DraftContent::Public(bytes)) = (&entry.place, &entry.content) {
            check_holes(&name, &entry.holes, bytes)?;
        }
        if let DraftContent::Secret { bytes, .. } = &entry.content
            && entry.place == Place::Object
        {
            check_holes(&name, &entry.holes, bytes.expose())?;
        }
        let content = match entry.content {
            DraftContent::Directory => Content::None,
            DraftContent::Public(bytes) => {
                if entry.place == Place::Payload {
                    return Err(WriteError::Entry {
                        name,
                        rule: "a payload item comes from a payload source",
                    });
                }
                let blob = Blob::of(&bytes);
                self.public.insert(name.clone(), bytes);
                Content::Public(blob)
            }
            DraftContent::Payload(source) => {
                if entry.place != Place::Payload {
                    return Err(WriteError::Entry {
                        name,
                        rule: "only a payload item comes from a payload source",
                    });
                }
                let survey = payload::survey(&name, &*source)?;
                let blob = survey.blob.clone();
                self.index.payloads.push(Payload {
                    name: name.clone(),
                    chunk_size: CHUNK_SIZE,
                    chunks: survey.chunks.clone(),
                });
                self.payloads.push((name.clone(), source, survey));
                Content::Public(blob)
            }
            DraftContent::Secret { class, bytes, spki } => {
                let sealed = self.add_secret(&name, class, bytes, spki, salt)?;
                // A reviewer approves what the twin shows.
                if let Some(twin) = self.public.get(&sealed.twin.name)
                    && entry.place == Place::Object
                {
                    check_holes(&name, &entry.holes, twin)?;
                }
                Content::Sealed(sealed)
            }
        };
        self.index.entries.push(Entry {
            name,
            phase: entry.phase,
            place: entry.place,
            content,
            handoff: entry.handoff,
            holes: entry.holes,
        });
        Ok(())
    }

    fn add_secret(
        &mut self,
        name: &EntryName,
        class: SecretClass,
        bytes: SecretBytes,
        spki: Option<Sha256Digest>,
        salt: &CommitSalt,
    ) -> Result<SealedContent, WriteError> {
        let twin_bytes =
            redact::twin(class, bytes.expose()).map_err(|source| WriteError::Redact {
                name: name.clone(),
                source,
            })?;
        let blob = Blob::of(&twin_bytes);
        let twin = Twin {
            name: name.twin(),
            size: blob.size,
            sha256: blob.sha256,
        };
        self.public.insert(twin.name.clone(), twin_bytes);
        let key = salt.key_for(&self.index.cluster.id, &self.index.node.name, name);
        let commit = key.commit(bytes.expose());
        let found = match class {
            SecretClass::PrivateKey => {
                let found = spki::of_private_key(bytes.expose()).map_err(|source| {
                    WriteError::PrivateKey {
                        name: name.clone(),
                        source,
                    }
                })?;
                Some(found)
            }
            _ => None,
        };
        if spki.is_some() && spki != found {
            return Err(WriteError::Spki { name: name.clone() });
        }
        self.secrets.push((name.clone(), bytes, key));
        Ok(SealedContent {
            class,
            commit,
            twin,
            spki: found,
        })
    }

    /// Reads the index back as a host would, with stand-ins for what is only known when the bundle is written.
    fn check(
        &mut self,
        look: impl FnOnce(&Index) -> Result<(), IndexError>,
    ) -> Result<(), WriteError> {
        seal::check(&seal_input(&self.index, &self.secrets)).map_err(WriteError::Seal)?;
        let index = &mut self.index;
        let nothing = Blob::of(b"");
        if !self.secrets.is_empty() {
            index.sealed = Some(SealedPart {
                size: nothing.size,
                sha256: nothing.sha256,
                recipients: vec![STAND_IN.to_owned()],
            });
        }
        index.members = vec![
            Member {
                size: nothing.size,
                sha256: nothing.sha256,
            };
            1
        ];
        look(index).map_err(WriteError::Index)?;
        layout(index).map_err(WriteError::Size)?;
        index.sealed = None;
        index.members = Vec::new();
        Ok(())
    }
}

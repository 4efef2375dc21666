//! Writes a bundle.
//!
//! In: a [`Draft`], what a plan says about one node. Out: through [`Prepared`], which has the plan digest and every
//! public byte and depends on the draft alone, the bytes of a bundle. Two equal drafts give equal [`Prepared`]s; the
//! bundles written from them differ in the sealed part (age is randomised) and what names its digest, and in nothing
//! else. The writer checks what the reader checks, so it never writes a bundle that is refused for its form.
//!
//! Signatures and approvals are added to a written bundle by [`with_signature`] and [`with_approval`], which rewrite the
//! first member and copy the rest.

mod add;
mod draft;

use std::collections::BTreeMap;
use std::io::{self, Write};

pub use add::{public_part, with_approval, with_approvals, with_signature};
pub use draft::{Draft, DraftContent, DraftEntry};

use crate::approval::ApprovalError;
use crate::digest::Sha256Digest;
use crate::frame::first::{FirstMember, FirstMemberError};
use crate::frame::tar::{self, HeaderError};
use crate::frame::{gzip, single};
use crate::index::{
    Entry, EntryName, Index, IndexError, IndexText, Member, SOURCES_NAME, SealedPart, SizeError,
    layout,
};
use crate::payload::{self, PayloadError, PayloadSource, Survey};
use crate::redact::RedactError;
use crate::seal::{self, CommitKey, Recipient, SealError, SealInput};
use crate::secret::SecretBytes;
use crate::signature::{Fingerprint, KeyError, Namespace, PrivateKey, SignatureError};
use crate::sources::SourcesError;
use crate::spki::SpkiError;
use crate::verify::SEALED_NAME;

/// Why a bundle cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// An entry's content does not fit its place.
    #[error("entry `{name}`: {rule}")]
    Entry {
        /// Which entry.
        name: EntryName,
        /// The broken rule.
        rule: &'static str,
    },
    /// The index would not be valid.
    #[error("the plan does not make a valid index")]
    Index(#[source] IndexError),
    /// A part is over its limit.
    #[error("the plan does not fit a bundle")]
    Size(#[source] SizeError),
    /// A name does not fit.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A secret that cannot be redacted.
    #[error("entry `{name}` cannot be redacted")]
    Redact {
        /// Which entry.
        name: EntryName,
        /// Why.
        #[source]
        source: RedactError,
    },
    /// A private key that cannot be read.
    #[error("entry `{name}` is not a valid private key")]
    PrivateKey {
        /// Which entry.
        name: EntryName,
        /// Why.
        #[source]
        source: SpkiError,
    },
    /// A private key and a public one that do not belong together.
    #[error("the private key `{name}` does not belong to the public key that the plan names")]
    Spki {
        /// Which entry.
        name: EntryName,
    },
    /// Where the values came from.
    #[error("`{SOURCES_NAME}` cannot be written")]
    Sources(#[source] SourcesError),
    /// A payload item.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The sealed part.
    #[error("the secrets cannot be sealed")]
    Seal(#[source] SealError),
    /// An author's key.
    #[error("the bundle cannot be signed")]
    Sign(#[source] KeyError),
    /// The first member.
    #[error("the first member cannot be written")]
    FirstMember(#[source] FirstMemberError),
    /// The same key twice.
    #[error("the key {0} has already signed this bundle")]
    AlreadySigned(Fingerprint),
    /// The same reviewer twice.
    #[error("the key {0} has already approved this bundle")]
    AlreadyApproved(Fingerprint),
    /// A signature over something else.
    #[error("the signature by {fingerprint} is not a signature of this bundle's `kubeplan.json`")]
    Signature {
        /// The key inside.
        fingerprint: Fingerprint,
        /// Why.
        #[source]
        source: SignatureError,
    },
    /// An approval that does not hold.
    #[error("the approval by {fingerprint} is refused")]
    Approval {
        /// The key inside.
        fingerprint: Fingerprint,
        /// Why.
        #[source]
        source: Box<ApprovalError>,
    },
    /// An approval of another bundle.
    #[error(
        "the approval by {fingerprint} is for the index with SHA-256 {approved}, not for this one ({index})"
    )]
    OtherApproval {
        /// The key inside.
        fingerprint: Fingerprint,
        /// What was approved.
        approved: Sha256Digest,
        /// What is here.
        index: Sha256Digest,
    },
    /// The bundle changed between reading and copying.
    #[error("the bundle changed while it was copied")]
    SourceChanged,
    /// The bundle that is copied.
    #[error("the bundle cannot be read")]
    Read(#[source] io::Error),
    /// The output.
    #[error("the bundle cannot be written")]
    Write(#[source] io::Error),
}

/// A draft with everything computed that depends on the draft alone.
pub struct Prepared {
    contents: Contents,
    /// The text of the index.
    text: IndexText,
}

/// An index and what it names.
struct Contents {
    /// Complete but for serial, sealed part and members.
    index: Index,
    public: BTreeMap<EntryName, Vec<u8>>,
    /// The bytes of `sources.json`.
    sources: Option<Vec<u8>>,
    secrets: Vec<(EntryName, SecretBytes, CommitKey)>,
    payloads: Vec<(EntryName, Box<dyn PayloadSource>, Survey)>,
}

/// A bundle that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenBundle {
    /// Its index.
    pub index: Index,
    /// The exact bytes of `kubeplan.json`.
    pub index_bytes: Vec<u8>,
}

impl Prepared {
    /// The digest of what the plan says.
    #[must_use]
    pub fn plan_digest(&self) -> Sha256Digest {
        self.contents.index.plan_digest
    }

    /// Every public file, object and redacted twin.
    #[must_use]
    pub fn public(&self) -> &BTreeMap<EntryName, Vec<u8>> {
        &self.contents.public
    }

    /// The entries as they will be in the index, in plan order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.contents.index.entries
    }

    /// Whether there is anything to seal, so that [`Prepared::write`] needs recipients.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        !self.contents.secrets.is_empty()
    }

    /// Writes the bundle: seals the secrets for `recipients`, signs the index with each of `authors`. Without authors
    /// the bundle is unsigned, and hosts refuse it. Without secrets nothing is sealed and recipients are not used.
    ///
    /// # Errors
    /// [`WriteError`]. The output is then not a complete bundle.
    pub fn write(
        self,
        serial: u64,
        recipients: &[Recipient],
        authors: &[&PrivateKey],
        out: &mut dyn Write,
    ) -> Result<WrittenBundle, WriteError> {
        let Self { contents, mut text } = self;
        let Contents {
            mut index,
            public,
            sources,
            secrets,
            payloads,
        } = contents;
        index.serial = serial;
        let sealed = seal_all(&mut index, &secrets, recipients)?;
        let small = small_member(&public, sources.as_deref())?;
        index.members = vec![Member {
            size: small.len() as u64,
            sha256: Sha256Digest::of(&small),
        }];
        layout(&index).map_err(WriteError::Size)?;
        index.check().map_err(WriteError::Index)?;
        let index_bytes = text.bytes_of(&index).map_err(WriteError::Index)?;
        let mut first = FirstMember {
            index: index_bytes,
            ..FirstMember::default()
        };
        for author in authors {
            let signature = author
                .sign(Namespace::Bundle, &first.index)
                .map_err(WriteError::Sign)?;
            let fingerprint = signature.public_key().fingerprint();
            let armored = signature.to_armored().into_bytes();
            if first
                .signatures
                .insert(fingerprint.hex(), armored)
                .is_some()
            {
                return Err(WriteError::AlreadySigned(fingerprint));
            }
        }
        let member = first.to_bytes().map_err(WriteError::FirstMember)?;
        out.write_all(&member).map_err(WriteError::Write)?;
        out.write_all(&small).map_err(WriteError::Write)?;
        if let Some(sealed) = sealed {
            let member = single::member(SEALED_NAME, &sealed)?;
            out.write_all(&member).map_err(WriteError::Write)?;
        }
        for (name, source, survey) in &payloads {
            payload::write_member(name, &**source, survey, out)?;
        }
        out.write_all(&single::end()).map_err(WriteError::Write)?;
        out.flush().map_err(WriteError::Write)?;
        Ok(WrittenBundle {
            index,
            index_bytes: first.index,
        })
    }
}

/// The secrets as they are sealed.
fn seal_input<'a>(
    index: &'a Index,
    secrets: &'a [(EntryName, SecretBytes, CommitKey)],
) -> SealInput<'a> {
    SealInput {
        node: &index.node.name,
        cluster_id: &index.cluster.id,
        entries: secrets
            .iter()
            .map(|(name, bytes, key)| (name.clone(), bytes, key.clone()))
            .collect(),
    }
}

/// Seals what there is to seal and notes it in the index.
fn seal_all(
    index: &mut Index,
    secrets: &[(EntryName, SecretBytes, CommitKey)],
    recipients: &[Recipient],
) -> Result<Option<Vec<u8>>, WriteError> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let sealed = seal::seal(&seal_input(index, secrets), recipients).map_err(WriteError::Seal)?;
    let mut names: Vec<String> = recipients.iter().map(Recipient::to_text).collect();
    names.sort();
    names.dedup();
    index.sealed = Some(SealedPart {
        size: sealed.len() as u64,
        sha256: Sha256Digest::of(&sealed),
        recipients: names,
    });
    Ok(Some(sealed))
}

/// The second member: public contents by name, then `sources.json`.
fn small_member(
    public: &BTreeMap<EntryName, Vec<u8>>,
    sources: Option<&[u8]>,
) -> Result<Vec<u8>, WriteError> {
    let mut plain = Vec::new();
    for (name, content) in public {
        tar::append(&mut plain, name.as_str(), content)?;
    }
    if let Some(sources) = sources {
        tar::append(&mut plain, SOURCES_NAME, sources)?;
    }
    gzip::small_member(&plain).map_err(WriteError::Write)
}

//! Why a bundle is refused, when it is opened, verified, unsealed or its payload read.

use std::io;

use crate::approval::ApprovalError;
use crate::digest::Sha256Digest;
use crate::frame::first::FirstMemberError;
use crate::frame::stored::StoredError;
use crate::frame::walk::WalkError;
use crate::index::{EntryName, IndexError, SizeError};
use crate::payload::PayloadReadError;
use crate::policy::TrustError;
use crate::redact::RedactError;
use crate::seal::SealError;
use crate::signature::{Fingerprint, SignatureError};
use crate::sources::SourcesError;
use crate::spki::SpkiError;

/// Why a bundle is refused. Every variant is a refusal of the whole bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The source of the bundle cannot be read.
    #[error("the bundle cannot be read")]
    Read(#[source] io::Error),
    /// The file does not start with the first member of a bundle.
    #[error("the file is not a kubeplan bundle")]
    FirstMember(#[source] FirstMemberError),
    /// The first member begins as that of a bundle, and ends early or does not have its checksum.
    #[error("the bundle is damaged")]
    Damaged(#[source] FirstMemberError),
    /// A signature that is malformed or does not verify.
    #[error("the signature `{name}` is refused")]
    Signature {
        /// The entry.
        name: String,
        /// Why.
        #[source]
        source: SignatureError,
    },
    /// A signature under another key's name.
    #[error("`{name}` holds a signature by key {fingerprint}, but is named after another key")]
    SignatureName {
        /// The entry.
        name: String,
        /// The key inside.
        fingerprint: Fingerprint,
    },
    /// An approval that is malformed or does not verify.
    #[error("the approval `{name}` is refused")]
    Approval {
        /// The entry.
        name: String,
        /// Why.
        #[source]
        source: ApprovalError,
    },
    /// An approval of another index.
    #[error(
        "`{name}` approves another bundle: its index has the digest {approved}, the index of this bundle {index}"
    )]
    OtherApproval {
        /// The entry.
        name: String,
        /// What was approved.
        approved: Sha256Digest,
        /// What is here.
        index: Sha256Digest,
    },
    /// The bundle does not have the signatures and approvals that the policy requires.
    #[error("the bundle is not trusted")]
    Untrusted(#[source] TrustError),
    /// The index is not valid.
    #[error("`kubeplan.json` is refused")]
    Index(#[source] IndexError),
    /// The plan digest in the index is not that of the index's content.
    #[error(
        "the plan digest in `kubeplan.json` is {stated}, but the digest of its content is {computed}"
    )]
    PlanDigest {
        /// In the index.
        stated: Sha256Digest,
        /// Of its content.
        computed: Sha256Digest,
    },
    /// A size in the index is over its limit.
    #[error("the sizes that `kubeplan.json` names are refused")]
    Size(#[source] SizeError),
    /// The file is too short.
    #[error("the file is truncated: {missing} of the bytes that `kubeplan.json` names are missing")]
    Truncated {
        /// How many bytes.
        missing: u64,
    },
    /// The file is too long.
    #[error("the file has {extra} bytes after the end that `kubeplan.json` names")]
    TrailingData {
        /// How many bytes.
        extra: u64,
    },
    /// A gzip member does not have its digest.
    #[error("gzip member {member} does not have the digest in `kubeplan.json`")]
    MemberDigest {
        /// The number of the member, from 1.
        member: usize,
    },
    /// A gzip member has its digest, but its content is malformed: the program that wrote the bundle is faulty.
    #[error("gzip member {member} is not what `kubeplan.json` describes")]
    Member {
        /// The number of the member, from 1.
        member: usize,
        /// What differs.
        #[source]
        source: WalkError,
    },
    /// Bytes after the end of a gzip member, inside its digest.
    #[error("gzip member {member} has bytes after its end")]
    MemberTrailing {
        /// The number of the member, from 1.
        member: usize,
    },
    /// A public entry or the sealed part does not have its digest.
    #[error("`{name}` does not have the digest in `kubeplan.json`")]
    EntryDigest {
        /// The entry.
        name: String,
    },
    /// The sealed part is not framed as it must be.
    #[error("the member of the sealed part is not in the canonical form")]
    SealedFrame(#[source] WalkError),
    /// The file does not end as a bundle does.
    #[error("the file does not end with the end of an archive")]
    End,
    /// A public part, where a whole bundle is needed.
    #[error(
        "this is the public part of a bundle (`kubeplan public`): its sealed part is left out, so it can be reviewed, signed and approved, \
         and not installed"
    )]
    PublicPart,
    /// `sources.json` has its digest, and is not a valid document.
    #[error("where the values came from is refused")]
    Sources(#[source] SourcesError),
    /// There is no payload item of this name.
    #[error("the bundle has no payload `{name}`")]
    NoPayload {
        /// The name asked for.
        name: EntryName,
    },
    /// A payload item is not what the index describes.
    #[error("the payload is refused")]
    Payload(#[source] PayloadReadError),
    /// None of the identities is for a recipient of the sealed part.
    #[error(
        "none of the given identities opens the sealed part; it is for {}", .recipients.join(", ")
    )]
    NoMatchingIdentity {
        /// The recipients in the index.
        recipients: Vec<String>,
    },
    /// The sealed part cannot be opened, or is malformed inside.
    #[error("the sealed part is refused")]
    Seal(#[source] SealError),
    /// The sealed part was made for another node or cluster.
    #[error("the sealed part was made for another {what} (`{found}`, the index says `{expected}`)")]
    SealedForOther {
        /// `node` or `cluster`.
        what: &'static str,
        /// Inside the seal.
        found: String,
        /// In the index.
        expected: String,
    },
    /// A sealed entry of the index is not in the seal.
    #[error("`{name}` is missing from the sealed part")]
    SealedMissing {
        /// The entry.
        name: EntryName,
    },
    /// The seal holds something that the index does not name.
    #[error("the sealed part holds `{name}`, which the index does not name")]
    SealedUnexpected {
        /// The entry.
        name: EntryName,
    },
    /// The sealed bytes are not those that the index commits to.
    #[error("the sealed content of `{name}` does not match its commitment in the index")]
    Commit {
        /// The entry.
        name: EntryName,
    },
    /// The redacted twin is not that of the sealed content.
    #[error("the redacted twin of `{name}` does not match the sealed content")]
    Twin {
        /// The entry.
        name: EntryName,
    },
    /// The sealed bytes are not in the form of their class, so they cannot be redacted.
    #[error("the sealed content of `{name}` is not valid for its class")]
    Redact {
        /// The entry.
        name: EntryName,
        /// Why.
        #[source]
        source: RedactError,
    },
    /// A private key does not match the public key in the index.
    #[error("the private key `{name}` does not belong to the public key in the index")]
    Spki {
        /// The entry.
        name: EntryName,
    },
    /// A private key cannot be read.
    #[error("the private key `{name}` is refused")]
    PrivateKey {
        /// The entry.
        name: EntryName,
        /// Why.
        #[source]
        source: SpkiError,
    },
}

impl VerifyError {
    /// The refusal of a file whose first member cannot be read.
    pub(crate) fn of_first_member(error: FirstMemberError) -> Self {
        use FirstMemberError::Gzip;
        match error {
            Gzip(StoredError::Read(error)) => Self::Read(error),
            Gzip(StoredError::Truncated | StoredError::Checksum | StoredError::Block) => {
                Self::Damaged(error)
            }
            error => Self::FirstMember(error),
        }
    }

    /// Whether an incomplete copy or a damaged medium can be the reason. A bundle that someone altered on purpose can look the same.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged(_)
                | Self::Truncated { .. }
                | Self::TrailingData { .. }
                | Self::MemberDigest { .. }
                | Self::Payload(
                    PayloadReadError::Member { .. }
                        | PayloadReadError::Chunk { .. }
                        | PayloadReadError::End { .. }
                )
                | Self::SealedFrame(_)
                | Self::End
        )
    }
}

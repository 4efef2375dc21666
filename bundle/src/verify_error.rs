//! Why a bundle is refused, when it is opened, verified, unsealed or its payload read.

use std::io;

use crate::approval::ApprovalError;
use crate::digest::Sha256Digest;
use crate::frame::first::FirstMemberError;
use crate::frame::walk::WalkError;
use crate::index::{EntryName, IndexError, SizeError};
use crate::payload::PayloadReadError;
use crate::policy::TrustError;
use crate::redact::RedactError;
use crate::seal::SealError;
use crate::signature::{Fingerprint, SignatureError};
use crate::spki::SpkiError;

/// Why a bundle is refused. Every variant is a refusal of the whole bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The source fails.
    #[error("the bundle cannot be read")]
    Read(#[source] io::Error),
    /// The start of the file.
    #[error("the file does not start as a bundle does")]
    FirstMember(#[source] FirstMemberError),
    /// A signature that is malformed or does not verify.
    #[error("`{name}` is refused")]
    Signature {
        /// The entry.
        name: String,
        /// Why.
        #[source]
        source: SignatureError,
    },
    /// A signature under another key's name.
    #[error("`{name}` holds a signature by the key {fingerprint}, after which it is not named")]
    SignatureName {
        /// The entry.
        name: String,
        /// The key inside.
        fingerprint: Fingerprint,
    },
    /// An approval that is malformed or does not verify.
    #[error("`{name}` is refused")]
    Approval {
        /// The entry.
        name: String,
        /// Why.
        #[source]
        source: ApprovalError,
    },
    /// An approval of another index.
    #[error("`{name}` approves another bundle (index digest {approved}, this one has {index})")]
    OtherApproval {
        /// The entry.
        name: String,
        /// What was approved.
        approved: Sha256Digest,
        /// What is here.
        index: Sha256Digest,
    },
    /// The policy is not met.
    #[error("the bundle is not trusted here")]
    Untrusted(#[source] TrustError),
    /// The index.
    #[error("`kubeplan.json` is refused")]
    Index(#[source] IndexError),
    /// The index states another plan digest than its content has.
    #[error("`kubeplan.json` states the plan digest {stated}, its content has {computed}")]
    PlanDigest {
        /// In the index.
        stated: Sha256Digest,
        /// Of its content.
        computed: Sha256Digest,
    },
    /// The sizes in the index.
    #[error("the sizes that `kubeplan.json` names are refused")]
    Size(#[source] SizeError),
    /// The file is too short.
    #[error("the file is truncated: {missing} of the bytes that `kubeplan.json` names are missing")]
    Truncated {
        /// How many.
        missing: u64,
    },
    /// The file is too long.
    #[error("the file has {extra} bytes after the end that `kubeplan.json` names")]
    TrailingData {
        /// How many.
        extra: u64,
    },
    /// A gzip member does not have its digest.
    #[error("gzip member {member} does not have the digest in `kubeplan.json`")]
    MemberDigest {
        /// Which, the first one being 1.
        member: usize,
    },
    /// A gzip member has its digest but is not made as it must be: the author's program did something wrong.
    #[error("gzip member {member} is not what `kubeplan.json` describes")]
    Member {
        /// Which, the first one being 1.
        member: usize,
        /// What differs.
        #[source]
        source: WalkError,
    },
    /// Bytes after the end of a gzip member, inside its digest.
    #[error("gzip member {member} has bytes after its end")]
    MemberTrailing {
        /// Which, the first one being 1.
        member: usize,
    },
    /// A public entry or the sealed part does not have its digest.
    #[error("`{name}` does not have the digest in `kubeplan.json`")]
    EntryDigest {
        /// Which.
        name: String,
    },
    /// There is no payload item of this name.
    #[error("the bundle has no payload `{name}`")]
    NoPayload {
        /// The name asked for.
        name: EntryName,
    },
    /// A payload item.
    #[error("the payload is refused")]
    Payload(#[source] PayloadReadError),
    /// The sealed part is for other keys.
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
    #[error("`{name}` is missing in the sealed part")]
    SealedMissing {
        /// Which.
        name: EntryName,
    },
    /// The seal holds something that the index does not name.
    #[error("the sealed part holds `{name}`, which the index does not name")]
    SealedUnexpected {
        /// Which.
        name: EntryName,
    },
    /// The sealed bytes are not those that the index commits to.
    #[error("the sealed content of `{name}` is not what the index commits to")]
    Commit {
        /// Which.
        name: EntryName,
    },
    /// The redacted twin does not show what is sealed.
    #[error("the redacted twin of `{name}` is not the redacted form of what is sealed")]
    Twin {
        /// Which.
        name: EntryName,
    },
    /// The sealed bytes cannot be redacted at all.
    #[error("the sealed content of `{name}` is not of its class")]
    Redact {
        /// Which.
        name: EntryName,
        /// Why.
        #[source]
        source: RedactError,
    },
    /// A private key is another one than the index says.
    #[error("the private key `{name}` does not belong to the public key in the index")]
    Spki {
        /// Which.
        name: EntryName,
    },
    /// A private key cannot be read.
    #[error("the private key `{name}` is refused")]
    PrivateKey {
        /// Which.
        name: EntryName,
        /// Why.
        #[source]
        source: SpkiError,
    },
}

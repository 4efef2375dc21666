//! Verifies a bundle, in an order that leaves nothing to an attacker.
//!
//! In: [`Bundle<Unverified>`]. Out: [`Bundle<Trusted>`] or [`Bundle<Intact>`], or a [`VerifyError`]. The order:
//!
//! 1. the frame of the first member (when the bundle is opened): fixed gzip header, stored blocks, tar headers;
//! 2. every signature over the raw bytes of the index, every approval, and the policy. Up to here no JSON is parsed;
//! 3. the index: canonical, known features, consistent, plan digest recomputed, sizes within [`crate::limits`];
//! 4. the members fill the file exactly, and each has its digest. Up to here nothing is inflated;
//! 5. the second member is inflated, no further than the index says, and each entry's header, size, digest and padding
//!    is what the index says.
//!
//! [`Bundle::into_intact`] leaves out the policy of step 2 and nothing else. There is no way to leave out more.

use std::collections::BTreeMap;
use std::io::{self, Read, SeekFrom};

use crate::approval::ApprovalError;
use crate::digest::Sha256Digest;
use crate::frame::first::FirstMemberError;
use crate::frame::gzip::Decoder;
use crate::frame::tar::Standing;
use crate::frame::walk::{Walk, WalkError};
use crate::index::{Blob, EntryName, Index, IndexError};
use crate::limits::{self, SizeError};
use crate::payload::{PayloadReadError, Source};
use crate::policy::{TrustError, TrustPolicy};
use crate::reader::contents::Contents;
use crate::reader::{Bundle, First, Intact, Trusted, Unverified};
use crate::redact::RedactError;
use crate::seal::SealError;
use crate::signature::{Fingerprint, Namespace, SignatureError};
use crate::spki::SpkiError;
use crate::timestamp::Timestamp;

/// The name of the sealed part in the archive.
pub const SEALED_NAME: &str = "sealed.age";

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

impl Bundle<Unverified> {
    /// Verifies everything but whether a signer is trusted. A bundle without any signature passes.
    ///
    /// # Errors
    /// [`VerifyError`] naming what is wrong.
    pub fn into_intact(mut self) -> Result<Bundle<Intact>, VerifyError> {
        for signature in &self.first.signatures {
            signature
                .verify(Namespace::Bundle, &self.first.index)
                .map_err(|source| VerifyError::Signature {
                    name: format!(
                        "signatures/{}.sig",
                        signature.public_key().fingerprint().hex()
                    ),
                    source,
                })?;
        }
        let index = Sha256Digest::of(&self.first.index);
        for approval in &self.first.approvals {
            let name = || format!("approvals/{}.json", approval.fingerprint().hex());
            let statement = approval
                .statement()
                .map_err(|source| VerifyError::Approval {
                    name: name(),
                    source,
                })?;
            if statement.index_sha256 != index {
                return Err(VerifyError::OtherApproval {
                    name: name(),
                    approved: statement.index_sha256,
                    index,
                });
            }
        }
        let contents = read_contents(&mut *self.source, &self.first)?;
        Ok(Bundle {
            source: self.source,
            first: self.first,
            state: Intact { contents },
        })
    }

    /// Verifies that `policy` trusts the bundle at `now`, then everything else.
    ///
    /// # Errors
    /// [`VerifyError`] naming what is wrong.
    pub fn into_trusted(
        mut self,
        policy: &TrustPolicy,
        now: Timestamp,
    ) -> Result<Bundle<Trusted>, VerifyError> {
        let trust = judge(&self.first, policy, now)?;
        let contents = read_contents(&mut *self.source, &self.first)?;
        Ok(Bundle {
            source: self.source,
            first: self.first,
            state: Trusted { contents, trust },
        })
    }
}

impl Bundle<Intact> {
    /// Asks `policy` whether it trusts the bundle at `now`; everything else was verified before.
    ///
    /// # Errors
    /// [`VerifyError::Untrusted`].
    pub fn trusted_by(
        self,
        policy: &TrustPolicy,
        now: Timestamp,
    ) -> Result<Bundle<Trusted>, VerifyError> {
        let trust = judge(&self.first, policy, now)?;
        Ok(Bundle {
            source: self.source,
            first: self.first,
            state: Trusted {
                contents: self.state.contents,
                trust,
            },
        })
    }
}

fn judge(
    first: &First,
    policy: &TrustPolicy,
    now: Timestamp,
) -> Result<crate::policy::Trust, VerifyError> {
    policy
        .judge(now, &first.index, &first.signatures, &first.approvals)
        .map_err(VerifyError::Untrusted)
}

/// Steps 3 to 5 of the module's order.
fn read_contents(source: &mut dyn Source, first: &First) -> Result<Contents, VerifyError> {
    let index = Index::parse(&first.index).map_err(VerifyError::Index)?;
    let computed = index.compute_plan_digest().map_err(VerifyError::Index)?;
    if computed != index.plan_digest {
        return Err(VerifyError::PlanDigest {
            stated: index.plan_digest,
            computed,
        });
    }
    limits::member_sizes(&index).map_err(VerifyError::Size)?;
    check_length(source, first.size, &index)?;

    source
        .seek(SeekFrom::Start(first.size))
        .map_err(VerifyError::Read)?;
    let mut offset = first.size;
    let mut small = Vec::new();
    let mut payload_offsets = Vec::with_capacity(index.payloads.len());
    for (position, member) in index.members.iter().enumerate() {
        let mut limited = (&mut *source).take(member.size);
        let (sha256, size) = if position == 0 {
            limited.read_to_end(&mut small).map_err(VerifyError::Read)?;
            (Sha256Digest::of(&small), small.len() as u64)
        } else {
            payload_offsets.push(offset);
            Sha256Digest::of_reader(&mut limited).map_err(VerifyError::Read)?
        };
        // The length was checked before; the file may have been cut since.
        if size != member.size {
            return Err(VerifyError::Truncated {
                missing: member.size - size,
            });
        }
        if sha256 != member.sha256 {
            return Err(VerifyError::MemberDigest {
                member: position + 2,
            });
        }
        offset += size;
    }
    let (public, sealed) = read_small(&small, &index)?;
    Ok(Contents {
        index,
        public,
        sealed,
        payload_offsets,
    })
}

/// The members that the index names fill the file from `start` exactly.
fn check_length(source: &mut dyn Source, start: u64, index: &Index) -> Result<(), VerifyError> {
    let end = source.seek(SeekFrom::End(0)).map_err(VerifyError::Read)?;
    let found = end.saturating_sub(start);
    let expected = index
        .members
        .iter()
        .fold(0_u64, |sum, member| sum.saturating_add(member.size));
    if found < expected {
        return Err(VerifyError::Truncated {
            missing: expected - found,
        });
    }
    if found > expected {
        return Err(VerifyError::TrailingData {
            extra: found - expected,
        });
    }
    Ok(())
}

type SmallContents = (BTreeMap<EntryName, Vec<u8>>, Option<Vec<u8>>);

/// Inflates the second member and takes it apart.
fn read_small(compressed: &[u8], index: &Index) -> Result<SmallContents, VerifyError> {
    const MEMBER: usize = 2;
    let wrong = |source| VerifyError::Member {
        member: MEMBER,
        source,
    };
    let blobs = index.public_blobs();
    let names: Vec<&str> = blobs
        .keys()
        .map(EntryName::as_str)
        .chain(index.sealed.iter().map(|_| SEALED_NAME))
        .collect();
    let standing = |at: usize| {
        let names = &names;
        move |found: &str| match names.iter().position(|name| *name == found) {
            None => Standing::Unknown,
            Some(position) if position < at => Standing::Before,
            Some(position) if position == at => Standing::Expected,
            Some(_) => Standing::Later,
        }
    };
    let decoder = Decoder::new(compressed).map_err(|error| wrong(WalkError::Inflate(error)))?;
    let mut walk = Walk::new(decoder);
    let mut entry = |at: usize, name: &str, blob: &Blob| {
        walk.header(name, blob.size, standing(at)).map_err(wrong)?;
        // Bounded: the sizes in the index were checked against the limits.
        let mut content = vec![0; blob.size as usize];
        walk.content(name, &mut content).map_err(wrong)?;
        if Sha256Digest::of(&content) != blob.sha256 {
            return Err(VerifyError::EntryDigest {
                name: name.to_owned(),
            });
        }
        walk.padding(name, blob.size).map_err(wrong)?;
        Ok(content)
    };
    let mut public = BTreeMap::new();
    for (at, (name, blob)) in blobs.iter().enumerate() {
        public.insert(name.clone(), entry(at, name.as_str(), blob)?);
    }
    let sealed = match &index.sealed {
        None => None,
        Some(part) => {
            let blob = Blob {
                size: part.size,
                sha256: part.sha256,
            };
            Some(entry(blobs.len(), SEALED_NAME, &blob)?)
        }
    };
    let decoder = walk
        .finish(index.payloads.is_empty(), standing(names.len()))
        .map_err(wrong)?;
    match decoder.all_used() {
        Ok(true) => Ok((public, sealed)),
        Ok(false) => Err(VerifyError::MemberTrailing { member: MEMBER }),
        Err(error) => Err(wrong(WalkError::Inflate(error))),
    }
}

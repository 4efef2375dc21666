//! Verifies a bundle, in an order in which each part is checked before it is used.
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
//! [`Bundle::into_intact`] skips the policy of step 2. No other check can be skipped.

use std::collections::BTreeMap;
use std::io::{Read, SeekFrom};

use crate::digest::Sha256Digest;
use crate::frame::gzip::Decoder;
use crate::frame::tar::Standing;
use crate::frame::walk::{Walk, WalkError};
use crate::index::{Blob, EntryName, Index, member_sizes};
use crate::payload::Source;
use crate::policy::{Trust, TrustPolicy};
use crate::reader::contents::Contents;
use crate::reader::{Bundle, First, Intact, Trusted, Unverified};
use crate::signature::Namespace;
use crate::timestamp::Timestamp;

pub use crate::verify_error::VerifyError;

/// The name of the sealed part in the archive.
pub const SEALED_NAME: &str = "sealed.age";

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

fn judge(first: &First, policy: &TrustPolicy, now: Timestamp) -> Result<Trust, VerifyError> {
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
    member_sizes(&index).map_err(VerifyError::Size)?;
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

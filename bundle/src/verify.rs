//! Verifies a bundle, in an order in which each part is checked before it is used.
//!
//! In: [`Bundle<Unverified>`]. Out: [`Bundle<Trusted>`], [`Bundle<Intact>`] or [`Bundle<Public>`], or a [`VerifyError`]. The order:
//!
//! 1. the frame of the first member (when the bundle is opened): fixed gzip header, stored blocks, tar headers;
//! 2. every signature over the raw bytes of the index, every approval, and the policy. Up to here no JSON is parsed;
//! 3. the index: canonical, known features, consistent, plan digest recomputed, sizes within [`crate::limits`];
//! 4. the members fill the file exactly, with the sealed part or without it, and the second one has its digest. Up to here nothing is
//!    inflated;
//! 5. the second member is inflated, no further than the index says, and each entry's header, size, digest and padding
//!    is what the index says;
//! 6. the sealed part has its digest, each chunk of the payload has its own, and every byte around them is the one that it must be.
//!
//! [`Bundle::into_public`] skips the policy of step 2. No other check can be skipped.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, SeekFrom};

use crate::digest::Sha256Digest;
use crate::frame::gzip::Decoder;
use crate::frame::single;
use crate::frame::stored::StoredReader;
use crate::frame::tar::{self, Standing};
use crate::frame::walk::{Walk, WalkError};
use crate::index::{Content, EntryName, Index, Layout, SealedPart, layout, small_entries};
use crate::payload::{self, CheckError, Located, Source};
use crate::policy::{Trust, TrustPolicy};
use crate::reader::contents::Contents;
use crate::reader::{Bundle, First, Intact, Public, Trusted, Unverified};
use crate::signature::Namespace;
use crate::sources::Sources;
use crate::timestamp::Timestamp;

pub use crate::verify_error::VerifyError;

/// The name of the sealed part in the archive.
pub const SEALED_NAME: &str = "sealed.age";

impl Bundle<Unverified> {
    /// Verifies everything but whether a signer is trusted. A bundle without any signature passes, and so does one whose sealed part is
    /// left out.
    ///
    /// # Errors
    /// [`VerifyError`] naming what is wrong.
    pub fn into_public(mut self) -> Result<Bundle<Public>, VerifyError> {
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
            state: Public { contents },
        })
    }

    /// As [`Bundle::into_public`], of a whole bundle.
    ///
    /// # Errors
    /// [`VerifyError`] naming what is wrong.
    pub fn into_intact(self) -> Result<Bundle<Intact>, VerifyError> {
        self.into_public()?.into_whole()
    }

    /// Verifies that `policy` trusts the bundle at `now`, then everything else. The bundle must be whole.
    ///
    /// # Errors
    /// [`VerifyError`] naming what is wrong.
    pub fn into_trusted(
        self,
        policy: &TrustPolicy,
        now: Timestamp,
    ) -> Result<Bundle<Trusted>, VerifyError> {
        let (bundle, trust) = self.into_judged(policy, now)?;
        let Bundle {
            source,
            first,
            state,
        } = bundle.into_whole()?;
        Ok(Bundle {
            source,
            first,
            state: Trusted {
                contents: state.contents,
                trust,
            },
        })
    }

    /// Verifies that `policy` trusts the bundle at `now`, then everything else. The sealed part may be left out: for programs that
    /// verify and do not install.
    ///
    /// # Errors
    /// [`VerifyError`] naming what is wrong.
    pub fn into_judged(
        self,
        policy: &TrustPolicy,
        now: Timestamp,
    ) -> Result<(Bundle<Public>, Trust), VerifyError> {
        let trust = judge(&self.first, policy, now)?;
        Ok((self.into_public()?, trust))
    }
}

impl Bundle<Public> {
    /// The same bundle, which must be whole.
    ///
    /// # Errors
    /// [`VerifyError::PublicPart`] if its sealed part is left out.
    pub fn into_whole(self) -> Result<Bundle<Intact>, VerifyError> {
        if self.state.contents.lacks_sealed() {
            return Err(VerifyError::PublicPart);
        }
        Ok(Bundle {
            source: self.source,
            first: self.first,
            state: Intact {
                contents: self.state.contents,
            },
        })
    }
}

fn judge(first: &First, policy: &TrustPolicy, now: Timestamp) -> Result<Trust, VerifyError> {
    policy
        .judge(now, &first.index, &first.signatures, &first.approvals)
        .map_err(VerifyError::Untrusted)
}

/// Steps 3 to 6 of the module's order.
fn read_contents(source: &mut dyn Source, first: &First) -> Result<Contents, VerifyError> {
    let index = Index::parse(&first.index).map_err(VerifyError::Index)?;
    let computed = index.compute_plan_digest().map_err(VerifyError::Index)?;
    if computed != index.plan_digest {
        return Err(VerifyError::PlanDigest {
            stated: index.plan_digest,
            computed,
        });
    }
    let layout = layout(&index).map_err(VerifyError::Size)?;
    let has_sealed = find_length(source, first.size, &layout)?;

    source
        .seek(SeekFrom::Start(first.size))
        .map_err(VerifyError::Read)?;
    let compressed = taken(source, layout.small)?;
    let digest = Sha256Digest::of(&compressed);
    if index.members.iter().any(|member| member.sha256 != digest) {
        return Err(VerifyError::MemberDigest { member: SMALL });
    }
    let (public, sources) = read_small(&compressed, &index)?;
    if let Some(bytes) = &sources {
        Sources::parse(bytes).map_err(VerifyError::Sources)?;
    }
    drop(compressed);
    let mut offset = first.size + layout.small;
    let sealed = match (&index.sealed, layout.sealed) {
        (Some(part), Some(size)) if has_sealed => {
            offset += size;
            Some(read_sealed(source, part)?)
        }
        _ => None,
    };
    let mut payload_offsets = Vec::with_capacity(index.payloads.len());
    for size in &layout.payloads {
        payload_offsets.push(offset);
        offset += size;
    }
    let located = located(&index, &payload_offsets);
    payload::check(source, &located).map_err(|error| match error {
        CheckError::Read(error) => VerifyError::Read(error),
        CheckError::Item(error) => VerifyError::Payload(error),
    })?;
    source
        .seek(SeekFrom::Start(offset))
        .map_err(VerifyError::Read)?;
    if !single::is_end(source).map_err(VerifyError::Read)? {
        return Err(VerifyError::End);
    }
    Ok(Contents {
        index,
        public,
        sources,
        sealed,
        payload_offsets,
    })
}

/// The number of the member of the small public entries, from 1.
const SMALL: usize = 2;

/// The payload items and where they are.
fn located<'a>(index: &'a Index, offsets: &[u64]) -> Vec<Located<'a>> {
    let items = index.payloads.iter().zip(offsets);
    items
        .filter_map(|(payload, offset)| {
            let entry = index.entry(&payload.name)?;
            let Content::Public(blob) = &entry.content else {
                return None;
            };
            Some(Located {
                payload,
                blob,
                offset: *offset,
            })
        })
        .collect()
}

/// Reads exactly this many bytes. Their number was compared with the length of the file before; it may have been cut since.
fn taken(source: &mut dyn Source, size: u64) -> Result<Vec<u8>, VerifyError> {
    let mut bytes = Vec::new();
    let read = { source }.take(size).read_to_end(&mut bytes);
    read.map_err(VerifyError::Read)?;
    match size - bytes.len() as u64 {
        0 => Ok(bytes),
        missing => Err(VerifyError::Truncated { missing }),
    }
}

/// Reads the member of the sealed part. Each byte around the content follows from its size.
fn read_sealed(source: &mut dyn Source, part: &SealedPart) -> Result<Vec<u8>, VerifyError> {
    let wrong = VerifyError::SealedFrame;
    let reader = BufReader::new(source);
    let member = StoredReader::new(reader, tar::entry_size(part.size));
    let mut walk = Walk::new(member.map_err(|error| wrong(WalkError::Stored(error)))?);
    let unexpected = |_: &str| Standing::Unknown;
    walk.header(SEALED_NAME, part.size, unexpected)
        .map_err(wrong)?;
    // Bounded: the size in the index was compared with its limit.
    let mut content = vec![0; part.size as usize];
    walk.content(SEALED_NAME, &mut content).map_err(wrong)?;
    walk.padding(SEALED_NAME, part.size).map_err(wrong)?;
    let end = walk.into_reader().finish();
    end.map_err(|error| wrong(WalkError::Stored(error)))?;
    match Sha256Digest::of(&content) == part.sha256 {
        true => Ok(content),
        false => Err(VerifyError::EntryDigest {
            name: SEALED_NAME.to_owned(),
        }),
    }
}

/// Whether the file has the sealed part. The members that the index names fill it from `start` exactly, with that part or without.
fn find_length(source: &mut dyn Source, start: u64, layout: &Layout) -> Result<bool, VerifyError> {
    let end = source.seek(SeekFrom::End(0)).map_err(VerifyError::Read)?;
    let found = end.saturating_sub(start);
    let expected = layout.total(true);
    if layout.sealed.is_some() && found == layout.total(false) {
        return Ok(false);
    }
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
    Ok(true)
}

type SmallContents = (BTreeMap<EntryName, Vec<u8>>, Option<Vec<u8>>);

/// Inflates the second member and takes it apart: the public entries, and `sources.json`.
fn read_small(compressed: &[u8], index: &Index) -> Result<SmallContents, VerifyError> {
    let wrong = |source| VerifyError::Member {
        member: SMALL,
        source,
    };
    let blobs = small_entries(index);
    let standing = |at: usize| {
        let blobs = &blobs;
        move |found: &str| match blobs.iter().position(|(name, _)| *name == found) {
            None => Standing::Unknown,
            Some(position) if position < at => Standing::Before,
            Some(position) if position == at => Standing::Expected,
            Some(_) => Standing::Later,
        }
    };
    let decoder = Decoder::new(compressed).map_err(|error| wrong(WalkError::Inflate(error)))?;
    let mut walk = Walk::new(decoder);
    let mut public = BTreeMap::new();
    let mut sources = None;
    for (at, (name, blob)) in blobs.iter().enumerate() {
        walk.header(name, blob.size, standing(at)).map_err(wrong)?;
        // Bounded: the sizes in the index were checked against the limits.
        let mut content = vec![0; blob.size as usize];
        walk.content(name, &mut content).map_err(wrong)?;
        if Sha256Digest::of(&content) != blob.sha256 {
            return Err(VerifyError::EntryDigest { name: name.clone() });
        }
        walk.padding(name, blob.size).map_err(wrong)?;
        match name.parse::<EntryName>() {
            Ok(name) => drop(public.insert(name, content)),
            Err(_) => sources = Some(content),
        }
    }
    let decoder = walk.finish(standing(blobs.len())).map_err(wrong)?;
    match decoder.all_used() {
        Ok(true) => Ok((public, sources)),
        Ok(false) => Err(VerifyError::MemberTrailing { member: SMALL }),
        Err(error) => Err(wrong(WalkError::Inflate(error))),
    }
}

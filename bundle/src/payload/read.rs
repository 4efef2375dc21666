//! Reads a payload item out of a bundle.
//!
//! In: the bundle's bytes at the item's member, and what the index says about it. Out: plain bytes, none of them before its
//! chunk was checked. One chunk is in memory.

use std::io::{self, BufReader, Read, Seek, Take};

use sha2::{Digest as _, Sha256};

use crate::digest::Sha256Digest;
use crate::frame::gzip::Decoder;
use crate::frame::tar::Standing;
use crate::frame::walk::{Walk, WalkError};
use crate::index::{Blob, CHUNK_SIZE, EntryName, Payload};

/// Why the bytes of a payload item are refused while they are read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadReadError {
    /// The member is not what the index describes.
    #[error("the member of payload `{name}` is not what the index describes")]
    Member {
        /// Which item.
        name: EntryName,
        /// What differs.
        #[source]
        source: WalkError,
    },
    /// A chunk does not have its digest.
    #[error("chunk {chunk} of payload `{name}` does not have the digest in the index")]
    Chunk {
        /// Which item.
        name: EntryName,
        /// Which chunk, from 0.
        chunk: usize,
    },
    /// Each chunk has its digest, but the whole does not: the digests in the index contradict each other.
    #[error("payload `{0}` does not have the digest that its entry in the index names")]
    Whole(EntryName),
    /// The member has bytes after its end.
    #[error("the member of payload `{0}` has bytes after its end")]
    Trailing(EntryName),
}

/// The bytes a bundle is read from.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// The compressed bytes of one member.
type MemberReader<'a> = BufReader<Take<&'a mut dyn Source>>;

/// Reads one payload item. Each chunk is checked before its first byte is handed out, and the end of the member
/// before the last chunk's; an error is final and carries a [`PayloadReadError`].
pub struct PayloadReader<'a> {
    payload: Payload,
    blob: Blob,
    is_last: bool,
    whole: Sha256,
    /// `None` when the member was read to its end, or something was wrong.
    walk: Option<Walk<Decoder<MemberReader<'a>>>>,
    next_chunk: usize,
    remaining: u64,
    chunk: Vec<u8>,
    at: usize,
    failed: bool,
}

impl<'a> PayloadReader<'a> {
    /// Starts reading at the member's header. `source` must stand at the member's first byte.
    pub(crate) fn new(
        payload: Payload,
        blob: Blob,
        is_last: bool,
        source: &'a mut dyn Source,
        member_size: u64,
    ) -> Result<Self, PayloadReadError> {
        let name = payload.name.clone();
        let wrong = |source| PayloadReadError::Member {
            name: name.clone(),
            source,
        };
        let compressed = BufReader::with_capacity(64 * 1024, source.take(member_size));
        let decoder = Decoder::new(compressed).map_err(|error| wrong(WalkError::Inflate(error)))?;
        let mut walk = Walk::new(decoder);
        walk.header(name.as_str(), blob.size, |found| standing(found, &name))
            .map_err(wrong)?;
        let mut reader = Self {
            remaining: blob.size,
            payload,
            blob,
            is_last,
            whole: Sha256::new(),
            walk: Some(walk),
            next_chunk: 0,
            chunk: Vec::new(),
            at: 0,
            failed: false,
        };
        if reader.remaining == 0 {
            reader.finish()?;
        }
        Ok(reader)
    }

    /// The item's name.
    #[must_use]
    pub fn name(&self) -> &EntryName {
        &self.payload.name
    }

    /// The item's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blob.size
    }

    fn load(&mut self) -> Result<(), PayloadReadError> {
        let Self { payload, walk, .. } = self;
        let name = &payload.name;
        let number = self.next_chunk;
        let mismatch = || PayloadReadError::Chunk {
            name: name.clone(),
            chunk: number,
        };
        let expected = *payload.chunks.get(number).ok_or_else(mismatch)?;
        let size = self.remaining.min(CHUNK_SIZE);
        self.chunk.resize(size as usize, 0);
        walk.as_mut()
            .ok_or_else(mismatch)?
            .content(name.as_str(), &mut self.chunk)
            .map_err(|source| PayloadReadError::Member {
                name: name.clone(),
                source,
            })?;
        if Sha256Digest::of(&self.chunk) != expected {
            return Err(mismatch());
        }
        self.whole.update(&self.chunk);
        self.next_chunk += 1;
        self.remaining -= size;
        self.at = 0;
        if self.remaining == 0 {
            self.finish()?;
        }
        Ok(())
    }

    /// Digest of the whole, padding, end of the archive where it belongs, end of the member.
    fn finish(&mut self) -> Result<(), PayloadReadError> {
        let Some(mut walk) = self.walk.take() else {
            return Ok(());
        };
        let name = &self.payload.name;
        let wrong = |source| PayloadReadError::Member {
            name: name.clone(),
            source,
        };
        let whole = std::mem::take(&mut self.whole).finalize();
        if Sha256Digest::from_bytes(whole.into()) != self.blob.sha256 {
            return Err(PayloadReadError::Whole(name.clone()));
        }
        walk.padding(name.as_str(), self.blob.size).map_err(wrong)?;
        let decoder = walk
            .finish(self.is_last, |found| match standing(found, name) {
                Standing::Expected => Standing::Before,
                other => other,
            })
            .map_err(wrong)?;
        match decoder.all_used() {
            Ok(true) => Ok(()),
            Ok(false) => Err(PayloadReadError::Trailing(name.clone())),
            Err(error) => Err(wrong(WalkError::Inflate(error))),
        }
    }
}

fn standing(found: &str, name: &EntryName) -> Standing {
    if found == name.as_str() {
        Standing::Expected
    } else {
        Standing::Unknown
    }
}

impl Read for PayloadReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the payload was refused at an earlier read",
            ));
        }
        if self.at >= self.chunk.len()
            && self.remaining > 0
            && let Err(error) = self.load()
        {
            self.failed = true;
            self.walk = None;
            self.chunk = Vec::new();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let ready = self.chunk.get(self.at..).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}

//! Reads a payload item out of a bundle.
//!
//! In: the bundle's bytes at the item's member, and what the index says about it. Out: plain bytes, none of them before its
//! chunk was checked. One chunk is in memory.

use std::io::{self, BufReader, Read, Seek};

use sha2::{Digest as _, Sha256};

use crate::digest::Sha256Digest;
use crate::frame::stored::{StoredError, StoredReader};
use crate::frame::tar::{self, Standing};
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
    /// The frame around the item is not the one that its content has.
    #[error("the end of payload `{name}` is malformed")]
    End {
        /// Which item.
        name: EntryName,
        /// What differs.
        #[source]
        source: StoredError,
    },
}

/// The bytes a bundle is read from.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// The plain bytes of one member.
type Member<'a> = StoredReader<BufReader<&'a mut dyn Source>>;

/// The walk over a payload item's member: from its header to its end.
pub(super) struct Item<'a> {
    name: EntryName,
    size: u64,
    walk: Walk<Member<'a>>,
}

impl<'a> Item<'a> {
    /// Reads the member's header. `source` must stand at the member's first byte.
    pub(super) fn begin(
        name: &EntryName,
        size: u64,
        source: &'a mut dyn Source,
    ) -> Result<Self, PayloadReadError> {
        let wrong = |source| PayloadReadError::Member {
            name: name.clone(),
            source,
        };
        let source = BufReader::with_capacity(super::PIECE, source);
        let member = StoredReader::new(source, tar::entry_size(size));
        let member = member.map_err(|source| wrong(WalkError::Stored(source)))?;
        let mut walk = Walk::new(member);
        walk.header(name.as_str(), size, |found| standing(found, name))
            .map_err(wrong)?;
        Ok(Self {
            name: name.clone(),
            size,
            walk,
        })
    }

    /// Fills `chunk` with the content that comes next.
    pub(super) fn content(&mut self, chunk: &mut [u8]) -> Result<(), PayloadReadError> {
        let content = self.walk.content(self.name.as_str(), chunk);
        content.map_err(|source| PayloadReadError::Member {
            name: self.name.clone(),
            source,
        })
    }

    /// Reads the padding and the end of the member.
    pub(super) fn end(mut self) -> Result<(), PayloadReadError> {
        let name = self.name;
        let padding = self.walk.padding(name.as_str(), self.size);
        if let Err(source) = padding {
            return Err(PayloadReadError::Member { name, source });
        }
        let end = self.walk.into_reader().finish();
        end.map_err(|source| PayloadReadError::End { name, source })
    }
}

/// Reads one payload item. Each chunk is checked before its first byte is handed out, and the end of the member
/// before the last chunk's; an error is final and carries a [`PayloadReadError`].
///
/// The digest of the whole item is compared before the last chunk is handed out: a bundle whose index contradicts itself is never used to
/// its end. Verifying a bundle compares chunks alone, each byte once.
pub struct PayloadReader<'a> {
    payload: Payload,
    blob: Blob,
    whole: Sha256,
    /// `None` when the member was read to its end, or something was wrong.
    item: Option<Item<'a>>,
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
        source: &'a mut dyn Source,
    ) -> Result<Self, PayloadReadError> {
        let item = Item::begin(&payload.name, blob.size, source)?;
        let mut reader = Self {
            remaining: blob.size,
            payload,
            blob,
            whole: Sha256::new(),
            item: Some(item),
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
        let number = self.next_chunk;
        let mismatch = || PayloadReadError::Chunk {
            name: self.payload.name.clone(),
            chunk: number,
        };
        let expected = *self.payload.chunks.get(number).ok_or_else(mismatch)?;
        let size = self.remaining.min(CHUNK_SIZE);
        self.chunk.resize(size as usize, 0);
        let item = self.item.as_mut().ok_or_else(mismatch)?;
        item.content(&mut self.chunk)?;
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

    /// Digest of the whole, padding and end of the member.
    fn finish(&mut self) -> Result<(), PayloadReadError> {
        let whole = std::mem::take(&mut self.whole).finalize();
        if Sha256Digest::from_bytes(whole.into()) != self.blob.sha256 {
            return Err(PayloadReadError::Whole(self.payload.name.clone()));
        }
        self.item.take().map_or(Ok(()), Item::end)
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
            self.item = None;
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

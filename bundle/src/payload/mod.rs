//! Payload items: image archives, binaries and other large bytes, in constant memory both ways.
//!
//! In: a source that can be opened more than once, or a member of a bundle. Out: chunk digests and the member, or a
//! reader that checks each chunk before it hands out its first byte. Nothing here knows what the bytes mean.
//!
//! The index names two digests of each byte: that of its chunk, which a host checks, and that of the whole item, by which a container
//! runtime or a step knows the item. The writer computes both.

mod check;
mod read;
#[cfg(test)]
mod tests;

use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;
use std::sync::mpsc;

use flate2::Crc;
use sha2::{Digest as _, Sha256};

use crate::digest::Sha256Digest;
use crate::frame::{single, tar};
use crate::index::{Blob, CHUNK_SIZE, EntryName};
use crate::limits::{self, LimitError};

pub(crate) use check::{CheckError, Located, check};
pub use read::{PayloadReadError, PayloadReader, Source};

/// How much is copied at a time, in bytes.
const PIECE: usize = 256 * 1024;

/// Where the bytes of a payload item come from.
pub trait PayloadSource: Send + Sync {
    /// Opens the item at its start. Every call must yield the same bytes.
    ///
    /// # Errors
    /// The error of opening the source.
    fn open(&self) -> io::Result<Box<dyn Read + '_>>;
}

impl<T: PayloadSource + ?Sized> PayloadSource for Arc<T> {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        (**self).open()
    }
}

impl PayloadSource for Vec<u8> {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.as_slice()))
    }
}

/// Why a payload item cannot be put into a bundle.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The source cannot be read, or the member cannot be written.
    #[error("payload `{name}` cannot be copied")]
    Copy {
        /// Which item.
        name: EntryName,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Larger than a bundle can hold.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The name does not fit.
    #[error(transparent)]
    Header(#[from] tar::HeaderError),
    /// The source returned other bytes the second time it was read.
    #[error("payload `{0}` changed while the bundle was written")]
    Changed(EntryName),
}

/// The result of one pass over a payload item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Size and digest of the whole.
    pub(crate) blob: Blob,
    /// Digests of its chunks.
    pub(crate) chunks: Vec<Sha256Digest>,
    /// CRC-32 of the whole: tells whether the source gives other bytes the second time. A source that someone changes on purpose
    /// makes a bundle that hosts refuse, for its chunks do not have their digests.
    sum: u32,
}

/// Reads the item once: the whole is hashed here, its chunks meanwhile on another core.
pub(crate) fn survey(name: &EntryName, source: &dyn PayloadSource) -> Result<Survey, PayloadError> {
    let copy = |source| PayloadError::Copy {
        name: name.clone(),
        source,
    };
    let mut reader = source.open().map_err(copy)?;
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel::<Arc<Vec<u8>>>(1);
        let hash_all = move || {
            let received = receive.into_iter();
            received
                .map(|chunk| Sha256Digest::of(&chunk))
                .collect::<Vec<_>>()
        };
        let chunks = std::thread::Builder::new()
            .spawn_scoped(scope, hash_all)
            .map_err(copy)?;
        let mut whole = Sha256::new();
        let mut sum = Crc::new();
        let mut size = 0;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_SIZE as usize);
            let limited = (&mut reader).take(CHUNK_SIZE);
            { limited }.read_to_end(&mut chunk).map_err(copy)?;
            let length = chunk.len() as u64;
            if length == 0 {
                break;
            }
            size += length;
            limits::at_most(
                || format!("the size of `{name}` in bytes"),
                size,
                limits::PAYLOAD,
            )?;
            let chunk = Arc::new(chunk);
            // The other end is there until this one is dropped.
            let _ = send.send(Arc::clone(&chunk));
            whole.update(chunk.as_slice());
            sum.update(&chunk);
            if length < CHUNK_SIZE {
                break;
            }
        }
        drop(send);
        let chunks = chunks
            .join()
            .map_err(|_| copy(io::Error::other("hashing was interrupted")))?;
        Ok(Survey {
            blob: Blob {
                size,
                sha256: Sha256Digest::from_bytes(whole.finalize().into()),
            },
            chunks,
            sum: sum.sum(),
        })
    })
}

/// Writes the item's member to `out`.
pub(crate) fn write_member(
    name: &EntryName,
    source: &dyn PayloadSource,
    survey: &Survey,
    out: &mut dyn Write,
) -> Result<(), PayloadError> {
    let copy = |source| PayloadError::Copy {
        name: name.clone(),
        source,
    };
    let changed = || PayloadError::Changed(name.clone());
    let size = survey.blob.size;
    let header = tar::header(name.as_str(), size)?;
    let out = BufWriter::with_capacity(PIECE, out);
    let mut member = single::writer(out, &header, size).map_err(copy)?;
    let mut reader = source.open().map_err(copy)?;
    let mut buffer = vec![0; PIECE];
    let mut sum = Crc::new();
    let mut remaining = size;
    loop {
        let part = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => buffer.get(..count).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(copy(error)),
        };
        remaining = remaining
            .checked_sub(part.len() as u64)
            .ok_or_else(changed)?;
        sum.update(part);
        member.write_all(part).map_err(copy)?;
    }
    if remaining != 0 || sum.sum() != survey.sum {
        return Err(changed());
    }
    let mut out = single::finish(member, size).map_err(copy)?;
    out.flush().map_err(copy)
}

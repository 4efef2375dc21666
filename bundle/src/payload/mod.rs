//! Payload items: image archives, binaries and other large bytes, in constant memory both ways.
//!
//! In: a source that can be opened more than once, or a member of a bundle. Out: chunk digests and the member, or a
//! reader that checks each chunk before it hands out its first byte. Nothing here knows what the bytes mean.

mod read;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::digest::Sha256Digest;
use crate::frame::gzip::{self, Effort};
use crate::frame::tar;
use crate::index::{Blob, CHUNK_SIZE, EntryName};
use crate::limits::{self, LimitError};

pub use read::{PayloadReadError, PayloadReader, Source};

/// The first bytes of formats that are compressed already: gzip, zstd, xz.
const COMPRESSED: &[&[u8]] = &[
    &[0x1f, 0x8b],
    &[0x28, 0xb5, 0x2f, 0xfd],
    &[0xfd, b'7', b'z', b'X', b'Z', 0],
];

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
    /// Whether the item is compressed already, so that the writer only stores it.
    pub(crate) effort: Effort,
}

/// Reads the item once.
pub(crate) fn survey(name: &EntryName, source: &dyn PayloadSource) -> Result<Survey, PayloadError> {
    let mut head = Vec::new();
    let (blob, chunks) = pass(name, source, &mut |part| {
        if head.len() < 6 {
            head.extend(part.iter().take(6));
        }
        Ok(())
    })?;
    let compressed = COMPRESSED.iter().any(|magic| head.starts_with(magic));
    let effort = if compressed {
        Effort::Store
    } else {
        Effort::Fast
    };
    Ok(Survey {
        blob,
        chunks,
        effort,
    })
}

/// Writes the item's member to `out`.
pub(crate) fn write_member(
    name: &EntryName,
    source: &dyn PayloadSource,
    survey: &Survey,
    is_last: bool,
    out: &mut dyn Write,
) -> Result<(), PayloadError> {
    let copy = |source| PayloadError::Copy {
        name: name.clone(),
        source,
    };
    let size = survey.blob.size;
    let header = tar::header(name.as_str(), size)?;
    let mut encoder = gzip::encoder(out, survey.effort);
    encoder.write_all(&header).map_err(copy)?;
    let (blob, chunks) = pass(name, source, &mut |part| encoder.write_all(part))?;
    if blob != survey.blob || chunks != survey.chunks {
        return Err(PayloadError::Changed(name.clone()));
    }
    let mut tail = vec![0; tar::padding(size) as usize];
    if is_last {
        tail.extend_from_slice(&tar::END);
    }
    encoder.write_all(&tail).map_err(copy)?;
    encoder.finish().map_err(copy)?;
    Ok(())
}

/// Reads the item from its start to its end: size and digests, and every part of it through `each`.
fn pass(
    name: &EntryName,
    source: &dyn PayloadSource,
    each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(Blob, Vec<Sha256Digest>), PayloadError> {
    let copy = |source| PayloadError::Copy {
        name: name.clone(),
        source,
    };
    let mut reader = source.open().map_err(copy)?;
    let mut whole = Sha256::new();
    let mut chunks = Vec::new();
    let mut size = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut chunk = Sha256::new();
        let mut chunk_size = 0;
        let mut limited = (&mut reader).take(CHUNK_SIZE);
        loop {
            let count = match limited.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(copy(error)),
            };
            let part = buffer.get(..count).unwrap_or_default();
            chunk.update(part);
            whole.update(part);
            each(part).map_err(copy)?;
            chunk_size += count as u64;
        }
        if chunk_size == 0 {
            break;
        }
        size += chunk_size;
        limits::at_most(
            || format!("the size of `{name}` in bytes"),
            size,
            limits::PAYLOAD,
        )?;
        chunks.push(Sha256Digest::from_bytes(chunk.finalize().into()));
        if chunk_size < CHUNK_SIZE {
            break;
        }
    }
    let blob = Blob {
        size,
        sha256: Sha256Digest::from_bytes(whole.finalize().into()),
    };
    Ok((blob, chunks))
}

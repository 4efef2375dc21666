//! How many bytes each gzip member of a bundle has, computed from its index.
//!
//! In: an index, before anything else of the bundle is read. Out: the sizes, or an error that names what is over its limit. A
//! reader reserves memory for, inflates and reads no more than these numbers; a writer checks them before it writes.

use super::{Blob, CHUNK_SIZE, Content, Index, Place, SOURCES_NAME};
use crate::frame::gzip::compressed_bound;
use crate::frame::single;
use crate::frame::tar::{self, HeaderError};
use crate::limits::{LimitError, PAYLOAD, SEALED, SMALL_ENTRY, SMALL_MEMBER, SOURCES, at_most};

/// Why the sizes in an index are refused.
#[derive(Debug, thiserror::Error)]
pub enum SizeError {
    /// A part is over its limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A name does not fit a ustar header.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// The members after the first one, in file order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Compressed bytes of the small public entries.
    pub(crate) small: u64,
    /// Bytes of the member of the sealed part, if there is one.
    pub(crate) sealed: Option<u64>,
    /// Bytes of the member of each payload item.
    pub(crate) payloads: Vec<u64>,
}

impl Layout {
    /// The bytes after the first member, with the sealed part or without it.
    pub(crate) fn total(&self, with_sealed: bool) -> u64 {
        let sealed = self.sealed.filter(|_| with_sealed).unwrap_or_default();
        let payloads = self
            .payloads
            .iter()
            .fold(0_u64, |sum, size| sum.saturating_add(*size));
        [self.small, sealed, payloads, single::END_SIZE]
            .iter()
            .fold(0_u64, |sum, size| sum.saturating_add(*size))
    }
}

/// The names and contents of the second member, in file order.
pub(crate) fn small_entries(index: &Index) -> Vec<(String, Blob)> {
    let public = index.public_blobs().into_iter();
    let public = public.map(|(name, blob)| (name.to_string(), blob));
    let sources = index.sources.iter().cloned();
    let sources = sources.map(|blob| (SOURCES_NAME.to_owned(), blob));
    public.chain(sources).collect()
}

/// The members that `index` describes.
///
/// # Errors
/// [`SizeError`] if any part is over its limit or has a name that does not fit a header.
pub(crate) fn layout(index: &Index) -> Result<Layout, SizeError> {
    let mut small: u64 = 0;
    for (name, blob) in small_entries(index) {
        let limit = match name.as_str() {
            SOURCES_NAME => SOURCES,
            _ => SMALL_ENTRY,
        };
        at_most(
            || format!("the size of `{name}` in bytes"),
            blob.size,
            limit,
        )?;
        tar::header(&name, blob.size)?;
        small = small.saturating_add(tar::entry_size(blob.size));
    }
    at_most(
        || "the size of the small entries together in bytes".into(),
        small,
        SMALL_MEMBER,
    )?;
    let mut layout = Layout {
        small: 0,
        sealed: None,
        payloads: Vec::new(),
    };
    if let Some(sealed) = &index.sealed {
        at_most(
            || "the size of the sealed part in bytes".into(),
            sealed.size,
            SEALED,
        )?;
        layout.sealed = Some(single::member_size(sealed.size));
    }
    for entry in &index.entries {
        if let (Place::Payload, Content::Public(blob)) = (&entry.place, &entry.content) {
            at_most(
                || format!("the size of `{}` in bytes", entry.name),
                blob.size,
                PAYLOAD,
            )?;
            tar::header(entry.name.as_str(), blob.size)?;
            layout.payloads.push(single::member_size(blob.size));
        }
    }
    for member in &index.members {
        at_most(
            || {
                "the compressed size of member 2 in bytes, for the content the index names,"
                    .to_owned()
            },
            member.size,
            compressed_bound(small),
        )?;
        layout.small = layout.small.saturating_add(member.size);
    }
    Ok(layout)
}

// A chunk is read into memory whole; so is a small entry.
const _: () = assert!(CHUNK_SIZE <= SMALL_ENTRY);

//! How many plain bytes each gzip member of a bundle has, computed from its index.
//!
//! In: an index, before anything else of the bundle is read. Out: the sizes, or an error that names what is over its limit. A
//! reader reserves memory for, inflates and reads no more than these numbers; a writer checks them before it writes.

use super::{CHUNK_SIZE, Content, Index, Place};
use crate::frame::gzip::compressed_bound;
use crate::frame::tar::{self, HeaderError};
use crate::limits::{LimitError, PAYLOAD, SEALED, SMALL_ENTRY, SMALL_MEMBER, at_most};

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

/// The plain bytes of each member after the first that `index` describes, in file order.
///
/// # Errors
/// [`SizeError`] if any part is over its limit or has a name that does not fit a header.
pub(crate) fn member_sizes(index: &Index) -> Result<Vec<u64>, SizeError> {
    let blobs = index.public_blobs();
    let mut small: u64 = 0;
    for (name, blob) in &blobs {
        at_most(
            || format!("the size of `{name}` in bytes"),
            blob.size,
            SMALL_ENTRY,
        )?;
        tar::header(name.as_str(), blob.size)?;
        small = small.saturating_add(tar::entry_size(blob.size));
    }
    if let Some(sealed) = &index.sealed {
        at_most(
            || "the size of the sealed part in bytes".into(),
            sealed.size,
            SEALED,
        )?;
        small = small.saturating_add(tar::entry_size(sealed.size));
    }
    at_most(
        || "the size of the small entries together in bytes".into(),
        small,
        SMALL_MEMBER,
    )?;
    let mut sizes = vec![small];
    for entry in &index.entries {
        if let (Place::Payload, Content::Public(blob)) = (&entry.place, &entry.content) {
            at_most(
                || format!("the size of `{}` in bytes", entry.name),
                blob.size,
                PAYLOAD,
            )?;
            tar::header(entry.name.as_str(), blob.size)?;
            sizes.push(tar::entry_size(blob.size));
        }
    }
    if let Some(last) = sizes.last_mut() {
        *last = last.saturating_add(tar::END.len() as u64);
    }
    for (position, (member, plain)) in index.members.iter().zip(&sizes).enumerate() {
        at_most(
            || {
                format!(
                    "the compressed size of member {} in bytes, for the content the index names,",
                    position + 2
                )
            },
            member.size,
            compressed_bound(*plain),
        )?;
    }
    Ok(sizes)
}

// A chunk is read into memory whole; so is a small entry.
const _: () = assert!(CHUNK_SIZE <= SMALL_ENTRY && SEALED < SMALL_MEMBER);

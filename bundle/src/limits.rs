//! How big a bundle may be, in one place, for both sides.
//!
//! In: an index, before anything else of the bundle is read. Out: the number of plain bytes each part must have,
//! or an error that names what is too big. The reader reserves memory for, inflates and reads no more than
//! these numbers say; the writer checks the same limits, so it never writes what the reader refuses.

use crate::canonical::Counter;
use crate::frame::tar::{self, HeaderError};
use crate::index::{CHUNK_SIZE, Content, Index, Place};
use crate::seal::MAX_RECIPIENTS;
use crate::step::features;

/// Bytes of `kubeplan.json`.
pub const INDEX: u64 = 8 * 1024 * 1024;

/// Author signatures in one bundle.
pub const SIGNATURES: usize = 32;

/// Approvals in one bundle.
pub const APPROVALS: usize = 32;

/// Bytes of one signature, one approval or one approval's signature.
pub const SIGNATURE: u64 = 16 * 1024;

/// Entries of the index.
pub const ENTRIES: usize = 100_000;

/// Steps of the index. A control plane has about thirty; steps, transactions and payload items may be compared each with each.
pub const STEPS: usize = 1_000;

/// Transactions of the index.
pub const TRANSACTIONS: usize = 1_000;

/// Payload items of the index.
pub const PAYLOADS: usize = 10_000;

/// JSON values of all steps together: their fields, the elements of their lists, and what those hold. Each is a row for a
/// reviewer; the steps of a control plane have about a thousand.
pub const STEP_VALUES: usize = 20_000;

/// Annotations of the index.
pub const ANNOTATIONS: usize = 1_000;

/// Bytes of one entry's name in the archive; what ustar's name and prefix fields hold together.
pub const NAME: usize = 255;

/// Bytes of one public file, object or redacted twin (sealed entries: [`crate::seal::MAX_ENTRY_SIZE`]).
pub const SMALL_ENTRY: u64 = 16 * 1024 * 1024;

/// Plain bytes of the second member (headers, padding and the sealed part included); a reader holds them in memory.
pub const SMALL_MEMBER: u64 = 128 * 1024 * 1024;

/// Bytes of `sealed.age`.
pub const SEALED: u64 = crate::seal::MAX_SEALED_SIZE as u64;

/// Bytes of one payload item, 8 GiB - 1: the largest size that the eleven octal digits of a ustar header hold.
pub const PAYLOAD: u64 = (1 << 33) - 1;

/// Plain bytes of the first member: the index and every signature and approval with headers and padding.
pub const FIRST_MEMBER: u64 = {
    let blob = tar::BLOCK + SIGNATURE;
    tar::BLOCK + INDEX + SIGNATURES as u64 * blob + APPROVALS as u64 * 2 * blob
};

/// What is too big.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} is {found}, at most {limit} is allowed")]
pub struct LimitError {
    /// Which part, with its unit.
    pub what: String,
    /// What the bundle has.
    pub found: u64,
    /// What is allowed.
    pub limit: u64,
}

/// Why the numbers in an index cannot be those of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum SizeError {
    /// Something is too big.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A name that has no place in a ustar header.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Fails if `found` is more than `limit`.
///
/// # Errors
/// [`LimitError`] naming `what`.
pub fn at_most(what: impl FnOnce() -> String, found: u64, limit: u64) -> Result<(), LimitError> {
    if found <= limit {
        return Ok(());
    }
    Err(LimitError {
        what: what(),
        found,
        limit,
    })
}

/// Fails if the index has more of anything than it may.
///
/// # Errors
/// [`LimitError`] naming what there is too much of.
pub fn counts(index: &Index) -> Result<(), LimitError> {
    let recipients = index
        .sealed
        .as_ref()
        .map_or(0, |part| part.recipients.len());
    for (what, found, limit) in [
        ("the number of entries", index.entries.len(), ENTRIES),
        (
            "the number of transactions",
            index.transactions.len(),
            TRANSACTIONS,
        ),
        ("the number of steps", index.steps.len(), STEPS),
        (
            "the number of payload items",
            index.payloads.len(),
            PAYLOADS,
        ),
        ("the number of recipients", recipients, MAX_RECIPIENTS),
        (
            "the number of features in `requires`",
            index.requires.len(),
            features().count(),
        ),
        (
            "the number of annotations",
            index.annotations.len(),
            ANNOTATIONS,
        ),
        (
            "the number of values in all steps",
            step_values(index),
            STEP_VALUES,
        ),
    ] {
        at_most(|| what.into(), found as u64, limit as u64)?;
    }
    Ok(())
}

/// The JSON values in the list of steps. Counted as they are written, for every kind of step alike, without keeping any.
fn step_values(index: &Index) -> usize {
    let mut counter = Counter::default();
    match serde_json::to_writer(&mut counter, &index.steps) {
        Ok(()) => counter.values(),
        // The counter refuses more than any document may hold.
        Err(_) => usize::MAX,
    }
}

/// Upper bound of the gzip bytes of `plain` bytes: at the fastest level a byte that cannot be compressed takes the
/// nine bits of a fixed Huffman code (RFC 1951, section 3.2.6); headers and the ends of blocks are small change.
#[must_use]
pub const fn compressed_bound(plain: u64) -> u64 {
    plain.saturating_add(plain / 8).saturating_add(4096)
}

/// The plain bytes of each member after the first that `index` describes, in file order.
///
/// # Errors
/// [`SizeError`] if any part is over its limit or has a name that does not fit a header.
pub fn member_sizes(index: &Index) -> Result<Vec<u64>, SizeError> {
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

//! How large a bundle and its parts may be.
//!
//! The reader reserves memory for, inflates and reads no more than these numbers say. The writer checks the same limits, so
//! it never writes what the reader refuses.

/// Bytes of a block of a tar archive: headers and contents start at multiples of it.
pub const TAR_BLOCK: u64 = 512;

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

/// Bytes of `sources.json`.
pub const SOURCES: u64 = 16 * 1024 * 1024;

/// Plain bytes of the second member (headers and padding included); a reader holds them in memory.
pub const SMALL_MEMBER: u64 = 128 * 1024 * 1024;

/// Bytes of `sealed.age`.
pub const SEALED: u64 = crate::seal::MAX_SEALED_SIZE as u64;

/// Bytes of one payload item, 8 GiB - 1: the largest size that the eleven octal digits of a ustar header hold.
pub const PAYLOAD: u64 = (1 << 33) - 1;

/// Plain bytes of the first member: the index and every signature and approval with headers and padding.
pub const FIRST_MEMBER: u64 = {
    let blob = TAR_BLOCK + SIGNATURE;
    TAR_BLOCK + INDEX + SIGNATURES as u64 * blob + APPROVALS as u64 * 2 * blob
};

/// A part is over its limit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} is {found}, at most {limit} is allowed")]
pub struct LimitError {
    /// The part, and the unit of the numbers.
    pub what: String,
    /// The number in the bundle.
    pub found: u64,
    /// The limit.
    pub limit: u64,
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

//! The archive inside a seal: ustar with exactly one byte form.
//!
//! In: names and bytes, or an archive. Out: the other one. Every header is rebuilt from its name and size and compared,
//! so an archive that is accepted is the one [`write`] would have made: regular files only, mode 0600, owner 0:0, mtime 0,
//! zeros after each entry and after the last one, up to a multiple of 16 KiB.

use std::collections::BTreeSet;

use tar::{EntryType, Header};
use zeroize::Zeroizing;

use crate::name::EntryName;

use super::{
    MANIFEST_NAME, MAX_ENTRIES, MAX_ENTRY_SIZE, MAX_MANIFEST_SIZE, MAX_PLAINTEXT_SIZE, PADDING,
};

/// Bytes of a tar block.
const BLOCK: usize = 512;

/// Why an inner archive cannot be written, or is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InnerTarError {
    /// A name that is not a valid entry name, or does not fit a ustar header.
    #[error("`{0}` is not the name of a sealed entry")]
    Name(String),
    /// A link, directory, device, pax or GNU header.
    #[error("`{0}` is not a regular file")]
    NotRegular(String),
    /// The same name twice.
    #[error("`{0}` occurs twice")]
    Duplicate(String),
    /// A header that is not the one this crate writes.
    #[error("the header at byte {0} is not in the canonical form")]
    Header(usize),
    /// An entry over its limit.
    #[error("`{name}` has {size} bytes; at most {limit} are accepted")]
    EntrySize {
        /// The entry.
        name: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: usize,
    },
    /// Too many entries.
    #[error("more than {MAX_ENTRIES} entries")]
    TooMany,
    /// The archive over its limit.
    #[error("the archive is larger than {MAX_PLAINTEXT_SIZE} bytes")]
    TooLarge,
    /// The archive ends inside an entry, or without an end mark.
    #[error("the archive is cut short")]
    Truncated,
    /// Something other than zeros where zeros belong.
    #[error("byte {0} is not zero, but belongs to the padding")]
    Padding(usize),
    /// More or less padding than the canonical form has.
    #[error("the archive has {0} bytes; with correct padding it would have {1}")]
    Length(usize, usize),
}

/// The bytes of the archive of entries with these names and sizes, the manifest among them.
pub(super) fn total<'a>(
    entries: impl ExactSizeIterator<Item = (&'a str, usize)>,
) -> Result<usize, InnerTarError> {
    if entries.len() > MAX_ENTRIES + 1 {
        return Err(InnerTarError::TooMany);
    }
    let mut names = BTreeSet::new();
    let mut total: usize = 0;
    for (name, size) in entries {
        check_size(name, size as u64)?;
        if !names.insert(name) {
            return Err(InnerTarError::Duplicate(name.to_owned()));
        }
        total = total.saturating_add(BLOCK + padded(size, BLOCK));
    }
    let total = padded(total.saturating_add(2 * BLOCK), PADDING);
    if total > MAX_PLAINTEXT_SIZE {
        return Err(InnerTarError::TooLarge);
    }
    Ok(total)
}

/// The archive of `entries`, in their order, in memory that is never reallocated.
pub(super) fn write(entries: &[(&str, &[u8])]) -> Result<Zeroizing<Vec<u8>>, InnerTarError> {
    let total = total(entries.iter().map(|(name, bytes)| (*name, bytes.len())))?;
    let mut archive = Zeroizing::new(Vec::with_capacity(total));
    for (name, bytes) in entries {
        archive.extend_from_slice(header(name, bytes.len() as u64)?.as_bytes());
        archive.extend_from_slice(bytes);
        let end = padded(archive.len(), BLOCK);
        archive.resize(end, 0);
    }
    archive.resize(total, 0);
    Ok(archive)
}

/// The entries of `archive`, in their order.
pub(super) fn read(archive: &[u8]) -> Result<Vec<(String, &[u8])>, InnerTarError> {
    if archive.len() > MAX_PLAINTEXT_SIZE {
        return Err(InnerTarError::TooLarge);
    }
    let mut entries = Vec::new();
    let mut names = BTreeSet::new();
    let mut at = 0;
    loop {
        let block = slice(archive, at, BLOCK)?;
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        if entries.len() > MAX_ENTRIES {
            return Err(InnerTarError::TooMany);
        }
        let found = Header::from_byte_slice(block);
        let shown = || {
            String::from_utf8_lossy(&found.path_bytes())
                .escape_debug()
                .take(160)
                .collect()
        };
        if found.entry_type() != EntryType::Regular {
            return Err(InnerTarError::NotRegular(shown()));
        }
        let size = found.entry_size().map_err(|_| InnerTarError::Header(at))?;
        let name = String::from_utf8(found.path_bytes().into_owned())
            .ok()
            .filter(|name| is_entry_name(name))
            .ok_or_else(|| InnerTarError::Name(shown()))?;
        check_size(&name, size)?;
        if header(&name, size)?.as_bytes().as_slice() != block {
            return Err(InnerTarError::Header(at));
        }
        // check_size bounds it.
        let size = usize::try_from(size).map_err(|_| InnerTarError::TooLarge)?;
        let content = slice(archive, at + BLOCK, size)?;
        let end = at + BLOCK + padded(size, BLOCK);
        require_zeros(archive, at + BLOCK + size, end)?;
        if !names.insert(name.clone()) {
            return Err(InnerTarError::Duplicate(name));
        }
        entries.push((name, content));
        at = end;
    }
    require_zeros(archive, at, archive.len())?;
    let expected = padded(at + 2 * BLOCK, PADDING);
    if archive.len() != expected {
        return Err(InnerTarError::Length(archive.len(), expected));
    }
    Ok(entries)
}

fn is_entry_name(name: &str) -> bool {
    name == MANIFEST_NAME || name.parse::<EntryName>().is_ok()
}

fn check_size(name: &str, size: u64) -> Result<(), InnerTarError> {
    let limit = if name == MANIFEST_NAME {
        MAX_MANIFEST_SIZE
    } else {
        MAX_ENTRY_SIZE
    };
    if size <= limit as u64 {
        return Ok(());
    }
    Err(InnerTarError::EntrySize {
        name: name.to_owned(),
        size,
        limit,
    })
}

/// The one header of a regular file with this name and size.
fn header(name: &str, size: u64) -> Result<Header, InnerTarError> {
    let mut header = Header::new_ustar();
    header
        .set_path(name)
        .map_err(|_| InnerTarError::Name(name.escape_debug().take(160).collect()))?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

fn slice(archive: &[u8], at: usize, size: usize) -> Result<&[u8], InnerTarError> {
    at.checked_add(size)
        .and_then(|end| archive.get(at..end))
        .ok_or(InnerTarError::Truncated)
}

fn require_zeros(archive: &[u8], from: usize, to: usize) -> Result<(), InnerTarError> {
    let bytes = slice(archive, from, to.saturating_sub(from))?;
    match bytes.iter().position(|byte| *byte != 0) {
        None => Ok(()),
        Some(offset) => Err(InnerTarError::Padding(from + offset)),
    }
}

/// `size` rounded up to a multiple of `unit`.
fn padded(size: usize, unit: usize) -> usize {
    size.next_multiple_of(unit)
}

#[cfg(test)]
mod tests;

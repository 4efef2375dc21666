//! The one tar header that an entry may have.
//!
//! In: a name and a size. Out: the 512 bytes that introduce the entry: regular file, mode 0644, mtime 0, uid and gid 0,
//! no user or group name, and the name split into ustar's prefix and name in the one way the `tar` crate does. A reader
//! builds the header it expects and compares. [`problem`] explains how a header differs.

use std::fmt;

use ::tar::{EntryType, Header};

/// Headers and contents start at multiples of this many bytes.
pub const BLOCK: u64 = crate::limits::TAR_BLOCK;

/// What ends an archive: two blocks of zeros.
pub const END: [u8; 1024] = [0; 1024];

/// One header block.
pub type HeaderBlock = [u8; BLOCK as usize];

/// The name does not fit a ustar header.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the name `{0}` does not fit a ustar header (at most 255 bytes, with a `/` that leaves at most 155 before and 100 after it)"
)]
pub struct HeaderError(String);

/// What is wrong with a header, where one certain entry was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderProblem {
    /// The archive ends here.
    Missing,
    /// A symbolic link.
    SymbolicLink(String),
    /// A hard link.
    HardLink(String),
    /// A character or block device, or a FIFO.
    Device(String),
    /// A directory.
    Directory(String),
    /// A pax or GNU extension header, a sparse file or another type of entry that is not a regular file.
    Extension(String),
    /// An absolute name.
    AbsoluteName(String),
    /// A name with `..` in it.
    ParentName(String),
    /// Another entry of the index: the expected one is missing, or the order is wrong.
    OutOfOrder(String),
    /// An entry that was there before.
    Duplicate(String),
    /// A name that is not in the index.
    Unexpected(String),
    /// A size other than that in the index.
    Size(u64),
    /// The right name, but another field (mode, owner, time, checksum, padding) does not have its fixed value.
    Fields,
    /// Not a tar header.
    NotTar,
}

impl fmt::Display for HeaderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "it is missing"),
            Self::SymbolicLink(name) => write!(f, "found the symbolic link `{name}`"),
            Self::HardLink(name) => write!(f, "found the hard link `{name}`"),
            Self::Device(name) => write!(f, "found the device `{name}`"),
            Self::Directory(name) => write!(f, "found the directory `{name}`"),
            Self::Extension(name) => {
                write!(f, "found an extension header or a sparse file (`{name}`)")
            }
            Self::AbsoluteName(name) => write!(f, "found the absolute name `{name}`"),
            Self::ParentName(name) => write!(f, "found the name `{name}` with `..`"),
            Self::OutOfOrder(name) => write!(f, "found `{name}` out of order"),
            Self::Duplicate(name) => write!(f, "found `{name}` a second time"),
            Self::Unexpected(name) => write!(f, "found `{name}`, which is not in the index"),
            Self::Size(size) => write!(f, "its header declares {size} bytes"),
            Self::Fields => write!(f, "its header is not in the fixed form"),
            Self::NotTar => write!(f, "found no tar header"),
        }
    }
}

/// The header of the entry `name` with `size` bytes.
///
/// # Errors
/// [`HeaderError`] if the name does not fit, or is not one that an archive may hold.
pub fn header(name: &str, size: u64) -> Result<HeaderBlock, HeaderError> {
    let error = || HeaderError(name.escape_debug().take(300).collect());
    let mut header = Header::new_ustar();
    header.set_path(name).map_err(|_| error())?;
    // The crate drops `.` components and would switch to a GNU form for numbers beyond octal; old readers take a
    // final slash for a directory.
    if name.ends_with('/')
        || *header.path_bytes() != *name.as_bytes()
        || size > crate::limits::PAYLOAD
    {
        return Err(error());
    }
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Zero bytes after a content of `size` bytes.
#[must_use]
pub const fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

/// Bytes an entry of `size` bytes takes: header, content, padding.
#[must_use]
pub const fn entry_size(size: u64) -> u64 {
    BLOCK.saturating_add(size).saturating_add(padding(size))
}

/// Appends an entry with header and padding.
///
/// # Errors
/// As for [`header`].
pub fn append(out: &mut Vec<u8>, name: &str, content: &[u8]) -> Result<(), HeaderError> {
    let size = content.len() as u64;
    out.extend_from_slice(&header(name, size)?);
    out.extend_from_slice(content);
    out.resize(out.len() + padding(size) as usize, 0);
    Ok(())
}

/// Name and size in the header of a regular file. The other fields are not checked.
#[must_use]
pub(crate) fn name_and_size(block: &HeaderBlock) -> Option<(String, u64)> {
    let header = Header::from_byte_slice(block);
    if !header.entry_type().is_file() {
        return None;
    }
    let name = String::from_utf8(header.path_bytes().into_owned()).ok()?;
    Some((name, header.entry_size().ok()?))
}

/// Where a name stands among the entries of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the one that is expected here.
    Expected,
    /// It was read already.
    Before,
    /// It comes later.
    Later,
    /// It is not there at all.
    Unknown,
}

/// Explains why `found` is not the header that was expected; `standing` says where a name stands in the index.
#[must_use]
pub fn problem(found: &HeaderBlock, standing: impl FnOnce(&str) -> Standing) -> HeaderProblem {
    if found.iter().all(|byte| *byte == 0) {
        return HeaderProblem::Missing;
    }
    let header = Header::from_byte_slice(found);
    let checksum_holds = {
        let mut again = header.clone();
        again.set_cksum();
        header
            .cksum()
            .is_ok_and(|sum| again.cksum().is_ok_and(|right| sum == right))
    };
    if !checksum_holds {
        return HeaderProblem::NotTar;
    }
    let path = header.path_bytes();
    let name = String::from_utf8_lossy(&path).into_owned();
    let shown = || name.escape_debug().take(300).collect::<String>();
    let kind = header.entry_type();
    if kind.is_symlink() {
        return HeaderProblem::SymbolicLink(shown());
    }
    if kind.is_hard_link() {
        return HeaderProblem::HardLink(shown());
    }
    if kind.is_character_special() || kind.is_block_special() || kind.is_fifo() {
        return HeaderProblem::Device(shown());
    }
    if kind.is_dir() {
        return HeaderProblem::Directory(shown());
    }
    if !kind.is_file() {
        return HeaderProblem::Extension(shown());
    }
    if name.starts_with('/') {
        return HeaderProblem::AbsoluteName(shown());
    }
    if name.split('/').any(|part| part == "..") {
        return HeaderProblem::ParentName(shown());
    }
    match standing(&name) {
        Standing::Before => HeaderProblem::Duplicate(shown()),
        Standing::Later => HeaderProblem::OutOfOrder(shown()),
        Standing::Unknown => HeaderProblem::Unexpected(shown()),
        Standing::Expected => match header.entry_size() {
            Ok(size) if self::header(&name, size).is_ok_and(|fixed| fixed == *found) => {
                HeaderProblem::Size(size)
            }
            _ => HeaderProblem::Fields,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_plain_ustar_with_nothing_of_the_machine_in_it() {
        let block = header("files/etc/x", 5).unwrap();
        assert_eq!(&block[257..265], b"ustar\x0000");
        let parsed = Header::from_byte_slice(&block);
        assert_eq!(parsed.entry_type(), EntryType::Regular);
        assert_eq!(parsed.mode().unwrap(), 0o644);
        assert_eq!(parsed.mtime().unwrap(), 0);
        assert_eq!((parsed.uid().unwrap(), parsed.gid().unwrap()), (0, 0));
        assert_eq!(parsed.username_bytes(), Some(&b""[..]));
        assert_eq!(parsed.groupname_bytes(), Some(&b""[..]));
        assert_eq!(parsed.entry_size().unwrap(), 5);
    }

    #[test]
    fn long_names_use_the_prefix_or_are_refused() {
        let part = "d".repeat(90);
        let long = format!("files/{part}/{part}/f");
        let block = header(&long, 0).unwrap();
        assert_eq!(
            &*Header::from_byte_slice(&block).path_bytes(),
            long.as_bytes()
        );
        let inside_prefix = format!("files/{part}").len();
        assert_eq!(
            &block[345..345 + inside_prefix],
            &long.as_bytes()[..inside_prefix]
        );
        for bad in [
            String::new(),
            "/files/x".into(),
            "files/../x".into(),
            "files/./x".into(),
            "files/x/".into(),
            "x".repeat(101),
            // 242 bytes, but no `/` where ustar could split them.
            format!("{}/{}/{}", "a".repeat(80), "b".repeat(100), "c".repeat(60)),
            format!("files/{part}/{part}/{part}/{part}"),
        ] {
            assert!(header(&bad, 0).is_err(), "{bad}");
        }
        assert!(header("x", crate::limits::PAYLOAD).is_ok());
        assert!(header("x", crate::limits::PAYLOAD + 1).is_err());
    }

    #[test]
    fn sizes_are_padded_to_blocks() {
        for (size, pad) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)] {
            assert_eq!(padding(size), pad);
            let mut out = Vec::new();
            append(&mut out, "x", &vec![1; size as usize]).unwrap();
            assert_eq!(out.len() as u64, entry_size(size));
        }
    }

    #[test]
    fn each_problem_is_told_apart() {
        let changed = |change: &dyn Fn(&mut Header)| {
            let mut header = Header::new_ustar();
            *header.as_mut_bytes() = super::header("files/a", 3).unwrap();
            change(&mut header);
            header.set_cksum();
            *header.as_bytes()
        };
        let kind = |kind: EntryType| changed(&|h: &mut Header| h.set_entry_type(kind));
        let named = |name: &str| changed(&|h: &mut Header| h.set_path_absolute(name).unwrap());
        let raw_name = |name: &[u8]| {
            changed(&|h: &mut Header| {
                h.as_mut_bytes()[..100].fill(0);
                h.as_mut_bytes()[..name.len()].copy_from_slice(name);
            })
        };
        let a = || "files/a".to_owned();
        type P = HeaderProblem;
        let cases = [
            (kind(EntryType::Symlink), P::SymbolicLink(a())),
            (kind(EntryType::Link), P::HardLink(a())),
            (kind(EntryType::Char), P::Device(a())),
            (kind(EntryType::Block), P::Device(a())),
            (kind(EntryType::Fifo), P::Device(a())),
            (kind(EntryType::Directory), P::Directory(a())),
            (kind(EntryType::XHeader), P::Extension(a())),
            (kind(EntryType::XGlobalHeader), P::Extension(a())),
            (kind(EntryType::GNULongName), P::Extension(a())),
            (kind(EntryType::GNUSparse), P::Extension(a())),
            (kind(EntryType::Continuous), P::Extension(a())),
            (named("/etc/passwd"), P::AbsoluteName("/etc/passwd".into())),
            (raw_name(b"files/../x"), P::ParentName("files/../x".into())),
            (named("files/0"), P::Duplicate("files/0".into())),
            (named("files/z"), P::OutOfOrder("files/z".into())),
            (named("files/other"), P::Unexpected("files/other".into())),
            (changed(&|h| h.set_size(4)), P::Size(4)),
            (changed(&|h| h.set_mode(0o755)), P::Fields),
            (changed(&|h| h.set_mtime(1)), P::Fields),
            (changed(&|h| h.set_uid(1)), P::Fields),
            (changed(&|h| h.set_username("root").unwrap()), P::Fields),
            (changed(&|h| h.as_mut_bytes()[511] = 1), P::Fields),
            ([0; 512], P::Missing),
            ([0xa5; 512], P::NotTar),
        ];
        for (block, expected) in cases {
            let found = problem(&block, |name| match name {
                "files/0" => Standing::Before,
                "files/a" => Standing::Expected,
                "files/z" => Standing::Later,
                _ => Standing::Unknown,
            });
            assert_eq!(found, expected);
        }
    }
}

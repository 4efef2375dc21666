//! One header of a tar archive: ustar, GNU and old ones.
//!
//! In: 512 bytes. Out: [`Header`]. Source: POSIX.1-2017 `pax`, section "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format".

/// The size of a header, and the unit of content, in bytes.
pub(super) const BLOCK: u64 = 512;

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// A link inside the archive: the target is a path from the link's directory.
    Symlink,
    /// The target is the name of another entry.
    HardLink,
    /// GNU: the content is the name of the next entry.
    LongName,
    /// GNU: the content is the link target of the next entry.
    LongLink,
    /// pax: the content is records about the next entry.
    Pax,
    /// pax: the content is records about all entries; none of them matters here.
    PaxGlobal,
    /// GNU: a file with holes.
    Sparse,
    /// A device or FIFO.
    Special,
    /// A volume's label, and vendors' own records.
    Other,
}

/// One header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    /// The size of the content in bytes.
    pub(super) size: u64,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(block: &[u8; BLOCK as usize]) -> Result<Self, &'static str> {
        let stated = number(field(block, 148, 8)).ok_or("the header's checksum is not a number")?;
        // The checksum counts itself as spaces; old programs added signed bytes.
        let unsigned: u64 = block.iter().map(|b| u64::from(*b)).sum();
        let own: u64 = field(block, 148, 8).iter().map(|b| u64::from(*b)).sum();
        let high = |bytes: &[u8]| bytes.iter().filter(|b| **b >= 128).count() as u64;
        let sum = unsigned - own + 8 * u64::from(b' ');
        let signed = sum.wrapping_sub(256 * (high(block) - high(field(block, 148, 8))));
        if stated != sum && stated != signed {
            return Err("the header's checksum differs");
        }
        let kind = match block.get(156) {
            Some(b'0' | b'7' | 0) => Kind::File,
            Some(b'1') => Kind::HardLink,
            Some(b'2') => Kind::Symlink,
            Some(b'3' | b'4' | b'6') => Kind::Special,
            Some(b'5') => Kind::Directory,
            Some(b'L') => Kind::LongName,
            Some(b'K') => Kind::LongLink,
            Some(b'x') => Kind::Pax,
            Some(b'g') => Kind::PaxGlobal,
            Some(b'S') => Kind::Sparse,
            _ => Kind::Other,
        };
        let size = number(field(block, 124, 12)).ok_or("the entry's size is not a number")?;
        // Links and directories have no content, whatever their size says (POSIX on typeflag 1 and 2; GNU on 5).
        let size = match kind {
            Kind::HardLink | Kind::Symlink | Kind::Directory | Kind::Special => 0,
            _ => size,
        };
        let mut name = text(field(block, 0, 100)).to_vec();
        if field(block, 257, 6) == b"ustar\0" {
            let prefix = text(field(block, 345, 155));
            if !prefix.is_empty() {
                name = [prefix, b"/", &name].concat();
            }
        }
        // Before POSIX, a directory was a file whose name ends with a slash.
        let kind = if kind == Kind::File && name.ends_with(b"/") {
            Kind::Directory
        } else {
            kind
        };
        Ok(Self {
            kind,
            name,
            link: text(field(block, 157, 100)).to_vec(),
            size,
        })
    }
}

fn field(block: &[u8; BLOCK as usize], at: usize, size: usize) -> &[u8] {
    block.get(at..at + size).unwrap_or_default()
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    field.get(..end).unwrap_or_default()
}

/// An octal number, or a binary one whose first bit is set; `None` if it is neither, negative or larger than 2^63.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        if *first != 0x80 {
            return None;
        }
        let value = rest.iter().try_fold(0u64, |value, byte| {
            value.checked_mul(256)?.checked_add(u64::from(*byte))
        })?;
        return (value < 1 << 63).then_some(value);
    }
    let digits = field.trim_ascii_start();
    let end = digits
        .iter()
        .position(|b| !(b'0'..=b'7').contains(b))
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if !rest.iter().all(|b| matches!(b, 0 | b' ')) {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        value.checked_mul(8)?.checked_add(u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        for (field, expected) in [
            (&b"00000000017\0"[..], Some(15)),
            (b"     17 \0", Some(15)),
            (b"77777777777 ", Some((1 << 33) - 1)),
            (b"\0\0\0\0", Some(0)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(1 << 33)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"12x45", None),
            (b"-1", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }
}

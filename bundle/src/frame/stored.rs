//! Gzip without compression, in exactly one byte form for each content.
//!
//! In: plain bytes. Out: a gzip member of stored DEFLATE blocks, each of 65535 bytes but the last, and the way back.
//! [`decode`] accepts nothing but what [`encode`] writes, so every bit of such a member is fixed by its content. Therefore
//! such a member needs no digest of itself. Its bytes do not pass through an inflater. [`StoredWriter`] and `StoredReader` do the
//! same for contents of a known size that are too large for memory.

use std::io::{self, Read, Write};

use flate2::Crc;

/// The gzip header of every member: DEFLATE, no flags, no time, no extra flags, unknown operating system.
pub const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The most a stored block holds (RFC 1951, section 3.2.4).
const BLOCK: usize = 65_535;

/// Bytes before each block: whether it is the last, its length, and the complement of that.
const HEAD: usize = 5;

/// Why bytes are not a canonical stored member.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Another header.
    #[error("it does not start with the fixed gzip header")]
    Header,
    /// A block that is not stored, not full, or whose length and its complement disagree.
    #[error("a block is not stored in the canonical form")]
    Block,
    /// Checksum or size at its end.
    #[error("its checksum or size does not fit its content")]
    Checksum,
    /// More plain bytes than allowed.
    #[error("it holds more than {0} bytes")]
    TooLong(u64),
    /// The file ends inside it.
    #[error("the file ends inside it")]
    Truncated,
    /// The bytes cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
}

/// The one member that holds `plain`.
#[must_use]
pub fn encode(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + plain.len() / BLOCK * 5 + 32);
    out.extend_from_slice(&GZIP_HEADER);
    let mut rest = plain;
    loop {
        let (block, after) = rest.split_at(rest.len().min(BLOCK));
        rest = after;
        out.extend_from_slice(&head(block.len() as u16, rest.is_empty()));
        out.extend_from_slice(block);
        if rest.is_empty() {
            break;
        }
    }
    out.extend_from_slice(&trailer(plain));
    out
}

/// The bytes of the member that holds this many plain bytes.
#[must_use]
pub const fn member_size(plain: u64) -> u64 {
    let blocks = if plain == 0 {
        1
    } else {
        plain.div_ceil(BLOCK as u64)
    };
    let frame = blocks.saturating_mul(HEAD as u64).saturating_add(18);
    plain.saturating_add(frame)
}

/// The bytes that introduce a block of `length` bytes.
fn head(length: u16, is_last: bool) -> [u8; HEAD] {
    let [l0, l1] = length.to_le_bytes();
    [u8::from(is_last), l0, l1, !l0, !l1]
}

/// How far into a content of known size a member is.
#[derive(Debug)]
struct Progress {
    /// Plain bytes of the blocks that have not begun.
    remaining: u64,
    /// Plain bytes of the current block that are still to come.
    in_block: usize,
    sum: Crc,
}

impl Progress {
    fn new(plain: u64) -> Self {
        Self {
            remaining: plain,
            in_block: 0,
            sum: Crc::new(),
        }
    }

    /// Begins the next block: the bytes that introduce it.
    fn next_block(&mut self) -> [u8; HEAD] {
        let length = u16::try_from(self.remaining).unwrap_or(u16::MAX);
        self.remaining -= u64::from(length);
        self.in_block = usize::from(length);
        head(length, self.remaining == 0)
    }

    fn is_complete(&self) -> bool {
        self.remaining == 0 && self.in_block == 0
    }
}

/// Writes the member of a content whose size is known, as [`encode`] does; [`finish`](Self::finish) it.
pub(crate) struct StoredWriter<W> {
    out: W,
    progress: Progress,
}

impl<W: Write> StoredWriter<W> {
    /// Begins the member of `plain` bytes.
    pub(crate) fn new(mut out: W, plain: u64) -> io::Result<Self> {
        out.write_all(&GZIP_HEADER)?;
        let mut progress = Progress::new(plain);
        if plain == 0 {
            out.write_all(&progress.next_block())?;
        }
        Ok(Self { out, progress })
    }

    /// Ends the member. Fails if fewer bytes were written than announced.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if !self.progress.is_complete() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        self.out.write_all(&trailer_of(&self.progress.sum))?;
        Ok(self.out)
    }
}

impl<W: Write> Write for StoredWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.progress.in_block == 0 {
            if self.progress.remaining == 0 {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
            let head = self.progress.next_block();
            self.out.write_all(&head)?;
        }
        let part = bytes.get(..self.progress.in_block).unwrap_or(bytes);
        self.out.write_all(part)?;
        self.progress.sum.update(part);
        self.progress.in_block -= part.len();
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads the plain bytes of a member whose content has a known size. Every byte of its frame must be as [`StoredWriter`] writes it;
/// an error carries a [`StoredError`].
pub(crate) struct StoredReader<R> {
    reader: R,
    progress: Progress,
}

impl<R: Read> StoredReader<R> {
    /// Reads the header of the member of `plain` bytes.
    pub(crate) fn new(mut reader: R, plain: u64) -> Result<Self, StoredError> {
        header(&mut reader)?;
        let mut progress = Progress::new(plain);
        if plain == 0 && read_array(&mut reader)? != progress.next_block() {
            return Err(StoredError::Block);
        }
        Ok(Self { reader, progress })
    }

    /// Reads the end of the member, after all of its plain bytes.
    pub(crate) fn finish(mut self) -> Result<(), StoredError> {
        if !self.progress.is_complete() {
            return Err(StoredError::Truncated);
        }
        if read_array::<8>(&mut self.reader)? != trailer_of(&self.progress.sum) {
            return Err(StoredError::Checksum);
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, StoredError> {
        if self.progress.is_complete() || buffer.is_empty() {
            return Ok(0);
        }
        if self.progress.in_block == 0
            && read_array(&mut self.reader)? != self.progress.next_block()
        {
            return Err(StoredError::Block);
        }
        let room = buffer.len().min(self.progress.in_block);
        let part = buffer.get_mut(..room).unwrap_or_default();
        exactly(&mut self.reader, part)?;
        self.progress.sum.update(part);
        self.progress.in_block -= room;
        Ok(room)
    }
}

impl<R: Read> Read for StoredReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill(buffer).map_err(|error| match error {
            StoredError::Read(error) => error,
            error => io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }
}

/// Reads one member from `reader`, at most `limit` plain bytes of it, and not a byte beyond its end.
///
/// # Errors
/// [`StoredError`] if it is not what [`encode`] writes, or `reader` fails.
pub fn decode(reader: &mut dyn Read, limit: u64) -> Result<Vec<u8>, StoredError> {
    header(reader)?;
    let mut plain = Vec::new();
    loop {
        let [last, l0, l1, n0, n1] = read_array(reader)?;
        let length = u16::from_le_bytes([l0, l1]);
        let full = usize::from(length) == BLOCK;
        // An empty block is canonical only as the whole of an empty content.
        let fits = match last {
            0 => full,
            1 => length > 0 || plain.is_empty(),
            _ => false,
        };
        if !fits || u16::from_le_bytes([n0, n1]) != !length {
            return Err(StoredError::Block);
        }
        if plain.len() as u64 + u64::from(length) > limit {
            return Err(StoredError::TooLong(limit));
        }
        let wanted = u64::from(length);
        let read = reader
            .take(wanted)
            .read_to_end(&mut plain)
            .map_err(StoredError::Read)?;
        if read as u64 != wanted {
            return Err(StoredError::Truncated);
        }
        if last == 1 {
            break;
        }
    }
    if read_array::<8>(reader)? != trailer(&plain) {
        return Err(StoredError::Checksum);
    }
    Ok(plain)
}

/// Reads the header. Fewer bytes that do not begin it are another file, not a truncated member.
fn header(reader: &mut dyn Read) -> Result<(), StoredError> {
    let mut start = Vec::with_capacity(GZIP_HEADER.len());
    reader
        .take(GZIP_HEADER.len() as u64)
        .read_to_end(&mut start)
        .map_err(StoredError::Read)?;
    match start {
        start if start == GZIP_HEADER => Ok(()),
        start if GZIP_HEADER.starts_with(&start) => Err(StoredError::Truncated),
        _ => Err(StoredError::Header),
    }
}

/// CRC-32 and size modulo 2^32, as RFC 1952 ends a member.
fn trailer(plain: &[u8]) -> [u8; 8] {
    let mut crc = Crc::new();
    crc.update(plain);
    trailer_of(&crc)
}

fn trailer_of(crc: &Crc) -> [u8; 8] {
    let mut bytes = [0; 8];
    let (sum, size) = bytes.split_at_mut(4);
    sum.copy_from_slice(&crc.sum().to_le_bytes());
    size.copy_from_slice(&crc.amount().to_le_bytes());
    bytes
}

fn read_array<const N: usize>(reader: &mut dyn Read) -> Result<[u8; N], StoredError> {
    let mut bytes = [0; N];
    exactly(reader, &mut bytes)?;
    Ok(bytes)
}

fn exactly(reader: &mut dyn Read, bytes: &mut [u8]) -> Result<(), StoredError> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(StoredError::Truncated),
        Err(error) => Err(StoredError::Read(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1 << 20;

    fn contents() -> Vec<Vec<u8>> {
        [0, 1, 65_534, 65_535, 65_536, 2 * 65_535, 200_000]
            .into_iter()
            .map(|size: u32| (0..size).map(|i| (i % 251) as u8).collect())
            .collect()
    }

    #[test]
    fn what_is_encoded_is_decoded_and_nothing_after_it_is_read() {
        for plain in contents() {
            let mut file = encode(&plain);
            file.extend_from_slice(b"next");
            let mut reader = &file[..];
            assert_eq!(decode(&mut reader, LIMIT).unwrap(), plain);
            assert_eq!(reader, b"next");
        }
    }

    /// Writes `plain` in pieces of this size.
    fn streamed(plain: &[u8], piece: usize) -> Vec<u8> {
        let mut writer = StoredWriter::new(Vec::new(), plain.len() as u64).unwrap();
        for part in plain.chunks(piece) {
            writer.write_all(part).unwrap();
        }
        writer.finish().unwrap()
    }

    fn streamed_back(member: &[u8], plain: u64) -> Result<Vec<u8>, String> {
        let mut reader = StoredReader::new(member, plain).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        reader
            .read_to_end(&mut out)
            .map_err(|error| error.to_string())?;
        reader.finish().map_err(|error| error.to_string())?;
        Ok(out)
    }

    #[test]
    fn a_stream_has_the_same_bytes_and_the_size_that_was_computed() {
        for plain in contents() {
            let member = encode(&plain);
            assert_eq!(member_size(plain.len() as u64), member.len() as u64);
            for piece in [1000, 65_535, 1 << 20] {
                assert!(streamed(&plain, piece) == member, "{}", plain.len());
            }
            assert!(streamed_back(&member, plain.len() as u64).unwrap() == plain);
            for other in [plain.len() as u64 + 1, (plain.len() as u64).wrapping_sub(1)] {
                assert!(streamed_back(&member, other).is_err(), "{other}");
            }
        }
        let short = StoredWriter::new(Vec::new(), 3).unwrap();
        assert!(short.finish().is_err());
        let mut long = StoredWriter::new(Vec::new(), 3).unwrap();
        assert!(long.write_all(b"abcd").is_err());
    }

    #[test]
    fn every_changed_bit_of_a_stream_is_refused_or_changes_the_content() {
        let plain: Vec<u8> = (0..70_000_u32).map(|i| (i % 251) as u8).collect();
        let good = encode(&plain);
        let edges = (0..40)
            .chain(65_540..65_560)
            .chain(good.len() - 20..good.len());
        for position in edges {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[position] ^= 1 << bit;
                let read = streamed_back(&bad, plain.len() as u64);
                assert!(read.is_err(), "byte {position} bit {bit}");
            }
        }
        assert!(streamed_back(&good[..good.len() - 1], plain.len() as u64).is_err());
    }

    #[test]
    fn a_stock_inflater_agrees() {
        for plain in contents() {
            let mut out = Vec::new();
            flate2::bufread::GzDecoder::new(&encode(&plain)[..])
                .read_to_end(&mut out)
                .unwrap();
            assert_eq!(out, plain);
        }
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let plain = b"some content";
        let good = encode(plain);
        assert!(decode(&mut &good[..], LIMIT).is_ok());
        for position in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[position] ^= 1 << bit;
                assert!(
                    decode(&mut &bad[..], LIMIT).is_err(),
                    "byte {position} bit {bit}"
                );
            }
        }
    }

    #[test]
    fn another_segmentation_is_refused() {
        let crc_and_size = trailer(b"ab");
        let member = |blocks: &[&[u8]]| {
            let mut out = GZIP_HEADER.to_vec();
            for block in blocks {
                out.extend_from_slice(block);
            }
            out.extend_from_slice(&crc_and_size);
            out
        };
        let whole = member(&[b"\x01\x02\x00\xfd\xffab"]);
        assert_eq!(whole, encode(b"ab"));
        let split = member(&[b"\x00\x01\x00\xfe\xffa", b"\x01\x01\x00\xfe\xffb"]);
        let with_empty_end = member(&[b"\x00\x02\x00\xfd\xffab", b"\x01\x00\x00\xff\xff"]);
        let fixed_huffman = {
            use std::io::Write as _;
            let mut encoder =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
            encoder.write_all(b"ab").unwrap();
            member(&[&encoder.finish().unwrap()])
        };
        for other in [split, with_empty_end, fixed_huffman] {
            let mut out = Vec::new();
            flate2::bufread::GzDecoder::new(&other[..])
                .read_to_end(&mut out)
                .unwrap();
            assert_eq!(out, b"ab", "the case itself must be valid gzip");
            assert!(matches!(
                decode(&mut &other[..], LIMIT),
                Err(StoredError::Block)
            ));
        }
    }

    #[test]
    fn a_short_file_is_truncated_only_if_it_begins_as_a_member() {
        for (bytes, is_truncated) in [
            (&b""[..], true),
            (b"\x1f\x8b", true),
            (b"PK", false),
            (b"hello", false),
        ] {
            let error = decode(&mut &bytes[..], LIMIT).unwrap_err();
            let found = matches!(error, StoredError::Truncated);
            assert_eq!(found, is_truncated, "{bytes:?}");
            assert_eq!(matches!(error, StoredError::Header), !is_truncated);
        }
    }

    #[test]
    fn limits_and_truncation_are_errors() {
        let file = encode(&[7; 70_000]);
        assert!(decode(&mut &file[..], 70_000).is_ok());
        assert!(matches!(
            decode(&mut &file[..], 69_999),
            Err(StoredError::TooLong(69_999))
        ));
        for length in (0..file.len()).step_by(97) {
            assert!(matches!(
                decode(&mut &file[..length], LIMIT),
                Err(StoredError::Truncated)
            ));
        }
    }
}

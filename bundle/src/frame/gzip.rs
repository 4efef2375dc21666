//! The gzip member with compression: the second one.
//!
//! In: plain bytes to write, or compressed bytes whose digest was checked. Out: the member, or a reader of its plain
//! bytes. The header is fixed, and the member has nothing after its trailer.

use std::cell::RefCell;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::stored::GZIP_HEADER;

/// Bytes of a gzip header without optional fields.
const HEADER_SIZE: usize = GZIP_HEADER.len();

/// How much work compressing small texts is worth.
const LEVEL: u32 = 6;

/// How much room compressed bytes get at a time.
const ROOM: usize = 32 * 1024;

thread_local! {
    /// A compressor holds a quarter of a MiB. One for each of a thousand bundles takes time to make and, between what is kept of
    /// each bundle, leaves the heap full of holes.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(LEVEL), false));
}

/// The member of `plain`.
pub(crate) fn small_member(plain: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut member = Vec::with_capacity(plain.len() / 4 + ROOM);
        member.extend_from_slice(&GZIP_HEADER);
        let mut rest = plain;
        loop {
            let before = compressor.total_in();
            let status = compressor.compress_vec(rest, &mut member, FlushCompress::Finish)?;
            let used = usize::try_from(compressor.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(used..).unwrap_or_default();
            if status == Status::StreamEnd {
                break;
            }
            member.reserve(ROOM);
        }
        let mut sum = Crc::new();
        sum.update(plain);
        member.extend_from_slice(&sum.sum().to_le_bytes());
        member.extend_from_slice(&sum.amount().to_le_bytes());
        Ok(member)
    })
}

/// Upper bound of the gzip bytes of `plain` bytes: at the fastest level a byte that cannot be compressed takes the
/// nine bits of a fixed Huffman code (RFC 1951, section 3.2.6); headers and the ends of blocks are small change.
#[must_use]
pub(crate) const fn compressed_bound(plain: u64) -> u64 {
    plain.saturating_add(plain / 8).saturating_add(4096)
}

/// A reader of one member's plain bytes. `compressed` must yield that member and nothing else.
pub(crate) struct Decoder<R> {
    inner: GzDecoder<io::Chain<io::Cursor<[u8; HEADER_SIZE]>, R>>,
}

impl<R: BufRead> Decoder<R> {
    /// Reads the header.
    pub(crate) fn new(mut compressed: R) -> io::Result<Self> {
        let mut header = [0; HEADER_SIZE];
        compressed.read_exact(&mut header)?;
        if header != GZIP_HEADER {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a gzip member does not start with the fixed header",
            ));
        }
        Ok(Self {
            inner: GzDecoder::new(io::Cursor::new(header).chain(compressed)),
        })
    }

    /// Whether every compressed byte was used; to be asked at the end of the plain bytes.
    pub(crate) fn all_used(self) -> io::Result<bool> {
        let mut rest = self.inner.into_inner();
        Ok(rest.fill_buf()?.is_empty())
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::GzBuilder;

    use super::*;

    /// As the library's own encoder writes it.
    fn member(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzBuilder::new()
            .mtime(0)
            .operating_system(0xff)
            .write(Vec::new(), Compression::new(LEVEL));
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<(Vec<u8>, bool)> {
        let mut decoder = Decoder::new(bytes)?;
        let mut plain = Vec::new();
        decoder.read_to_end(&mut plain)?;
        Ok((plain, decoder.all_used()?))
    }

    #[test]
    fn a_compressor_that_is_used_again_writes_the_same_bytes() {
        let text = "apiVersion: v1\nkind: Pod\n".repeat(20_000);
        let mixed: Vec<u8> = (0..200_000_u32)
            .map(|n| (n.wrapping_mul(n) >> 9) as u8)
            .collect();
        for plain in [&b""[..], b"abc", text.as_bytes(), &mixed, text.as_bytes()] {
            assert_eq!(small_member(plain).unwrap(), member(plain));
        }
    }

    #[test]
    fn noise_stays_below_the_bound() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as u8
        })
        .take(3_000_000)
        .collect();
        let size = small_member(&noise).unwrap().len() as u64;
        assert!(size <= compressed_bound(noise.len() as u64));
    }

    #[test]
    fn trailing_bytes_a_second_member_and_optional_fields_are_noticed() {
        let good = member(b"abc");
        let mut trailing = good.clone();
        trailing.push(0);
        assert!(!read(&trailing).unwrap().1);
        let two = [good.clone(), good.clone()].concat();
        assert_eq!(read(&two).unwrap(), (b"abc".to_vec(), false));
        let mut named = GzBuilder::new()
            .filename("x")
            .operating_system(0xff)
            .write(Vec::new(), Compression::new(6));
        named.write_all(b"abc").unwrap();
        assert!(read(&named.finish().unwrap()).is_err());
        for position in 0..HEADER_SIZE {
            let mut other = good.clone();
            other[position] ^= 1;
            assert!(read(&other).is_err(), "{position}");
        }
        let mut checksum = good.clone();
        let at = checksum.len() - 6;
        checksum[at] ^= 1;
        assert!(read(&checksum).is_err());
        assert!(read(&good[..good.len() - 1]).is_err());
    }
}

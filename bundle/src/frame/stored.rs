//! Gzip without compression, in exactly one byte form for each content.
//!
//! In: plain bytes. Out: a gzip member of stored DEFLATE blocks, each of 65535 bytes but the last, and the way back.
//! [`decode`] accepts nothing but what [`encode`] writes, so every bit of such a member is fixed by its content. Therefore
//! the first member of a bundle needs no digest of itself. Its bytes do not pass through an inflater.

use std::io::{self, Read};

use flate2::Crc;

/// The gzip header of every member: DEFLATE, no flags, no time, no extra flags, unknown operating system.
pub const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The most a stored block holds (RFC 1951, section 3.2.4).
const BLOCK: usize = 65_535;

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
        let length = block.len() as u16;
        out.push(u8::from(rest.is_empty()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
        if rest.is_empty() {
            break;
        }
    }
    out.extend_from_slice(&trailer(plain));
    out
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
    let mut bytes = [0; 8];
    let (sum, size) = bytes.split_at_mut(4);
    sum.copy_from_slice(&crc.sum().to_le_bytes());
    size.copy_from_slice(&crc.amount().to_le_bytes());
    bytes
}

fn read_array<const N: usize>(reader: &mut dyn Read) -> Result<[u8; N], StoredError> {
    let mut bytes = [0; N];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
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

//! Round trips and refusals of single payload members.

use std::io::Cursor;

use super::*;
use crate::frame::gzip::Decoder;
use crate::index::Payload;

const CHUNK: usize = CHUNK_SIZE as usize;

fn name() -> EntryName {
    "payload/images.tar".parse().unwrap()
}

fn noise(size: usize) -> Vec<u8> {
    let mut state = 7_u64;
    std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as u8
    })
    .take(size)
    .collect()
}

/// A member, and what an index says about it.
struct Case {
    member: Vec<u8>,
    blob: Blob,
    payload: Payload,
    is_last: bool,
}

fn case(plain: &[u8], is_last: bool) -> Case {
    let source = plain.to_vec();
    let survey = survey(&name(), &source).unwrap();
    let mut member = Vec::new();
    write_member(&name(), &source, &survey, is_last, &mut member).unwrap();
    Case {
        member,
        blob: survey.blob,
        payload: Payload {
            name: name(),
            chunk_size: CHUNK_SIZE,
            chunks: survey.chunks,
        },
        is_last,
    }
}

impl Case {
    /// What is handed out, and how it ended.
    fn read(&self) -> (Vec<u8>, Result<(), String>) {
        let mut out = Vec::new();
        let mut file = Cursor::new(self.member.clone());
        let opened = PayloadReader::new(
            self.payload.clone(),
            self.blob.clone(),
            self.is_last,
            &mut file,
            self.member.len() as u64,
        );
        let chain = |error: &dyn std::error::Error| {
            let mut text = error.to_string();
            let mut next = error.source();
            while let Some(cause) = next {
                text = format!("{text}: {cause}");
                next = cause.source();
            }
            text
        };
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) => return (out, Err(chain(&error))),
        };
        let result = reader.read_to_end(&mut out).map(|_| ()).map_err(|error| {
            let inner = error.get_ref().unwrap();
            assert!(inner.downcast_ref::<PayloadReadError>().is_some());
            chain(inner)
        });
        if result.is_err() {
            assert!(reader.read(&mut [0]).is_err(), "an error is final");
        }
        (out, result)
    }

    /// Replaces the plain bytes of the member.
    fn with_plain(&self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut plain = Vec::new();
        Decoder::new(&self.member[..])
            .unwrap()
            .read_to_end(&mut plain)
            .unwrap();
        change(&mut plain);
        let mut encoder = gzip::encoder(Vec::new(), Effort::Fast);
        encoder.write_all(&plain).unwrap();
        Self {
            member: encoder.finish().unwrap(),
            blob: self.blob.clone(),
            payload: self.payload.clone(),
            is_last: self.is_last,
        }
    }
}

#[test]
fn items_of_every_size_come_back() {
    for size in [0, 1, 511, 512, 513, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK] {
        for is_last in [false, true] {
            let plain = noise(size);
            let case = case(&plain, is_last);
            assert_eq!(case.payload.chunks.len(), size.div_ceil(CHUNK));
            assert_eq!(case.blob, Blob::of(&plain));
            let (out, result) = case.read();
            result.unwrap();
            assert!(out == plain, "{size}");
        }
    }
}

#[test]
fn what_is_compressed_already_is_stored() {
    let gzip = [&[0x1f, 0x8b][..], &[0; 5000]].concat();
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd][..], &[0; 5000]].concat();
    let xz = [&[0xfd, b'7', b'z', b'X', b'Z', 0][..], &[0; 5000]].concat();
    for stored in [gzip, zstd, xz] {
        assert_eq!(survey(&name(), &stored).unwrap().effort, Effort::Store);
        assert!(case(&stored, true).member.len() > 5000);
        assert!(case(&stored, true).read().1.is_ok());
    }
    assert_eq!(
        survey(&name(), &vec![0; 5000]).unwrap().effort,
        Effort::Fast
    );
    assert!(case(&vec![0; 5000], true).member.len() < 500);
}

#[test]
fn no_byte_of_a_changed_chunk_is_handed_out() {
    let plain = noise(2 * CHUNK + 100);
    let good = case(&plain, true);
    assert!(good.read().1.is_ok());
    for (at, whole_chunks) in [(0, 0), (CHUNK, 1), (2 * CHUNK + 99, 2)] {
        let bad = good.with_plain(|bytes| bytes[512 + at] ^= 1);
        let (out, result) = bad.read();
        assert!(
            result
                .unwrap_err()
                .contains(&format!("chunk {whole_chunks} "))
        );
        assert!(out == plain[..whole_chunks * CHUNK]);
    }
}

#[test]
fn the_end_is_checked_before_the_last_chunk_is_handed_out() {
    let good = case(b"abc", true);
    assert_eq!(good.read().0, b"abc");
    let mut trailing = case(b"abc", true);
    trailing.member.push(0);
    let mut whole = case(b"abc", true);
    whole.blob.sha256 = Sha256Digest::of(b"other");
    let mut few = case(b"abc", true);
    few.payload.chunks.clear();
    let mut size = case(b"abc", true);
    size.blob.size = 4;
    let mut place = case(b"abc", true);
    place.is_last = false;
    let cases = [
        (good.with_plain(|bytes| bytes[600] = 1), "padding"),
        (good.with_plain(|bytes| bytes.truncate(1100)), "exactly two"),
        (good.with_plain(|bytes| bytes.push(0)), "exactly two"),
        (good.with_plain(|bytes| bytes.truncate(514)), "ends inside"),
        (good.with_plain(|bytes| bytes[156] = b'2'), "no tar header"),
        (good.with_plain(|bytes| bytes.clear()), "missing"),
        (trailing, "bytes after its end"),
        (whole, "does not have the digest that its entry"),
        (few, "chunk 0"),
        (size, "declares 3 bytes"),
        (place, "exactly two"),
    ];
    for (case, expected) in cases {
        let (out, result) = case.read();
        let error = result.unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(out.is_empty(), "{expected}");
    }
}

#[test]
fn a_cut_or_changed_member_never_reads_to_its_end() {
    let good = case(b"some content", true);
    for length in 0..good.member.len() {
        let mut bad = case(b"some content", true);
        bad.member.truncate(length);
        assert!(bad.read().1.is_err(), "{length}");
    }
}

#[test]
fn a_source_that_changes_is_noticed() {
    let survey = survey(&name(), &b"abc".to_vec()).unwrap();
    let write =
        |bytes: &[u8]| write_member(&name(), &bytes.to_vec(), &survey, true, &mut Vec::new());
    assert!(write(b"abc").is_ok());
    for other in [&b"abd"[..], b"ab", b"abcd", b""] {
        assert!(matches!(write(other), Err(PayloadError::Changed(_))));
    }
}

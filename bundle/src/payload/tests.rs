//! Round trips and refusals of single payload members.

use std::io::{Cursor, Seek as _, SeekFrom};

use super::*;
use crate::frame::stored;
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
#[derive(Clone)]
struct Case {
    member: Vec<u8>,
    blob: Blob,
    payload: Payload,
}

fn case(plain: &[u8]) -> Case {
    let source = plain.to_vec();
    let survey = survey(&name(), &source).unwrap();
    let mut member = Vec::new();
    write_member(&name(), &source, &survey, &mut member).unwrap();
    Case {
        member,
        blob: survey.blob,
        payload: Payload {
            name: name(),
            chunk_size: CHUNK_SIZE,
            chunks: survey.chunks,
        },
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl Case {
    /// What is handed out, and how it ended.
    fn read(&self) -> (Vec<u8>, Result<(), String>) {
        let mut out = Vec::new();
        let mut file = Cursor::new(self.member.clone());
        let opened = PayloadReader::new(self.payload.clone(), self.blob.clone(), &mut file);
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) => return (out, Err(with_causes(&error))),
        };
        let result = reader.read_to_end(&mut out).map(|_| ()).map_err(|error| {
            let inner = error.get_ref().unwrap();
            assert!(inner.downcast_ref::<PayloadReadError>().is_some());
            with_causes(inner)
        });
        if result.is_err() {
            assert!(reader.read(&mut [0]).is_err(), "an error is final");
        }
        (out, result)
    }

    /// The verdict of the check that uses all cores.
    fn check(&self) -> Result<(), String> {
        let mut file = Cursor::new(self.member.clone());
        let item = Located {
            payload: &self.payload,
            blob: &self.blob,
            offset: 0,
        };
        let found = check(&mut file, std::slice::from_ref(&item));
        // The answer without other threads is the same.
        let alone = check::alone(&mut file, std::slice::from_ref(&item));
        assert_eq!(found.is_ok(), alone.is_ok());
        found.map_err(|error| match error {
            CheckError::Read(error) => with_causes(&error),
            CheckError::Item(error) => with_causes(&error),
        })
    }

    /// Replaces the plain bytes of the member.
    fn with_plain(&self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut plain = stored::decode(&mut self.member.as_slice(), u64::MAX).unwrap();
        change(&mut plain);
        Self {
            member: stored::encode(&plain),
            ..self.clone()
        }
    }
}

#[test]
fn items_of_every_size_come_back() {
    for size in [0, 1, 511, 512, 513, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK] {
        let plain = noise(size);
        let case = case(&plain);
        assert_eq!(case.payload.chunks.len(), size.div_ceil(CHUNK));
        assert_eq!(case.blob, Blob::of(&plain));
        assert_eq!(case.member.len() as u64, single::member_size(size as u64));
        let (out, result) = case.read();
        result.unwrap();
        assert!(out == plain, "{size}");
        case.check().unwrap();
    }
}

#[test]
fn no_byte_of_a_changed_chunk_is_handed_out() {
    let plain = noise(2 * CHUNK + 100);
    let good = case(&plain);
    assert!(good.read().1.is_ok());
    for (at, whole_chunks) in [(0, 0), (CHUNK, 1), (2 * CHUNK + 99, 2)] {
        let bad = good.with_plain(|bytes| bytes[512 + at] ^= 1);
        let (out, result) = bad.read();
        let named = format!("chunk {whole_chunks} ");
        assert!(result.unwrap_err().contains(&named));
        assert!(out == plain[..whole_chunks * CHUNK]);
        assert!(bad.check().unwrap_err().contains(&named));
    }
}

#[test]
fn the_first_chunk_that_differs_is_named_whichever_is_hashed_first() {
    let good = case(&noise(6 * CHUNK));
    let bad = good.with_plain(|bytes| {
        for chunk in [1, 2, 3] {
            bytes[512 + chunk * CHUNK] ^= 1;
        }
    });
    for _ in 0..5 {
        assert!(bad.check().unwrap_err().contains("chunk 1 "));
    }
}

#[test]
fn items_are_checked_one_after_another_from_where_they_are() {
    let (one, two) = (case(&noise(CHUNK + 7)), case(b"abc"));
    let mut file = Cursor::new([&b"before"[..], &one.member, &two.member].concat());
    let check_at = |file: &mut Cursor<Vec<u8>>, second: u64| {
        let items = [(&one, 6), (&two, second)].map(|(case, offset)| Located {
            payload: &case.payload,
            blob: &case.blob,
            offset,
        });
        check(file, &items)
    };
    let second = 6 + one.member.len() as u64;
    check_at(&mut file, second).unwrap();
    assert!(check_at(&mut file, second + 1).is_err());
    file.get_mut().truncate(second as usize + 20);
    let cut = check_at(&mut file, second);
    assert!(matches!(cut, Err(CheckError::Item(_))));
    file.seek(SeekFrom::Start(0)).unwrap();
    assert!(check(&mut file, &[]).is_ok());
}

#[test]
fn the_end_is_checked_before_the_last_chunk_is_handed_out() {
    let good = case(b"abc");
    assert_eq!(good.read().0, b"abc");
    let mut few = good.clone();
    few.payload.chunks.clear();
    let mut size = good.clone();
    size.blob.size = 4;
    let mut trailer = good.clone();
    *trailer.member.last_mut().unwrap() ^= 1;
    let mut block = good.clone();
    block.member[10] = 0;
    let mut header = good.clone();
    header.member[4] = 1;
    let cases = [
        (good.with_plain(|bytes| bytes[600] = 1), "padding"),
        (
            good.with_plain(|bytes| bytes.truncate(514)),
            "canonical form",
        ),
        (good.with_plain(|bytes| bytes.push(0)), "canonical form"),
        (good.with_plain(|bytes| bytes[156] = b'2'), "no tar header"),
        (good.with_plain(Vec::clear), "canonical form"),
        (trailer, "checksum or size"),
        (block, "canonical form"),
        (header, "fixed gzip header"),
        (few, "chunk 0"),
        (size, "declares 3 bytes"),
    ];
    for (case, expected) in cases {
        let (out, result) = case.read();
        let error = result.unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(out.is_empty(), "{expected}");
        let error = case.check().unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn an_item_without_the_digest_of_its_entry_is_not_read_to_its_end() {
    let plain = noise(CHUNK + 7);
    let mut bad = case(&plain);
    bad.blob.sha256 = Sha256Digest::of(b"other");
    let (out, result) = bad.read();
    assert!(
        result
            .unwrap_err()
            .contains("that its entry in the index names")
    );
    assert!(out == plain[..CHUNK]);
}

#[test]
fn a_cut_or_changed_member_never_reads_to_its_end() {
    let good = case(b"some content");
    for length in 0..good.member.len() {
        let mut bad = good.clone();
        bad.member.truncate(length);
        assert!(bad.read().1.is_err() && bad.check().is_err(), "{length}");
    }
    for bit in 0..good.member.len() * 8 {
        let mut bad = good.clone();
        bad.member[bit / 8] ^= 1 << (bit % 8);
        assert!(bad.read().1.is_err(), "{bit}");
    }
}

#[test]
fn a_source_that_changes_is_noticed() {
    let survey = survey(&name(), &b"abc".to_vec()).unwrap();
    let write = |bytes: &[u8]| write_member(&name(), &bytes.to_vec(), &survey, &mut Vec::new());
    assert!(write(b"abc").is_ok());
    for other in [&b"abd"[..], b"ab", b"abcd", b""] {
        assert!(matches!(write(other), Err(PayloadError::Changed(_))));
    }
}

//! A bundle changed in any bit, or cut anywhere, is refused.

use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use kubeplan_bundle::index::SecretClass;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::Identities;
use kubeplan_bundle::signature::Namespace;
use kubeplan_bundle::verify::VerifyError;
use kubeplan_bundle::writer::{DraftEntry, WriteError, with_signature};

use crate::raw;
use crate::support::{admit, author, draft, identity, phase, write};

/// Runs `check` for every number below `count`, on every core.
fn for_each(count: usize, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    check(number);
                }
            });
        }
    });
}

/// Flips each of these bits (8 × byte + bit), one at a time.
fn every_bit_counts(file: &[u8], identities: &Identities, bits: &[usize]) {
    assert!(admit(file, identities).is_ok(), "the untouched bundle");
    for_each(bits.len(), |number| {
        let (byte, bit) = (bits[number] / 8, bits[number] % 8);
        let mut bad = file.to_vec();
        bad[byte] ^= 1 << bit;
        assert!(admit(&bad, identities).is_err(), "byte {byte} bit {bit}");
    });
}

#[test]
fn every_flipped_bit_is_refused() {
    let (identities, _) = identity();
    let (file, _) = write(draft(false), &[]);
    let bits: Vec<usize> = (0..file.len() * 8).collect();
    every_bit_counts(&file, &identities, &bits);
}

/// Whether a sweep over a file of `size` bytes meets this one: with `KUBEPLAN_SWEEPS=whole` each, else every seventh, and each at the
/// file's ends.
fn is_met(at: usize, size: usize) -> bool {
    let whole = std::env::var_os("KUBEPLAN_SWEEPS").is_some_and(|value| value == "whole");
    whole || at.is_multiple_of(7) || at < 64 || at + 64 > size
}

/// Every bit of the first and last member and of the ends of the others; of the rest, which is compressed or looks random without the
/// key, one bit of each byte.
#[test]
fn every_changed_byte_of_a_sealed_bundle_is_refused() {
    let (identities, recipient) = identity();
    let (file, _) = write(draft(true), &[recipient]);
    let mut starts = vec![0];
    for member in raw::members(&file) {
        starts.push(starts[starts.len() - 1] + member.len());
    }
    let (second, last) = (starts[1], starts[3]);
    // The first and the last member, and 64 bytes on both sides of where the others begin and end.
    let is_edge = |byte: usize| {
        let near = |start: &usize| byte + 64 >= *start && byte < start + 64;
        byte < second || byte >= last || starts.iter().any(near)
    };
    let bits: Vec<usize> = (0..file.len() * 8)
        .filter(|bit| is_edge(bit / 8) || (bit / 8 % 8 == bit % 8 && is_met(bit / 8, file.len())))
        .collect();
    every_bit_counts(&file, &identities, &bits);
}

#[test]
#[ignore = "takes minutes; the test above takes seconds and leaves out bits inside the age file only"]
fn every_flipped_bit_of_a_sealed_bundle_is_refused() {
    let (identities, recipient) = identity();
    let (file, _) = write(draft(true), &[recipient]);
    let bits: Vec<usize> = (0..file.len() * 8).collect();
    every_bit_counts(&file, &identities, &bits);
}

#[test]
fn every_flipped_bit_of_the_first_member_is_refused_with_a_right_checksum_too() {
    let (identities, _) = identity();
    let (file, _) = write(draft(false), &[]);
    let (first, rest) = file.split_at(raw::members(&file)[0].len());
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::bufread::GzDecoder::new(first), &mut plain).unwrap();
    let rebuilt = [raw::stored(&plain), rest.to_vec()].concat();
    assert_eq!(rebuilt, file, "the description of the format is the format");
    for_each(plain.len() * 8, |number| {
        let mut bad = plain.clone();
        bad[number / 8] ^= 1 << (number % 8);
        let bad = [raw::stored(&bad), rest.to_vec()].concat();
        assert!(
            admit(&bad, &identities).is_err(),
            "byte {} bit {}",
            number / 8,
            number % 8
        );
    });
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let (identities, recipient) = identity();
    let (sealed, _) = write(draft(true), &[recipient]);
    let (file, _) = write(draft(false), &[]);
    for file in [&file, &sealed] {
        assert!(admit(file, &identities).is_ok());
        for_each(file.len(), |length| {
            if is_met(length, file.len()) {
                assert!(admit(&file[..length], &identities).is_err(), "{length}");
            }
        });
    }
    for_each(file.len(), |length| {
        let open = Bundle::open(Cursor::new(file[..length].to_vec()));
        assert!(open.and_then(Bundle::into_intact).is_err(), "{length}");
    });
    for extra in [&[0][..], &[0; 512], &raw::gzip(b""), &file] {
        assert!(admit(&[&file, extra].concat(), &identities).is_err());
        assert!(admit(&[&sealed, extra].concat(), &identities).is_err());
        assert!(admit(&[extra, &file].concat(), &identities).is_err());
    }
}

#[test]
fn parts_of_two_bundles_do_not_mix() {
    let (identities, recipient) = identity();
    let recipients = [recipient];
    let (one, _) = write(draft(true), &recipients);
    let mut other = draft(true);
    other.node.name = "m".parse().unwrap();
    let (two, _) = write(other, &recipients);
    let mut sealed = draft(true);
    sealed.entries[3].content = crate::support::secret(SecretClass::RegistryAuth, b"{}\n");
    let (three, _) = write(sealed, &recipients);
    let later = |file: &[u8]| raw::members(file)[1..].concat();
    for file in [&one, &two, &three] {
        assert!(admit(file, &identities).is_ok());
    }
    for other in [&two, &three] {
        let first = raw::members(&one)[0];
        let mixed = [first, &later(other)].concat();
        assert!(admit(&mixed, &identities).is_err());
        // The sealed part alone, of another bundle or of another writing of the same one.
        let [first, small, _, end] = raw::members(&one)[..] else {
            panic!("four members");
        };
        let (again, _) = write(draft(true), &recipients);
        for sealed in [raw::members(other)[2], raw::members(&again)[2]] {
            let mixed = [first, small, sealed, end].concat();
            assert!(admit(&mixed, &identities).is_err());
        }
    }
}

#[test]
fn an_intact_bundle_needs_every_digest_and_signature_too() {
    let (file, _) = write(draft(false), &[]);
    let intact = |file: Vec<u8>| Bundle::open(Cursor::new(file)).and_then(Bundle::into_intact);
    assert!(intact(file.clone()).is_ok());
    for_each(file.len(), |at| {
        let mut bad = file.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(intact(bad).is_err(), "byte {at}");
    });
}

/// A bundle with a sealed part and one payload item, and where each of its members starts.
fn with_payload() -> (Vec<u8>, Identities, Vec<usize>) {
    let (identities, recipient) = identity();
    let mut plan = draft(true);
    plan.entries.push(DraftEntry::payload(
        phase(),
        "payload/a".parse().unwrap(),
        Box::new(b"some image".repeat(200)),
    ));
    let (file, _) = write(plan, &[recipient]);
    let mut starts = vec![0];
    for member in raw::members(&file) {
        starts.push(starts[starts.len() - 1] + member.len());
    }
    (file, identities, starts)
}

#[test]
fn the_refusal_names_what_is_wrong_before_anything_is_inflated() {
    let (file, identities, starts) = with_payload();
    assert!(admit(&file, &identities).is_ok());
    let refusal = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bad = file.clone();
        change(&mut bad);
        admit(&bad, &identities).map(|_| ()).unwrap_err()
    };
    let [_, small, sealed, payload, last, end] = starts[..] else {
        panic!("{starts:?}");
    };
    assert_eq!(end, file.len());
    for at in [small, small + (sealed - small) / 2, sealed - 1] {
        assert!(matches!(
            refusal(&|bytes| bytes[at] ^= 1),
            VerifyError::MemberDigest { member: 2 }
        ));
    }
    for at in [sealed, sealed + 10, payload - 1] {
        assert!(matches!(
            refusal(&|bytes| bytes[at] ^= 1),
            VerifyError::SealedFrame(_)
        ));
    }
    for at in [payload, payload + 10, payload + 600, last - 1] {
        assert!(matches!(
            refusal(&|bytes| bytes[at] ^= 1),
            VerifyError::Payload(_)
        ));
    }
    for at in [last, last + 10, end - 1] {
        assert!(matches!(refusal(&|bytes| bytes[at] ^= 1), VerifyError::End));
    }
    assert!(matches!(
        refusal(&|bytes| bytes.truncate(end - 7)),
        VerifyError::Truncated { missing: 7 }
    ));
    assert!(matches!(
        refusal(&|bytes| bytes.truncate(small)),
        VerifyError::Truncated { .. }
    ));
    assert!(matches!(
        refusal(&|bytes| bytes.extend([0; 9])),
        VerifyError::TrailingData { extra: 9 }
    ));
    assert!(matches!(
        refusal(&|bytes| bytes[0] ^= 1),
        VerifyError::FirstMember(_)
    ));
}

#[test]
fn a_damaged_copy_is_told_from_another_file() {
    let (file, _, starts) = with_payload();
    let first = starts[1];
    let refusal = |bad: Vec<u8>| {
        let bundle = Bundle::open(std::io::Cursor::new(bad))?;
        bundle.into_intact().map(|_| ())
    };
    assert!(refusal(file.clone()).is_ok());
    let mut damaged: Vec<(String, Vec<u8>)> = Vec::new();
    for length in [
        0,
        5,
        10,
        11,
        first / 2,
        first - 1,
        first,
        first + 1,
        file.len() - 1,
    ] {
        damaged.push((format!("{length} bytes"), file[..length].to_vec()));
    }
    // The checksum of the first member covers its bytes; the digests in the index cover all that follow.
    for at in [12, 20, first / 2, first - 1, first + 30, file.len() - 30] {
        let mut bad = file.clone();
        bad[at] ^= 4;
        damaged.push((format!("byte {at}"), bad));
    }
    damaged.push(("longer".to_owned(), [&file[..], b"x"].concat()));
    for (what, bad) in damaged {
        let error = refusal(bad).unwrap_err();
        assert!(error.is_damage(), "{what}: {error:?}");
    }
    let zip = b"PK\x03\x04 and more than ten bytes".to_vec();
    for other in [zip, b"hi\n".to_vec(), [b"x", &file[..]].concat()] {
        let error = refusal(other).unwrap_err();
        assert!(matches!(error, VerifyError::FirstMember(_)), "{error:?}");
        assert!(!error.is_damage());
    }
}

#[test]
fn a_bundle_that_changes_while_it_is_copied_is_noticed() {
    let (bytes, _, starts) = with_payload();
    let [_, small, _, payload, ..] = starts[..] else {
        panic!("{starts:?}");
    };
    for changed in [None, Some(small + 20), Some(payload + 800)] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut same_file = file.try_clone().unwrap();
        let bundle = Bundle::open(file).unwrap().into_public().unwrap();
        let signature = author(2)
            .sign(Namespace::Bundle, bundle.index_bytes())
            .unwrap();
        if let Some(at) = changed {
            same_file.seek(SeekFrom::Start(at as u64)).unwrap();
            same_file.write_all(&[!bytes[at]]).unwrap();
        }
        let result = with_signature(bundle, signature, &mut Vec::new());
        match changed {
            None => result.unwrap(),
            Some(at) => assert!(matches!(result, Err(WriteError::SourceChanged)), "{at}"),
        }
    }
}

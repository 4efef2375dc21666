//! No bytes make the reader panic, and no changed bytes are accepted.

use std::io::Cursor;
use std::sync::LazyLock;

use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::Identities;
use proptest::prelude::*;

use crate::raw::{Item, gzip, members, plain, stored};
use crate::support::{admit, draft, identity, write};

static GOOD: LazyLock<(Vec<u8>, Identities, usize)> = LazyLock::new(|| {
    let (identities, recipient) = identity();
    let (file, _) = write(draft(true), &[recipient]);
    let later = file.len() - members(&file)[0].len();
    (file, identities, later)
});

/// Opens in every way; the answer does not matter.
fn open(file: &[u8]) {
    let bundle = || Bundle::open(Cursor::new(file.to_vec()));
    let _ = bundle().and_then(Bundle::into_intact);
    let _ = admit(file, &GOOD.1);
}

/// One change of a file.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 1..600_usize).prop_map(|(at, size)| Change::Remove(at, size)),
        (at(), 1..600_usize).prop_map(|(at, size)| Change::Repeat(at, size)),
        (at(), prop::collection::vec(any::<u8>(), 1..600))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let range = |at: &prop::sample::Index, size: usize| {
        let start = at.index(bytes.len());
        start..bytes.len().min(start + size)
    };
    match change {
        Change::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Remove(at, size) => {
            let range = range(at, *size);
            bytes.drain(range);
        }
        Change::Repeat(at, size) => {
            let range = range(at, *size);
            let part = bytes[range.clone()].to_vec();
            bytes.splice(range.start..range.start, part);
        }
        Change::Insert(at, inserted) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, inserted.iter().copied());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(admit(&bytes, &GOOD.1).is_err());
        open(&bytes);
    }

    #[test]
    fn arbitrary_bytes_in_a_good_first_frame_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let file = stored(&bytes);
        prop_assert!(admit(&file, &GOOD.1).is_err());
        open(&file);
        let index = stored(&plain(&[Item::new("kubeplan.json", &bytes)]));
        open(&[index, gzip(&bytes)].concat());
    }

    #[test]
    fn a_changed_bundle_is_refused(changes in prop::collection::vec(change(), 1..4)) {
        let good = &GOOD.0;
        let mut bad = good.clone();
        for change in &changes {
            apply(&mut bad, change);
        }
        open(&bad);
        prop_assert_eq!(admit(&bad, &GOOD.1).is_ok(), bad == *good);
    }

    #[test]
    fn a_changed_first_member_is_refused_with_a_right_checksum_too(changes in prop::collection::vec(change(), 1..4)) {
        let (good, identities, later) = &*GOOD;
        let (first, rest) = good.split_at(good.len() - later);
        let mut inside = Vec::new();
        std::io::Read::read_to_end(&mut flate2::bufread::GzDecoder::new(first), &mut inside).unwrap();
        for change in &changes {
            apply(&mut inside, change);
        }
        let bad = [stored(&inside), rest.to_vec()].concat();
        open(&bad);
        prop_assert_eq!(admit(&bad, identities).is_ok(), bad == *good);
    }
}

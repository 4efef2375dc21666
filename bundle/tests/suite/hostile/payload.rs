//! Payload that is not what the index says.

use std::io::Write as _;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{EntryName, Member};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::verify::VerifyError;

use crate::raw::{END, Item, assemble, gzip, plain};
use crate::support::{admit, author, chain, draft, identity, now, policy, write};

#[test]
fn a_payload_that_is_not_what_the_index_says_is_refused_when_read() {
    use kubeplan_bundle::writer::DraftEntry;
    use std::io::Read as _;
    let (identities, _) = identity();
    let mut plan = draft(false);
    let name: EntryName = "payload/a".parse().unwrap();
    plan.entries.push(DraftEntry::payload(
        crate::support::phase(),
        name.clone(),
        Box::new(b"some image".to_vec()),
    ));
    let (file, written) = write(plan, &[]);
    let last = written.index.members[1].size as usize;
    let second = written.index.members[0].size as usize;
    let small = &file[file.len() - last - second..file.len() - last];
    let read = |content: &[u8], end: &[u8]| {
        let member = gzip(&[plain(&[Item::new("payload/a", content)]), end.to_vec()].concat());
        let mut index = written.index.clone();
        index.members[1] = Member {
            size: member.len() as u64,
            sha256: Sha256Digest::of(&member),
        };
        let bytes = index.to_bytes().unwrap();
        let file = assemble(&bytes, &[&author(1)], &[small, &member]);
        let (mut bundle, _) = admit(&file, &identities).unwrap();
        let mut out = Vec::new();
        let result = match bundle.payload(&name) {
            Ok(mut reader) => reader
                .read_to_end(&mut out)
                .map(|_| ())
                .map_err(|error| chain(error.get_ref().unwrap())),
            Err(error) => Err(chain(&error)),
        };
        // A program that only verifies comes to the same verdict.
        assert_eq!(bundle.check_payloads().is_ok(), result.is_ok());
        (out, result)
    };
    assert_eq!(read(b"some image", &END), (b"some image".to_vec(), Ok(())));
    for (content, end, expected) in [
        (&b"evil image"[..], &END[..], "chunk 0"),
        (b"another image", &END, "its header declares 13 bytes"),
        (b"some image", &END[..512], "exactly two"),
        (b"some image", b"", "exactly two"),
    ] {
        let (out, result) = read(content, end);
        assert!(out.is_empty());
        let text = result.unwrap_err();
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_bundle_that_changes_after_it_was_verified_gives_no_other_payload() {
    use kubeplan_bundle::writer::DraftEntry;
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut plan = draft(false);
    let name: EntryName = "payload/a".parse().unwrap();
    plan.entries.push(DraftEntry::payload(
        crate::support::phase(),
        name.clone(),
        Box::new(b"some image".repeat(100)),
    ));
    let (bytes, _) = write(plan, &[]);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let mut same_file = file.try_clone().unwrap();
    let mut bundle = Bundle::open(file)
        .unwrap()
        .into_trusted(&policy(), now())
        .unwrap();
    let mut out = Vec::new();
    bundle
        .payload(&name)
        .unwrap()
        .read_to_end(&mut out)
        .unwrap();
    assert_eq!(out.len(), 1000);
    same_file.seek(SeekFrom::End(-40)).unwrap();
    same_file.write_all(b"xxxxxxxxxxxxxxxxxxxxxxxxxxx").unwrap();
    let mut out = Vec::new();
    let result = bundle
        .payload(&name)
        .map_err(|_| ())
        .and_then(|mut reader| reader.read_to_end(&mut out).map_err(|_| ()));
    assert!(result.is_err() && out.is_empty());
    same_file.set_len(20).unwrap();
    assert!(matches!(
        bundle.payload(&name),
        Err(VerifyError::Payload(_))
    ));
}

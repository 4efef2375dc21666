//! Payload that is not what the index says.

use std::io::Write as _;

use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::verify::VerifyError;

use crate::raw::{Item, assemble, gzip, members, plain, stored};
use crate::support::{admit, author, chain, draft, identity, now, policy, write};

#[test]
fn a_payload_that_is_not_what_the_index_says_is_refused() {
    use kubeplan_bundle::writer::DraftEntry;
    let (identities, _) = identity();
    let mut plan = draft(false);
    let name: EntryName = "payload/a".parse().unwrap();
    plan.entries.push(DraftEntry::payload(
        crate::support::phase(),
        name,
        Box::new(b"some image".to_vec()),
    ));
    let (file, written) = write(plan, &[]);
    let parts = members(&file);
    let read = |member: &[u8]| {
        let file = assemble(
            &written.index_bytes,
            &[&author(1)],
            &[parts[1], member, parts[3]],
        );
        admit(&file, &identities)
            .map(|_| ())
            .map_err(|error| chain(&error))
    };
    let member = |content: &[u8]| stored(&plain(&[Item::new("payload/a", content)]));
    assert_eq!(read(&member(b"some image")), Ok(()));
    let mut last = member(b"some image");
    *last.last_mut().unwrap() ^= 1;
    let other = stored(&plain(&[Item::new("payload/b", b"some image")]));
    let mut padded = Item::new("payload/a", b"some image");
    padded.padding = 1;
    for (bad, expected) in [
        (member(b"evil image"), "chunk 0"),
        (member(b"other image"), "its header declares 11 bytes"),
        (last, "checksum or size"),
        (other, "`payload/b`, which is not in the index"),
        (stored(&plain(&[padded])), "padding"),
        (gzip(&plain(&[Item::new("payload/a", b"some image")])), ""),
        (Vec::new(), "truncated"),
    ] {
        let text = read(&bad).unwrap_err();
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
    same_file.seek(SeekFrom::End(-1047 - 40)).unwrap();
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

//! Wrong signatures and approvals, and how they are packed.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Member;
use kubeplan_bundle::signature::Namespace;
use tar::EntryType;

use super::World;
use crate::raw::{Item, gzip, plain, stored};
use crate::support::{admit, author};

/// Who signed, and how the signatures are packed.
#[test]
fn hostile_signatures_are_refused() {
    let world = World::new();
    let raw = &world.raw;
    let (member, later) = (raw.member(), raw.later());
    let mut index = raw.index.clone();
    index.members[0] = Member {
        size: member.len() as u64,
        sha256: Sha256Digest::of(&member),
    };
    let bytes = index.to_bytes().unwrap();
    let file_of = |items: &[Item]| {
        let index = Item::new("kubeplan.json", &bytes);
        let all = [&[index], items].concat();
        [stored(&plain(&all)), member.clone(), later.clone()].concat()
    };
    let signature = |seed: u8, namespace, message: &[u8]| {
        let signature = author(seed).sign(namespace, message).unwrap();
        let name = format!(
            "signatures/{}.sig",
            author(seed).public().fingerprint().hex()
        );
        Item::new(&name, signature.to_armored().as_bytes())
    };
    let good = signature(1, Namespace::Bundle, &bytes);
    let named_after = |seed: u8, item: &Item| {
        let name = format!(
            "signatures/{}.sig",
            author(seed).public().fingerprint().hex()
        );
        Item::new(&name, &item.content)
    };
    let rearmored = {
        let text = String::from_utf8(good.content.clone()).unwrap();
        let name = good.name();
        Item::new(&name, text.replace('\n', "\r\n").as_bytes())
    };
    let both = {
        let mut items = vec![good.clone(), signature(3, Namespace::Bundle, b"other")];
        items.sort_by_key(Item::name);
        items
    };
    let many: Vec<Item> = {
        let mut items: Vec<Item> = (1..=33)
            .map(|seed| signature(seed, Namespace::Bundle, &bytes))
            .collect();
        items.sort_by_key(Item::name);
        items
    };
    let name = |seed: u8| author(seed).public().fingerprint().hex();
    let approval = |json: &[u8], sig: &[u8]| {
        vec![
            good.clone(),
            Item::new(&format!("approvals/{}.json", name(9)), json),
            Item::new(&format!("approvals/{}.sig", name(9)), sig),
        ]
    };
    let statement = b"{\"no\":\"statement\"}\n";
    let over = |message: &[u8]| {
        author(9)
            .sign(Namespace::Approval, message)
            .unwrap()
            .to_armored()
            .into_bytes()
    };
    let unordered = {
        let mut items = vec![good.clone(), signature(2, Namespace::Bundle, &bytes)];
        items.sort_by_key(Item::name);
        items.reverse();
        items
    };
    assert!(admit(&file_of(std::slice::from_ref(&good)), &world.identities).is_ok());
    let most: Vec<Item> = many
        .iter()
        .filter(|item| item.name() != named_after(2, item).name())
        .cloned()
        .collect();
    assert_eq!(most.len(), 32);
    assert!(admit(&file_of(&most), &world.identities).is_ok());
    let cases: &[(&str, Vec<Item>, &str)] = &[
        ("unsigned", vec![], "the bundle is not signed"),
        (
            "wrong key",
            vec![signature(3, Namespace::Bundle, &bytes)],
            "the bundle is not trusted",
        ),
        (
            "reviewer's key",
            vec![signature(9, Namespace::Bundle, &bytes)],
            "the bundle is not trusted",
        ),
        (
            "another namespace",
            vec![signature(1, Namespace::Approval, &bytes)],
            "namespace",
        ),
        (
            "another message",
            vec![signature(1, Namespace::Bundle, b"other")],
            "does not verify",
        ),
        ("one good, one bad", both, "is refused"),
        (
            "under another name",
            vec![named_after(2, &good)],
            "is named after another key",
        ),
        ("other line ends", vec![rearmored], "is refused"),
        ("twice", vec![good.clone(), good.clone()], "a second time"),
        ("out of order", unordered, "canonical form"),
        ("too many", many.clone(), "the number of signatures is 33"),
        (
            "too long",
            vec![Item::new(&good.name(), &vec![b'x'; 16 * 1024 + 1])],
            "is 16385, at most 16384",
        ),
        (
            "approval with a bad signature",
            approval(statement, &over(b"other")),
            "is refused",
        ),
        (
            "trusted reviewer's approval that is none",
            approval(statement, &over(statement)),
            "is refused",
        ),
        (
            "link among the signatures",
            vec![good.clone().with(|header| {
                header.set_entry_type(EntryType::Symlink);
                header.set_link_name("/etc/shadow").unwrap();
            })],
            "symbolic link",
        ),
        (
            "file among the signatures",
            vec![Item::new("files/etc/x", b"x"), good.clone()],
            "not in the index",
        ),
    ];
    for (title, items, expected) in cases {
        let text = world.refusal(&file_of(items));
        assert!(
            text.contains(expected),
            "{title}: expected `{expected}`: {text}"
        );
    }
    let compressed = {
        let all = [Item::new("kubeplan.json", &bytes), good];
        [gzip(&plain(&all)), member].concat()
    };
    world.check(&compressed, "canonical form");
}

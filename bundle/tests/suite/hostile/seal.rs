//! Wrong seals, and twins and public keys that lie about what is sealed.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Content, EntryName, Index, Name, SealedPart};
use kubeplan_bundle::seal::{CommitKey, CommitSalt, SealInput, seal};
use kubeplan_bundle::secret::SecretBytes;

use super::{TWIN, World};
use crate::raw::{Item, Raw};
use crate::support::{CA_KEY, KEY, OTHER_KEY, TOKEN, TOKEN_TEXT, admit, identity};

/// What an author may put into a seal, and how the raw bundle then looks.
struct Sealing {
    node: Name,
    cluster: Sha256Digest,
    contents: BTreeMap<EntryName, (SecretBytes, CommitKey)>,
}

impl Sealing {
    /// As it should be.
    fn of(index: &Index) -> Self {
        let salt = CommitSalt::new(SecretBytes::new(vec![3; 32])).unwrap();
        let secret = |name: &str, bytes: &[u8]| {
            let name: EntryName = name.parse().unwrap();
            let key = salt.key_for(&index.cluster.id, &index.node.name, &name);
            (name, (SecretBytes::new(bytes.to_vec()), key))
        };
        Self {
            node: index.node.name.clone(),
            cluster: index.cluster.id,
            contents: [secret(KEY, CA_KEY), secret(TOKEN, TOKEN_TEXT)].into(),
        }
    }

    fn build(&self, world: &World, raw: &Raw) -> Vec<u8> {
        let input = SealInput {
            node: &self.node,
            cluster_id: &self.cluster,
            entries: self
                .contents
                .iter()
                .map(|(name, (bytes, key))| (name.clone(), bytes, key.clone()))
                .collect(),
        };
        let sealed = seal(&input, std::slice::from_ref(&world.recipient)).unwrap();
        world.sign(&with_sealed(raw, &sealed))
    }
}

fn with_sealed(raw: &Raw, sealed: &[u8]) -> Raw {
    let mut raw = raw.clone();
    let recipients = raw.index.sealed.as_ref().unwrap().recipients.clone();
    raw.index.sealed = Some(SealedPart {
        size: sealed.len() as u64,
        sha256: Sha256Digest::of(sealed),
        recipients,
    });
    raw.sealed = vec![Item::new("sealed.age", sealed)];
    raw
}

#[test]
fn hostile_seals_are_refused() {
    type Change = fn(&mut Sealing);
    let world = World::new();
    let index = &world.raw.index;
    let file = Sealing::of(index).build(&world, &world.raw);
    assert!(admit(&file, &world.identities).is_ok());
    fn content(sealing: &mut Sealing, name: &str, bytes: &[u8]) {
        sealing.contents.get_mut(&name.parse().unwrap()).unwrap().0 =
            SecretBytes::new(bytes.to_vec());
    }
    let cases: &[(&str, &str, Change)] = &[
        ("another node", "made for another node (`m`", |s| {
            s.node = "m".parse().unwrap();
        }),
        ("another cluster", "made for another cluster", |s| {
            s.cluster = Sha256Digest::of(b"another");
        }),
        ("missing entry", "is missing from the sealed part", |s| {
            s.contents.remove(&TOKEN.parse().unwrap());
        }),
        ("one entry more", "which the index does not name", |s| {
            let (bytes, key) = s.contents[&TOKEN.parse().unwrap()].clone();
            let other = "files/etc/other".parse().unwrap();
            s.contents.insert(other, (bytes, key));
        }),
        ("another secret", "does not match its commitment", |s| {
            content(s, TOKEN, b"{\"auths\":{}}\n");
        }),
        (
            "another private key",
            "does not match its commitment",
            |s| {
                content(s, KEY, OTHER_KEY);
            },
        ),
        ("another commit key", "does not match its commitment", |s| {
            let key = s.contents[&KEY.parse().unwrap()].1.clone();
            s.contents.get_mut(&TOKEN.parse().unwrap()).unwrap().1 = key;
        }),
    ];
    for (title, expected, change) in cases {
        let mut sealing = Sealing::of(index);
        change(&mut sealing);
        let text = world.refusal(&sealing.build(&world, &world.raw));
        assert!(
            text.contains(expected),
            "{title}: expected `{expected}`: {text}"
        );
    }
    let garbage = world.sign(&with_sealed(&world.raw, b"no age file"));
    world.check(&garbage, "the sealed part is refused");
}

/// The commitment is right, and what reviewers saw is not what is sealed.
#[test]
fn a_twin_or_a_public_key_that_lies_is_refused() {
    let world = World::new();
    fn sealed_content<'a>(
        index: &'a mut Index,
        name: &str,
    ) -> &'a mut kubeplan_bundle::index::SealedContent {
        let entry = index
            .entries
            .iter_mut()
            .find(|entry| entry.name.as_str() == name)
            .unwrap();
        match &mut entry.content {
            Content::Sealed(sealed) => sealed,
            _ => panic!("not sealed"),
        }
    }
    let mut raw = world.raw.clone();
    let lie = b"nothing to see\n";
    let twin = &mut sealed_content(&mut raw.index, KEY).twin;
    twin.size = lie.len() as u64;
    twin.sha256 = Sha256Digest::of(lie);
    *raw.item(TWIN) = Item::new(TWIN, lie);
    world.check(&world.sign(&raw), "does not match the sealed content");

    let mut raw = world.raw.clone();
    sealed_content(&mut raw.index, KEY).spki = Some(Sha256Digest::of(b"another key"));
    world.check(&world.sign(&raw), "does not belong to the public key");

    let salt = CommitSalt::new(SecretBytes::new(vec![3; 32])).unwrap();
    let name: EntryName = KEY.parse().unwrap();
    let key = salt.key_for(
        &world.raw.index.cluster.id,
        &world.raw.index.node.name,
        &name,
    );
    for (bytes, expected) in [
        (&b"no key\n"[..], "is not valid for its class"),
        (
            b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
            "is refused",
        ),
        (
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "is not valid for its class",
        ),
    ] {
        let mut raw = world.raw.clone();
        sealed_content(&mut raw.index, KEY).commit = key.commit(bytes);
        let mut sealing = Sealing::of(&world.raw.index);
        sealing.contents.get_mut(&name).unwrap().0 = SecretBytes::new(bytes.to_vec());
        world.check(&sealing.build(&world, &raw), expected);
    }
}

/// The seal is for one more recipient than reviewers are told.
#[test]
fn an_unnamed_recipient_is_refused() {
    let world = World::new();
    let index = &world.raw.index;
    let sealing = Sealing::of(index);
    let input = SealInput {
        node: &sealing.node,
        cluster_id: &sealing.cluster,
        entries: sealing
            .contents
            .iter()
            .map(|(name, (bytes, key))| (name.clone(), bytes, key.clone()))
            .collect(),
    };
    let (_, stranger) = identity();
    let named = seal(&input, std::slice::from_ref(&world.recipient)).unwrap();
    assert!(
        admit(
            &world.sign(&with_sealed(&world.raw, &named)),
            &world.identities
        )
        .is_ok()
    );
    let unnamed = seal(&input, &[world.recipient.clone(), stranger]).unwrap();
    world.check(
        &world.sign(&with_sealed(&world.raw, &unnamed)),
        "for 2 recipients, the index names 1",
    );
}

/// Content of a class that its twin cannot show, with the right commitment and whatever twin its author likes.
#[test]
fn content_that_cannot_be_reviewed_is_refused() {
    let world = World::new();
    let pod = b"apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n";
    let salt = CommitSalt::new(SecretBytes::new(vec![3; 32])).unwrap();
    let lines = String::from_utf8(CA_KEY.to_vec())
        .unwrap()
        .replacen("\nM", "\n[Service]\nM", 1);
    for (at, bytes) in [
        (KEY, pod.as_slice()),
        (KEY, lines.as_bytes()),
        (KEY, &[CA_KEY, pod].concat()),
        (TOKEN, pod),
        (TOKEN, b"{\"auths\":{},\"credsStore\":\"x\"}\n"),
        (TOKEN, b"{\"auths\":{},\"auths\":{}}\n"),
    ] {
        let name: EntryName = at.parse().unwrap();
        let key = salt.key_for(
            &world.raw.index.cluster.id,
            &world.raw.index.node.name,
            &name,
        );
        let mut raw = world.raw.clone();
        for entry in raw.index.entries.iter_mut() {
            if let Content::Sealed(sealed) = &mut entry.content
                && entry.name == name
            {
                sealed.commit = key.commit(bytes);
            }
        }
        let mut sealing = Sealing::of(&world.raw.index);
        sealing.contents.get_mut(&name).unwrap().0 = SecretBytes::new(bytes.to_vec());
        world.check(&sealing.build(&world, &raw), "is not valid for its class");
    }
}

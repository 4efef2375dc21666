//! What is written is what is read, and equal plans give equal plans.

use std::io::{Cursor, Read as _};

use kubeplan_bundle::approval::{Approval, ApprovalStatement};
use kubeplan_bundle::index::{EntryName, Hole, SecretClass};
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::signature::Namespace;
use kubeplan_bundle::step::{ApplyObjects, Step};
use kubeplan_bundle::verify::VerifyError;
use kubeplan_bundle::writer::{
    Draft, DraftContent, DraftEntry, WriteError, public_part, with_approval, with_signature,
};

use crate::raw;
use crate::support::{
    CA_KEY, CERTIFICATE, KEY, OTHER_KEY, TOKEN, TOKEN_TEXT, admit, author, chain, draft, identity,
    now, phase, placement, policy, policy_with, secret, write,
};

fn name(text: &str) -> EntryName {
    text.parse().unwrap()
}

/// Adds a file to the draft and its transaction.
fn add_file(draft: &mut Draft, path: &str, mode: FileMode, content: DraftContent) {
    let entry = DraftEntry::file(phase(), placement(path, mode), content);
    draft.transactions[0].entries.push(entry.name.clone());
    draft.entries.push(entry);
}

fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n % 253) as u8).collect()
}

const SECRET: &[u8] =
    b"apiVersion: v1\ndata:\n  expiration: <hole:token-expiry>\n  token-secret: MDEyMzQ1Njc4OQ==\nkind: Secret\n";

fn token_expiry() -> Hole {
    Hole::TokenExpiry {
        at: "data/expiration".parse().unwrap(),
        ttl: "24h0m0s".parse().unwrap(),
    }
}

/// A public object, a sealed one with a hole, and the step that applies both.
fn add_objects(draft: &mut Draft) {
    let config_map = DraftContent::Public(b"kind: ConfigMap\n".to_vec());
    let mut token = DraftEntry::object(
        phase(),
        name("objects/02-b.yaml"),
        secret(SecretClass::SecretObject, SECRET),
    );
    token.holes.push(token_expiry());
    let entries = [
        DraftEntry::object(phase(), name("objects/01-a.yaml"), config_map),
        token,
    ];
    draft.steps.push(Step::ApplyObjects(ApplyObjects {
        phase: phase(),
        entries: entries.iter().map(|entry| entry.name.clone()).collect(),
        fallback_kubeconfig: None,
    }));
    draft.api = Some(kubeplan_bundle::index::Api {
        kubeconfig: "/etc/kubernetes/admin.conf".parse().unwrap(),
        server: "https://10.0.0.10:6443".into(),
        timeout_seconds: 60,
    });
    draft.entries.extend(entries);
}

#[test]
fn a_hole_without_placeholder_and_a_placeholder_without_hole_are_refused() {
    type Break = fn(&mut DraftEntry);
    let cases: &[(bool, Break)] = &[
        (true, |_| {}),
        (false, |entry| entry.holes.clear()),
        (false, |entry| {
            entry.holes.push(Hole::TokenExpiry {
                at: "data/other".parse().unwrap(),
                ttl: "1s".parse().unwrap(),
            })
        }),
        (false, |entry| {
            entry.content = DraftContent::Public(b"kind: Secret\n".to_vec())
        }),
    ];
    for (position, (accepted, change)) in cases.iter().enumerate() {
        let mut draft = draft(true);
        add_objects(&mut draft);
        change(draft.entries.last_mut().unwrap());
        let prepared = draft.prepare();
        assert_eq!(prepared.is_ok(), *accepted, "case {position}");
        if let Err(error) = prepared {
            assert!(error.to_string().contains("placeholders"), "{error}");
        }
    }
}

#[test]
fn everything_that_is_written_is_read() {
    let (identities, recipient) = identity();
    let long = format!("/etc/{}/{}", "d".repeat(95), "f".repeat(95));
    let big = payload(9 * 1024 * 1024 + 17);
    let mut draft = draft(true);
    add_file(
        &mut draft,
        &long,
        FileMode::PUBLIC,
        DraftContent::Public(vec![7; 70_000]),
    );
    let kubeconfig = b"apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    client-key-data: c2VjcmV0c2VjcmV0\n";
    add_file(
        &mut draft,
        "/etc/kubernetes/admin.conf",
        FileMode::PRIVATE,
        secret(SecretClass::Kubeconfig, kubeconfig),
    );
    add_objects(&mut draft);
    for (item, bytes) in [("payload/a", big.clone()), ("payload/b", vec![])] {
        draft
            .entries
            .push(DraftEntry::payload(phase(), name(item), Box::new(bytes)));
    }
    let (file, written) = write(draft, &[recipient]);
    let (mut bundle, unsealed) = admit(&file, &identities).unwrap();
    assert_eq!(*bundle.index(), written.index);
    assert_eq!(bundle.index_bytes(), written.index_bytes);
    assert_eq!(bundle.index().members.len(), 1);
    assert_eq!(
        bundle.index().requires,
        [
            "format:parts/1",
            "hole:token-expiry/1",
            "payload:chunks/1",
            "step:apply-objects/1",
            "step:commit-transaction/1"
        ]
    );
    assert_eq!(bundle.trust().authors[0].principal, "alice");
    assert_eq!(
        bundle.public(&name(CERTIFICATE)),
        Some(&b"a certificate\n"[..])
    );
    assert_eq!(
        bundle.public(&name(&format!("files{long}"))).unwrap().len(),
        70_000
    );
    let twin = String::from_utf8(
        bundle
            .public(&name("redacted/files/etc/kubernetes/admin.conf"))
            .unwrap()
            .to_vec(),
    )
    .unwrap();
    assert!(twin.contains("name: admin") && !twin.contains("c2VjcmV0"));
    assert!(bundle.public(&name(TOKEN)).is_none());
    assert_eq!(unsealed.content(&name(TOKEN)).unwrap().expose(), TOKEN_TEXT);
    assert_eq!(unsealed.content(&name(KEY)).unwrap().expose(), CA_KEY);
    let twin = bundle.public(&name("redacted/objects/02-b.yaml")).unwrap();
    assert_eq!(
        twin,
        b"apiVersion: v1\ndata:\n  expiration: <hole:token-expiry>\n  token-secret: <sealed>\nkind: Secret\n"
    );
    assert_eq!(
        unsealed
            .content(&name("objects/02-b.yaml"))
            .unwrap()
            .expose(),
        SECRET
    );
    let entry = bundle.index().entry(&name("objects/02-b.yaml")).unwrap();
    assert_eq!(entry.holes, [token_expiry()]);
    assert_eq!(unsealed.names().count(), 4);
    for (item, bytes) in [("payload/b", vec![]), ("payload/a", big)] {
        let mut out = Vec::new();
        let mut reader = bundle.payload(&name(item)).unwrap();
        assert_eq!(reader.size(), bytes.len() as u64);
        reader.read_to_end(&mut out).unwrap();
        assert!(out == bytes, "{item}");
    }
    assert!(matches!(
        bundle.payload(&name("payload/c")),
        Err(VerifyError::NoPayload { .. })
    ));
}

#[test]
fn equal_drafts_are_equal_but_for_the_sealed_bytes() {
    let (_, recipient) = identity();
    let one = draft(true).prepare().unwrap();
    let two = draft(true).prepare().unwrap();
    assert_eq!(one.plan_digest(), two.plan_digest());
    assert_eq!(one.public(), two.public());
    assert_eq!(one.entries(), two.entries());
    let (file_one, mut index_one) = write(draft(true), std::slice::from_ref(&recipient));
    let (file_two, mut index_two) = write(draft(true), &[recipient]);
    assert_ne!(file_one, file_two, "age is randomised");
    for written in [&mut index_one, &mut index_two] {
        let sealed = written.index.sealed.as_mut().unwrap();
        sealed.sha256 = kubeplan_bundle::digest::Sha256Digest::of(b"");
        // age adds a stanza of random size that no key opens, so that parsers must accept unknown stanzas.
        sealed.size = 0;
        written.index.members.clear();
    }
    assert_eq!(index_one.index, index_two.index);
}

#[test]
fn a_bundle_without_secrets_has_no_sealed_part_and_is_the_same_every_time() {
    let (identities, _) = identity();
    let (one, written) = write(draft(false), &[]);
    let (two, _) = write(draft(false), &[]);
    assert_eq!(one, two);
    assert!(written.index.sealed.is_none());
    let (bundle, unsealed) = admit(&one, &identities).unwrap();
    assert!(bundle.sealed().is_none());
    assert_eq!(unsealed.names().count(), 0);
}

#[test]
fn secrets_need_a_recipient() {
    let mut out = Vec::new();
    let error = draft(true)
        .prepare()
        .unwrap()
        .write(1, &[], &[], &mut out)
        .unwrap_err();
    assert!(matches!(error, WriteError::Seal(_)));
    assert!(out.is_empty());
}

#[test]
fn a_private_key_is_tied_to_its_public_half() {
    let with_spki = |spki| {
        let mut draft = draft(true);
        for entry in &mut draft.entries {
            if entry.name.as_str() == KEY {
                entry.content = DraftContent::Secret {
                    class: SecretClass::PrivateKey,
                    bytes: kubeplan_bundle::secret::SecretBytes::new(CA_KEY.to_vec()),
                    spki: Some(spki),
                };
            }
        }
        draft.prepare().map(|prepared| prepared.plan_digest())
    };
    let right = kubeplan_bundle::spki::of_private_key(CA_KEY).unwrap();
    let wrong = kubeplan_bundle::spki::of_private_key(OTHER_KEY).unwrap();
    assert_eq!(
        with_spki(right).unwrap(),
        draft(true).prepare().unwrap().plan_digest()
    );
    assert!(matches!(with_spki(wrong), Err(WriteError::Spki { .. })));
}

#[test]
fn drafts_that_contradict_themselves_are_refused() {
    type Change = fn(&mut Draft);
    let cases: &[(&str, Change)] = &[
        ("committed by a step", |d| d.steps.clear()),
        ("in a transaction", |d| d.transactions[0].entries.clear()),
        ("applyAfter", |d| d.apply_before = d.apply_after),
        ("the name does not fit", |d| {
            d.entries[1].name = "files/etc/other".parse().unwrap();
            d.transactions[0].entries[1] = "files/etc/other".parse().unwrap();
        }),
        ("content does not fit the kind", |d| {
            d.entries[1].content = DraftContent::Directory;
        }),
        ("payload source", |d| {
            d.entries[1].content = DraftContent::Payload(Box::new(vec![]));
        }),
        ("at most 255 bytes", |d| {
            let long = format!("/{}/{}/{}", "a".repeat(80), "b".repeat(100), "c".repeat(45));
            add_file(d, &long, FileMode::PUBLIC, DraftContent::Public(vec![]));
        }),
        ("is 16777217, at most 16777216", |d| {
            d.entries[1].content = DraftContent::Public(vec![0; 16 * 1024 * 1024 + 1]);
        }),
        ("cannot be redacted", |d| {
            d.entries[1].content = secret(SecretClass::PrivateKey, b"no key\n");
        }),
        ("cannot be redacted", |d| {
            let text = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
            d.entries[1].content = secret(SecretClass::PrivateKey, text.as_bytes());
        }),
        ("is not a valid private key", |d| {
            let text = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
            d.entries[1].content = secret(SecretClass::PrivateKey, text.as_bytes());
        }),
    ];
    assert!(draft(true).prepare().is_ok());
    for (expected, change) in cases {
        let mut draft = draft(true);
        change(&mut draft);
        let Err(error) = draft.prepare() else {
            panic!("{expected}: accepted");
        };
        let text = chain(&error);
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn an_unsigned_bundle_can_be_looked_at_and_is_not_trusted() {
    let mut file = Vec::new();
    draft(false)
        .prepare()
        .unwrap()
        .write(7, &[], &[], &mut file)
        .unwrap();
    let open = || Bundle::open(Cursor::new(file.clone())).unwrap();
    let intact = open().into_intact().unwrap();
    assert!(intact.signatures().is_empty());
    assert_eq!(intact.index().serial, 7);
    assert!(matches!(
        open().into_judged(&policy(), now()),
        Err(VerifyError::Untrusted(_))
    ));
    assert!(matches!(
        open().into_trusted(&policy(), now()),
        Err(VerifyError::Untrusted(_))
    ));
}

#[test]
fn signatures_and_approvals_are_added_and_the_rest_is_copied() {
    let (identities, recipient) = identity();
    let mut draft = draft(true);
    draft.entries.push(DraftEntry::payload(
        phase(),
        name("payload/a"),
        Box::new(payload(100_000)),
    ));
    let (file, written) = write(draft, &[recipient]);
    let readable = |file: &[u8]| {
        Bundle::open(Cursor::new(file.to_vec()))
            .unwrap()
            .into_public()
            .unwrap()
    };
    let signature = |seed: u8| {
        author(seed)
            .sign(Namespace::Bundle, &written.index_bytes)
            .unwrap()
    };
    let mut signed = Vec::new();
    with_signature(readable(&file), signature(2), &mut signed).unwrap();
    let later = |file: &[u8]| raw::members(file)[1..].concat();
    assert_eq!(later(&signed), later(&file));
    assert_eq!(readable(&signed).signatures().len(), 2);

    let statement = ApprovalStatement::new(&written.index_bytes, "fine", now()).unwrap();
    let approval = || Approval::sign(&statement, &author(9)).unwrap();
    let mut approved = Vec::new();
    with_approval(readable(&signed), approval(), &mut approved).unwrap();
    let open = |file: &[u8]| Bundle::open(Cursor::new(file.to_vec())).unwrap();
    let strict = policy_with(2, 1);
    let trusted = open(&approved).into_trusted(&strict, now()).unwrap();
    assert_eq!(trusted.trust().authors.len(), 2);
    assert_eq!(trusted.trust().approvals[0].principal, "rita");
    assert_eq!(trusted.approvals().len(), 1);
    trusted.unseal(&identities).unwrap();
    for less in [&file, &signed] {
        assert!(open(less).into_trusted(&strict, now()).is_err());
    }

    let mut out = Vec::new();
    assert!(matches!(
        with_signature(readable(&file), signature(1), &mut out),
        Err(WriteError::AlreadySigned(_))
    ));
    let foreign = author(2).sign(Namespace::Bundle, b"other").unwrap();
    assert!(matches!(
        with_signature(readable(&file), foreign, &mut out),
        Err(WriteError::Signature { .. })
    ));
    let other_namespace = author(2)
        .sign(Namespace::Approval, &written.index_bytes)
        .unwrap();
    assert!(matches!(
        with_signature(readable(&file), other_namespace, &mut out),
        Err(WriteError::Signature { .. })
    ));
    assert!(matches!(
        with_approval(readable(&approved), approval(), &mut out),
        Err(WriteError::AlreadyApproved(_))
    ));
    let other = ApprovalStatement::new(b"other", "fine", now()).unwrap();
    assert!(matches!(
        with_approval(
            readable(&file),
            Approval::sign(&other, &author(9)).unwrap(),
            &mut out
        ),
        Err(WriteError::OtherApproval { .. })
    ));
    assert!(out.is_empty());
}

#[test]
fn a_public_part_holds_everything_but_the_seal_and_cannot_be_trusted() {
    let (identities, recipient) = identity();
    let mut draft = draft(true);
    draft.entries.push(DraftEntry::payload(
        phase(),
        name("payload/a"),
        Box::new(payload(100_000)),
    ));
    let (file, written) = write(draft, &[recipient]);
    let open = |file: &[u8]| Bundle::open(Cursor::new(file.to_vec())).unwrap();
    let whole = open(&file).into_public().unwrap();
    assert!(!whole.is_public_part());
    let mut part = Vec::new();
    public_part(whole, &mut part).unwrap();
    let members = raw::members(&file);
    let [first, small, sealed, item, end] = members[..] else {
        panic!("{} members", members.len());
    };
    assert_eq!(part, [first, small, item, end].concat());
    assert_eq!(part.len() + sealed.len(), file.len());

    let (mut public, trust) = open(&part).into_judged(&policy(), now()).unwrap();
    assert!(public.is_public_part() && public.sealed().is_none());
    assert_eq!(trust.authors[0].principal, "alice");
    assert_eq!(*public.index(), written.index);
    assert!(public.public(&name(CERTIFICATE)).is_some());
    let mut out = Vec::new();
    let mut reader = public.payload(&name("payload/a")).unwrap();
    reader.read_to_end(&mut out).unwrap();
    assert!(out == payload(100_000));
    for refused in [
        open(&part).into_trusted(&policy(), now()).map(|_| ()),
        open(&part).into_intact().map(|_| ()),
    ] {
        assert!(matches!(refused, Err(VerifyError::PublicPart)));
    }
    // What is signed or approved without the seal counts for the whole bundle, whose index it is about.
    let statement = ApprovalStatement::new(&written.index_bytes, "fine", now()).unwrap();
    let approval = Approval::sign(&statement, &author(9)).unwrap();
    let mut approved = Vec::new();
    with_approval(public, approval.clone(), &mut approved).unwrap();
    assert_eq!(raw::members(&approved).len(), 4);
    assert!(open(&approved).into_public().unwrap().is_public_part());
    let mut again = Vec::new();
    with_approval(open(&file).into_public().unwrap(), approval, &mut again).unwrap();
    admit(&again, &identities).unwrap();
    // The public part of a public part, and of a bundle without secrets, is the same file.
    let mut same = Vec::new();
    public_part(open(&part).into_public().unwrap(), &mut same).unwrap();
    assert_eq!(same, part);
    let (plain, _) = write(crate::support::draft(false), &[]);
    let mut same = Vec::new();
    public_part(open(&plain).into_public().unwrap(), &mut same).unwrap();
    assert_eq!(same, plain);
    assert!(!open(&plain).into_public().unwrap().is_public_part());
}

#[test]
fn sources_are_signed_and_change_no_plan() {
    let with = |line: u32| {
        let origin = kubeplan_bundle::sources::Origin {
            value: "--secure-port".into(),
            from: "InitConfiguration.localAPIEndpoint.bindPort".into(),
            file: Some(0),
            line: Some(line),
        };
        let mut draft = draft(false);
        draft.sources = Some(kubeplan_bundle::sources::Sources {
            format: kubeplan_bundle::sources::FORMAT.into(),
            files: vec![format!("cluster-{line}.yaml")],
            entries: [(name(CERTIFICATE), vec![origin])].into(),
        });
        draft
    };
    let digest = |draft: Draft| draft.prepare().unwrap().plan_digest();
    assert_eq!(digest(with(1)), digest(with(2)));
    assert_eq!(digest(with(1)), digest(draft(false)));
    let (identities, _) = identity();
    let (file, _) = write(with(7), &[]);
    let (bundle, _) = admit(&file, &identities).unwrap();
    let sources = kubeplan_bundle::sources::Sources::parse(bundle.sources().unwrap()).unwrap();
    assert_eq!(sources.files, ["cluster-7.yaml"]);
    assert_eq!(sources.entries[&name(CERTIFICATE)][0].line, Some(7));
    let (without, _) = write(draft(false), &[]);
    assert!(admit(&without, &identities).unwrap().0.sources().is_none());
    let mut raw = raw::Raw::from_bundle(&file, bundle.index());
    assert_eq!(raw.build(&[&author(1)]), file);
    raw.item("sources.json").content[20] ^= 1;
    let Err(error) = admit(&raw.build(&[&author(1)]), &identities) else {
        panic!("accepted");
    };
    assert!(chain(&error).contains("`sources.json` does not have the digest"));
}

#[test]
fn another_identity_is_told_who_could_open_the_seal() {
    let (_, recipient) = identity();
    let (stranger, _) = identity();
    let text = recipient.to_text();
    let (file, _) = write(draft(true), &[recipient]);
    let Err(error) = admit(&file, &stranger) else {
        panic!("opened");
    };
    assert!(matches!(error, VerifyError::NoMatchingIdentity { .. }));
    assert!(error.to_string().contains(&text));
}

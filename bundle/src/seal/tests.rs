//! Seals: round trips with several recipients, tampering, and seals with hostile content.

use std::io::Read as _;

use super::*;
use crate::signature::PrivateKey;
use crate::signature::testing::ed25519;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/keys/", $name)).as_slice()
    };
}

fn node() -> Name {
    "cp-1".parse().unwrap()
}

fn cluster() -> Sha256Digest {
    Sha256Digest::of(b"ca")
}

fn entry(name: &str) -> EntryName {
    name.parse().unwrap()
}

fn commit_key(name: &EntryName) -> CommitKey {
    CommitSalt::new(SecretBytes::new(vec![5; 32]))
        .unwrap()
        .key_for(&cluster(), &node(), name)
}

fn secrets() -> Vec<(EntryName, SecretBytes)> {
    [
        ("files/etc/kubernetes/pki/sa.key", "key"),
        ("files/etc/kubernetes/admin.conf", "kubeconfig"),
        ("objects/01-upload-certs-secret.yaml", ""),
    ]
    .map(|(name, text)| (entry(name), SecretBytes::from_text(text.into())))
    .to_vec()
}

fn seal_entries(
    secrets: &[(EntryName, SecretBytes)],
    recipients: &[Recipient],
) -> Result<Vec<u8>, SealError> {
    let (node, cluster_id) = (node(), cluster());
    let entries = secrets
        .iter()
        .map(|(name, bytes)| (name.clone(), bytes, commit_key(name)))
        .collect();
    let input = SealInput {
        node: &node,
        cluster_id: &cluster_id,
        entries,
    };
    seal(&input, recipients)
}

fn x25519() -> (Identities, Recipient) {
    let (file, recipient) = Identities::generate();
    (Identities::parse(&file, "new").unwrap(), recipient)
}

fn ssh_host() -> (Identities, Recipient) {
    let file = SecretBytes::new(fixture!("ed25519").to_vec());
    let line = std::str::from_utf8(fixture!("ed25519.pub")).unwrap();
    (
        Identities::parse(&file, "host").unwrap(),
        Recipient::parse(line).unwrap(),
    )
}

/// An age file with this plaintext.
fn encrypt(plaintext: &[u8], recipient: &Recipient) -> Vec<u8> {
    age_file::encrypt(plaintext, std::slice::from_ref(recipient)).unwrap()
}

#[test]
fn only_a_recipient_opens_the_seal() {
    let (age_identity, age_recipient) = x25519();
    let (ssh_identity, ssh_recipient) = ssh_host();
    let (stranger, _) = x25519();
    let stranger_ssh = ed25519(8).to_openssh(None).unwrap();
    let stranger_ssh = Identities::parse(&stranger_ssh, "other host").unwrap();
    let recipients = [age_recipient.clone(), ssh_recipient, age_recipient];
    let sealed = seal_entries(&secrets(), &recipients).unwrap();
    for identities in [
        age_identity.clone(),
        ssh_identity.clone(),
        stranger.clone().and(stranger_ssh.clone()).and(ssh_identity),
    ] {
        let opened = open(&sealed, &identities).unwrap();
        assert_eq!((&opened.node, opened.cluster_id), (&node(), cluster()));
        assert_eq!(opened.contents, secrets().into_iter().collect());
        for (name, bytes) in secrets() {
            let commit = commit_key(&name).commit(bytes.expose());
            assert!(opened.commit_keys[&name].matches(bytes.expose(), &commit));
        }
        assert_eq!(opened.commit_keys.len(), secrets().len());
    }
    for identities in [stranger, stranger_ssh] {
        assert!(matches!(
            open(&sealed, &identities),
            Err(SealError::NoMatchingIdentity)
        ));
    }
}

#[test]
fn an_empty_seal_is_a_seal() {
    let (identities, recipient) = x25519();
    let sealed = seal_entries(&[], &[recipient]).unwrap();
    assert!(open(&sealed, &identities).unwrap().contents.is_empty());
}

#[test]
fn the_plaintext_is_the_documented_archive() {
    let (identities, recipient) = x25519();
    let sealed = seal_entries(&secrets()[..1], &[recipient]).unwrap();
    let plaintext = age_file::decrypt(&sealed, &identities).unwrap();
    let mut archive = tar::Archive::new(plaintext.as_slice());
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        names.push((name, text));
    }
    let manifest = format!(
        "{{\"clusterId\":\"{}\",\"commitKeys\":{{\"files/etc/kubernetes/pki/sa.key\":\"{}\"}},\"format\":\"kubeplan.io/sealed/1\",\"node\":\"cp-1\"}}\n",
        cluster(),
        String::from(commit_key(&entry("files/etc/kubernetes/pki/sa.key")))
    );
    assert_eq!(
        names,
        [
            ("sealed.json".to_owned(), manifest),
            (
                "files/etc/kubernetes/pki/sa.key".to_owned(),
                "key".to_owned()
            ),
        ]
    );
}

#[test]
fn a_tampered_or_cut_seal_is_refused() {
    let (identities, recipient) = x25519();
    let sealed = seal_entries(&secrets(), &[recipient]).unwrap();
    assert!(open(&sealed, &identities).is_ok());
    let header = 256;
    let interesting = (0..header).chain((header..sealed.len()).step_by(97));
    for at in interesting {
        let mut tampered = sealed.clone();
        tampered[at] ^= 1;
        assert!(open(&tampered, &identities).is_err(), "byte {at}");
    }
    for length in (0..header).chain([sealed.len() - 1, sealed.len() - 16, sealed.len() / 2]) {
        assert!(
            open(&sealed[..length], &identities).is_err(),
            "cut to {length}"
        );
    }
    let longer = [sealed.clone(), vec![0]].concat();
    assert!(open(&longer, &identities).is_err());
    assert!(matches!(
        open(&vec![0; MAX_SEALED_SIZE + 1], &identities),
        Err(SealError::TooLarge)
    ));
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    let (_, recipient) = x25519();
    let with = |name: &str| {
        let secrets = [(entry(name), SecretBytes::from_text("x".into()))];
        seal_entries(&secrets, std::slice::from_ref(&recipient))
    };
    assert!(with("files/etc/x").is_ok());
    for name in [
        "directory:/etc/x",
        "redacted/files/etc/x",
        "payload/images.tar",
    ] {
        assert!(matches!(with(name), Err(SealError::EntryName(_))), "{name}");
    }
    assert!(matches!(
        seal_entries(&secrets(), &[]),
        Err(SealError::NoRecipient)
    ));
    let many: Vec<Recipient> = (0..=MAX_RECIPIENTS).map(|_| x25519().1).collect();
    assert!(matches!(
        seal_entries(&secrets(), &many),
        Err(SealError::TooManyRecipients(_))
    ));
    let twice = [secrets()[0].clone(), secrets()[0].clone()];
    assert!(matches!(
        seal_entries(&twice, &[recipient]),
        Err(SealError::Archive(InnerTarError::Duplicate(_)))
    ));
}

#[test]
fn a_seal_whose_manifest_does_not_fit_is_refused() {
    let (identities, recipient) = x25519();
    let name = "files/etc/x";
    let manifest = |names: &[&str], format: &str| {
        let commit_keys = names
            .iter()
            .map(|name| (entry(name), commit_key(&entry(name))))
            .collect();
        canonical::to_vec(&Manifest {
            format: format.to_owned(),
            node: node(),
            cluster_id: cluster(),
            commit_keys,
        })
        .unwrap()
    };
    let try_open = |entries: &[(&str, &[u8])]| {
        let archive = inner_tar::write(entries).unwrap();
        open(&encrypt(&archive, &recipient), &identities)
    };
    let good = manifest(&[name], FORMAT);
    assert!(try_open(&[(MANIFEST_NAME, &good), (name, b"x")]).is_ok());
    let loose = [&b" "[..], &good].concat();
    let two = manifest(&[name, "files/etc/y"], FORMAT);
    let none = manifest(&[], FORMAT);
    let later = manifest(&[name], "kubeplan.io/sealed/2");
    let short = String::from_utf8(good.clone())
        .unwrap()
        .replacen("\":\"", "\":\"0", 2);
    type Case<'a> = (&'a str, Vec<(&'a str, &'a [u8])>, fn(&SealError) -> bool);
    let cases: Vec<Case<'_>> = vec![
        ("nothing", vec![], |e| matches!(e, SealError::Disagree(_))),
        ("no manifest", vec![(name, b"x")], |e| {
            matches!(e, SealError::Disagree(_))
        }),
        (
            "manifest last",
            vec![(name, b"x"), (MANIFEST_NAME, &good)],
            |e| matches!(e, SealError::Disagree(_)),
        ),
        (
            "missing entry",
            vec![(MANIFEST_NAME, &two), (name, b"x")],
            |e| matches!(e, SealError::Disagree(n) if n == "files/etc/y"),
        ),
        (
            "extra entry",
            vec![(MANIFEST_NAME, &none), (name, b"x")],
            |e| matches!(e, SealError::Disagree(n) if n == "files/etc/x"),
        ),
        (
            "loose manifest",
            vec![(MANIFEST_NAME, &loose), (name, b"x")],
            |e| matches!(e, SealError::Manifest(_)),
        ),
        (
            "bad digest",
            vec![(MANIFEST_NAME, short.as_bytes()), (name, b"x")],
            |e| matches!(e, SealError::Manifest(_)),
        ),
        (
            "later format",
            vec![(MANIFEST_NAME, &later), (name, b"x")],
            |e| matches!(e, SealError::Format(_)),
        ),
    ];
    for (what, entries, is_expected) in cases {
        let error = try_open(&entries).unwrap_err();
        assert!(is_expected(&error), "{what}: {error:?}");
    }
    // A hostile archive inside a good age file.
    let mut archive = inner_tar::write(&[(MANIFEST_NAME, &good), (name, b"x")]).unwrap();
    *archive.last_mut().unwrap() = 1;
    assert!(matches!(
        open(&encrypt(&archive, &recipient), &identities),
        Err(SealError::Archive(InnerTarError::Padding(_)))
    ));
}

#[test]
fn a_passphrase_file_is_refused() {
    let (identities, _) = x25519();
    let mut recipient = age::scrypt::Recipient::new("hunter2".to_owned().into());
    recipient.set_work_factor(1);
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
            .unwrap();
    let mut sealed = Vec::new();
    encryptor
        .wrap_output(&mut sealed)
        .unwrap()
        .finish()
        .unwrap();
    assert!(matches!(
        open(&sealed, &identities),
        Err(SealError::Age(what)) if what.contains("neither")
    ));
    assert!(matches!(
        open(b"-----BEGIN AGE ENCRYPTED FILE-----\n", &identities),
        Err(SealError::Age(_))
    ));
}

/// The parser behind takes time in proportion to the square of a header, so it never sees a large one.
#[test]
fn a_header_is_bounded_before_it_is_parsed() {
    let (identities, recipient) = x25519();
    let sealed = seal_entries(&secrets(), std::slice::from_ref(&recipient)).unwrap();
    let at = sealed
        .windows(4)
        .position(|window| window == b"\n---")
        .unwrap();
    let with = |stanzas: &str| {
        let (head, tail) = sealed.split_at(at + 1);
        open(&[head, stanzas.as_bytes(), tail].concat(), &identities)
    };
    let stanza = format!("-> X25519 {}\n{}\n", "A".repeat(43), "A".repeat(43));
    let long = format!(
        "-> X25519 A\n{}\n",
        format!("{}\n", "A".repeat(64)).repeat(400)
    );
    let wide = format!("-> X25519 A\n{}\n", "A".repeat(65));
    let grease = "-> a-grease\n\n-> b-grease\n\n-> c-grease\n\n";
    type Case<'a> = (&'a str, &'a str, fn(&SealError) -> bool);
    let cases: &[Case<'_>] = &[
        ("65 stanzas", &stanza.repeat(64), |e| {
            matches!(e, SealError::TooManyRecipients(65))
        }),
        ("20,000 stanzas", &stanza.repeat(20_000), |e| {
            matches!(e, SealError::TooManyRecipients(65))
        }),
        (
            "a long body",
            &long,
            |e| matches!(e, SealError::Age(what) if what.contains("too large")),
        ),
        ("a long line", &wide, |e| matches!(e, SealError::Age(_))),
        ("grease", grease, |e| matches!(e, SealError::Age(_))),
        (
            "another kind",
            "-> piv-p256 A\nAAAA\n",
            |e| matches!(e, SealError::Age(what) if what.contains("neither")),
        ),
        ("no stanza", "x\n", |e| matches!(e, SealError::Age(_))),
    ];
    for (what, stanzas, is_expected) in cases {
        let error = with(stanzas).unwrap_err();
        assert!(is_expected(&error), "{what}: {error:?}");
    }
    // The most that a writer writes, with the grease that the library adds.
    let mut most: Vec<Recipient> = (1..MAX_RECIPIENTS).map(|_| x25519().1).collect();
    most.push(recipient);
    for _ in 0..20 {
        let sealed = seal_entries(&secrets(), &most).unwrap();
        assert!(open_for(&sealed, &identities, MAX_RECIPIENTS).is_ok());
    }
}

#[test]
fn a_seal_is_for_as_many_recipients_as_the_index_names() {
    let (identities, recipient) = x25519();
    let both = [recipient, x25519().1];
    let sealed = seal_entries(&secrets(), &both).unwrap();
    assert!(open_for(&sealed, &identities, 2).is_ok());
    for named in [0, 1, 3] {
        assert!(matches!(
            open_for(&sealed, &identities, named),
            Err(SealError::Recipients { found: 2, .. })
        ));
    }
}

#[test]
fn recipients_are_read_strictly() {
    let (_, generated) = x25519();
    let text = generated.to_text();
    assert_eq!(Recipient::parse(&format!(" {text}\n")).unwrap(), generated);
    assert_eq!(generated.fingerprint(), text);
    let line = std::str::from_utf8(fixture!("ed25519.pub")).unwrap();
    let ssh = Recipient::parse(line).unwrap();
    assert_eq!(
        Some(ssh.to_text().as_str()),
        line.trim().strip_suffix(" test-only-ed25519")
    );
    assert!(ssh.fingerprint().starts_with("SHA256:"));
    let (secret, _) = Identities::generate();
    let secret = std::str::from_utf8(secret.expose()).unwrap();
    let secret = secret.lines().last().unwrap();
    type Case<'a> = (&'a str, fn(&RecipientError) -> bool);
    let cases: &[Case<'_>] = &[
        (secret, |e| matches!(e, RecipientError::PrivateKey)),
        (std::str::from_utf8(fixture!("ed25519")).unwrap(), |e| {
            matches!(e, RecipientError::PrivateKey)
        }),
        (&text[..text.len() - 1], |e| {
            matches!(e, RecipientError::Age(_))
        }),
        ("age1yubikey1qwertyuiop", |e| {
            matches!(e, RecipientError::Age(_))
        }),
        (std::str::from_utf8(fixture!("rsa.pub")).unwrap(), |e| {
            matches!(e, RecipientError::SshAlgorithm(_))
        }),
        (
            std::str::from_utf8(fixture!("ecdsa-p256.pub")).unwrap(),
            |e| matches!(e, RecipientError::SshAlgorithm(_)),
        ),
        ("ssh-ed25519 AAAA", |e| matches!(e, RecipientError::SshKey)),
        ("", |e| matches!(e, RecipientError::Unknown)),
        ("alice", |e| matches!(e, RecipientError::Unknown)),
    ];
    for (text, is_expected) in cases {
        let error = Recipient::parse(text).unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert!(!error.to_string().contains("AGE-SECRET-KEY-1"));
    }
}

#[test]
fn identity_files_are_read_and_others_refused_with_a_hint() {
    let (file, recipient) = Identities::generate();
    let text = std::str::from_utf8(file.expose()).unwrap().to_owned();
    assert!(text.starts_with(&format!("# public key: {recipient}\nAGE-SECRET-KEY-1")));
    let parse = |text: &str| Identities::parse(&SecretBytes::from_text(text.into()), "id.txt");
    assert_eq!(
        parse(&text).unwrap().recipients(),
        std::slice::from_ref(&recipient)
    );
    let two = text.replace('\n', "\r\n") + "\n# more\n" + &text;
    assert_eq!(parse(&two).unwrap().recipients().len(), 2);
    let ssh = parse(std::str::from_utf8(fixture!("ed25519")).unwrap()).unwrap();
    assert_eq!(ssh.recipients(), [ssh_host().1]);
    assert!(!format!("{ssh:?}").contains("PRIVATE"));
    type Case<'a> = (&'a str, fn(&IdentityError) -> bool);
    let cases: &[Case<'_>] = &[
        ("", |e| matches!(e, IdentityError::Empty { .. })),
        ("# only a comment\n", |e| {
            matches!(e, IdentityError::Empty { .. })
        }),
        (&recipient.to_text(), |e| {
            matches!(e, IdentityError::Public { .. })
        }),
        (std::str::from_utf8(fixture!("ed25519.pub")).unwrap(), |e| {
            matches!(e, IdentityError::Public { .. })
        }),
        ("# x\nhunter2\n", |e| {
            matches!(e, IdentityError::Line { line: 2, .. })
        }),
        (&text[..text.len() - 3], |e| {
            matches!(e, IdentityError::Line { line: 2, .. })
        }),
        ("AGE-PLUGIN-YUBIKEY-1QQQQ", |e| {
            matches!(e, IdentityError::Unsupported { .. })
        }),
        ("-----BEGIN AGE ENCRYPTED FILE-----\n", |e| {
            matches!(e, IdentityError::Encrypted { .. })
        }),
        ("age-encryption.org/v1\n", |e| {
            matches!(e, IdentityError::Encrypted { .. })
        }),
        (
            std::str::from_utf8(fixture!("ed25519-encrypted")).unwrap(),
            |e| matches!(e, IdentityError::Encrypted { .. }),
        ),
        (std::str::from_utf8(fixture!("rsa")).unwrap(), |e| {
            matches!(e, IdentityError::Unsupported { .. })
        }),
        (std::str::from_utf8(fixture!("rsa-pem")).unwrap(), |e| {
            matches!(e, IdentityError::Unsupported { .. })
        }),
        (std::str::from_utf8(fixture!("ecdsa-p256")).unwrap(), |e| {
            matches!(e, IdentityError::Unsupported { .. })
        }),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", |e| {
            matches!(e, IdentityError::Damaged { .. })
        }),
    ];
    for (text, is_expected) in cases {
        let error = parse(text).unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        let shown = error.to_string();
        assert!(
            shown.contains("id.txt") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}

#[test]
fn a_new_signing_key_can_serve_as_an_identity() {
    let key = PrivateKey::generate_ed25519("host").unwrap();
    let recipient = Recipient::from_ssh(key.public()).unwrap();
    let identities = Identities::parse(&key.to_openssh(None).unwrap(), "host").unwrap();
    let sealed = seal_entries(&secrets(), &[recipient]).unwrap();
    let opened = open(&sealed, &identities).unwrap();
    assert_eq!(opened.contents.len(), secrets().len());
    assert!(!format!("{opened:?}").contains("kubeconfig"));
}

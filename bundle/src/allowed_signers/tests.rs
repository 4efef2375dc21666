//! The allowed signers file: what is read, what is refused, and that it is written back as it was.

use super::*;
use crate::signature::testing::ed25519;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFebCuVezAPcrmBO/gKJGb2Ol36tc+FJETKAEEDf4bNM";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOW: &str = "2026-11-20T12:00:00Z";

#[test]
fn lines_as_openssh_writes_them_are_read() {
    type Case<'a> = (&'a str, &'a [&'a str], Option<&'a [&'a str]>, &'a str);
    let cases: &[Case<'_>] = &[
        ("alice KEY", &["alice"], None, ""),
        (
            "alice@example.com,bob KEY a comment",
            &["alice@example.com", "bob"],
            None,
            "a comment",
        ),
        (
            "alice namespaces=\"kubeplan-bundle\" KEY",
            &["alice"],
            Some(&["kubeplan-bundle"]),
            "",
        ),
        (
            "  alice\tNameSpaces=\"git,kubeplan-approval\"   KEY  c ",
            &["alice"],
            Some(&["git", "kubeplan-approval"]),
            "c",
        ),
        (
            "alice valid-after=\"20260101\",namespaces=\"file\",valid-before=\"203001011200Z\" KEY",
            &["alice"],
            Some(&["file"]),
            "",
        ),
    ];
    for (line, principals, namespaces, comment) in cases {
        let signer = AllowedSigner::parse(&line.replace("KEY", KEY)).unwrap();
        assert_eq!(signer.principals(), *principals, "{line}");
        let expected: Option<Vec<String>> =
            namespaces.map(|names| names.iter().map(ToString::to_string).collect());
        assert_eq!(signer.namespaces(), expected.as_deref(), "{line}");
        assert_eq!(signer.comment(), *comment, "{line}");
        assert_eq!(signer.key().to_openssh(), KEY);
        // What is written is what is read.
        let again = AllowedSigner::parse(&signer.to_string()).unwrap();
        assert_eq!(again, signer, "{line}");
        assert_eq!(again.to_string(), signer.to_string());
    }
}

#[test]
fn what_is_not_a_plain_list_of_keys_is_refused() {
    use SignerError as E;
    let long = format!("alice,{} KEY", "b".repeat(257));
    type Case<'a> = (&'a str, fn(&E) -> bool);
    let cases: &[Case<'_>] = &[
        ("alice", |e| matches!(e, E::Shape)),
        ("KEY", |e| matches!(e, E::KeyAlone)),
        ("alice ssh-ed25519", |e| matches!(e, E::Shape)),
        ("alice ssh-ed25519 AAAA", |e| {
            matches!(e, E::Key(KeyError::NotPublicKey))
        }),
        ("* KEY", |e| matches!(e, E::Pattern(_))),
        ("*@example.com KEY", |e| matches!(e, E::Pattern(_))),
        ("alic? KEY", |e| matches!(e, E::Pattern(_))),
        ("alice,!bob KEY", |e| matches!(e, E::Pattern(_))),
        ("alice,,bob KEY", |e| matches!(e, E::Principal(_))),
        ("al\\ice KEY", |e| matches!(e, E::Backslash(_))),
        (&long, |e| matches!(e, E::LongPrincipal(_))),
        ("\"alice\" KEY", |e| matches!(e, E::Principal(_))),
        ("al\u{ef}ce KEY", |e| matches!(e, E::Principal(_))),
        ("alice cert-authority KEY", |e| {
            matches!(e, E::CertAuthority)
        }),
        ("alice Cert-Authority,namespaces=\"x\" KEY", |e| {
            matches!(e, E::CertAuthority)
        }),
        ("alice namespaces=\"kubeplan-*\" KEY", |e| {
            matches!(e, E::Pattern(_))
        }),
        ("alice namespaces=\"\" KEY", |e| {
            matches!(e, E::Namespace(_))
        }),
        ("alice namespaces=\"a b\" KEY", |e| {
            matches!(e, E::Namespace(_))
        }),
        ("alice namespaces=x KEY", |e| matches!(e, E::Value(_))),
        ("alice namespaces KEY", |e| matches!(e, E::Value(_))),
        ("alice namespaces=\"x KEY", |e| matches!(e, E::Value(_))),
        ("alice namespaces=\"x\\\"y\" KEY", |e| {
            matches!(e, E::Value(_))
        }),
        ("alice namespaces=\"x\",namespaces=\"y\" KEY", |e| {
            matches!(e, E::OptionTwice("namespaces"))
        }),
        ("alice namespaces=\"x\"valid-after=\"20260101\" KEY", |e| {
            matches!(e, E::Shape)
        }),
        ("alice namespaces=\"x\", KEY", |e| matches!(e, E::Option(_))),
        ("alice no-touch-required KEY", |e| matches!(e, E::Option(_))),
        ("alice valid-after=\"2026\" KEY", |e| {
            matches!(e, E::Time(_))
        }),
        ("alice valid-after=\"20261301\" KEY", |e| {
            matches!(e, E::Time(_))
        }),
        ("alice valid-after=\"2026-01-01\" KEY", |e| {
            matches!(e, E::Time(_))
        }),
        ("alice valid-after=\"20260101z\" KEY", |e| {
            matches!(e, E::Time(_))
        }),
        ("alice valid-after=\"202601012500\" KEY", |e| {
            matches!(e, E::Time(_))
        }),
        (
            "alice valid-after=\"20260102\",valid-before=\"20260101\" KEY",
            |e| matches!(e, E::Interval),
        ),
        (
            "alice ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC8",
            |e| matches!(e, E::Key(KeyError::Unsupported { algorithm }) if algorithm == "ssh-rsa"),
        ),
        ("alice\u{7} KEY", |e| matches!(e, E::Text)),
    ];
    assert!(AllowedSigner::parse(&"alice KEY".replace("KEY", KEY)).is_ok());
    for (line, is_expected) in cases {
        let error = AllowedSigner::parse(&line.replace("KEY", KEY)).unwrap_err();
        assert!(is_expected(&error), "{line}: {error:?}");
    }
}

#[test]
fn every_bad_line_is_named() {
    let text = format!("# ok\nalice {KEY}\n*  {KEY}\n\nbob cert-authority {KEY}\n");
    let error = AllowedSigners::parse(&text).unwrap_err().to_string();
    assert_eq!(
        error,
        "line 3: `*` has a wildcard or a negation (`*`, `?`, `!`), which are refused: list each name; \
         line 5: `cert-authority` is refused: list each signer's own key"
    );
    let many = format!("* {KEY}\n").repeat(25);
    let error = AllowedSigners::parse(&many).unwrap_err().to_string();
    assert!(error.ends_with("and 5 more bad lines"), "{error}");
    assert!(matches!(
        AllowedSigners::parse(&"#".repeat(MAX_FILE_SIZE + 1)),
        Err(AllowedSignersError::TooLarge)
    ));
}

#[test]
fn a_file_keeps_its_comments_and_order() {
    let text =
        format!("# who\n\nalice {KEY} laptop\n  # between\nbob namespaces=\"git\" {KEY}\n# end\n");
    let signers = AllowedSigners::parse(&text).unwrap();
    assert_eq!(signers.to_text(), text);
    assert_eq!(AllowedSigners::parse(&signers.to_text()).unwrap(), signers);
    let windows = AllowedSigners::parse(&text.replace('\n', "\r\n")).unwrap();
    assert_eq!(windows.to_text(), text);
    assert_eq!(AllowedSigners::parse("").unwrap().to_text(), "");
}

#[test]
fn signers_are_added_and_removed_by_fingerprint() {
    let mut signers = AllowedSigners::parse(&format!("# keep\nalice {KEY}\n")).unwrap();
    let other = ed25519(3).public();
    let signer = AllowedSigner::new(&["carol"], &[Namespace::Bundle], other.clone())
        .unwrap()
        .with_comment("a\nb");
    signers.add(signer.clone()).unwrap();
    assert!(matches!(
        signers.add(signer.with_comment("else")),
        Err(AllowedSignersError::Duplicate(key)) if key == other.fingerprint()
    ));
    assert_eq!(
        signers.to_text(),
        format!("# keep\nalice {KEY}\ncarol namespaces=\"kubeplan-bundle\" {other} a b\n")
    );
    let alice = signers.entries()[0].key().fingerprint();
    assert_eq!(signers.remove(&alice).unwrap().len(), 1);
    assert!(matches!(
        signers.remove(&alice),
        Err(AllowedSignersError::Unknown(_))
    ));
    assert_eq!(
        signers.to_text(),
        format!("# keep\ncarol namespaces=\"kubeplan-bundle\" {other} a b\n")
    );
    assert!(AllowedSigner::new(&["a b"], &[Namespace::Bundle], other.clone()).is_err());
    assert!(AllowedSigner::new(&[], &[Namespace::Bundle], other).is_err());
}

#[test]
fn namespaces_and_times_limit_trust() {
    let key = PublicKey::parse(KEY).unwrap();
    let names = |line: &str, namespace, now: &str| {
        AllowedSigners::parse(&line.replace("KEY", KEY))
            .unwrap()
            .principals_for(&key, namespace, at(now))
            .join(",")
    };
    let all = "alice,al KEY";
    assert_eq!(names(all, Namespace::Bundle, NOW), "alice,al");
    assert_eq!(names(all, Namespace::Approval, NOW), "alice,al");
    let one = "alice namespaces=\"git,kubeplan-bundle\" KEY";
    assert_eq!(names(one, Namespace::Bundle, NOW), "alice");
    assert_eq!(names(one, Namespace::Approval, NOW), "");
    let two = "alice namespaces=\"kubeplan-bundle\" KEY\nbob namespaces=\"kubeplan-approval\" KEY\nal KEY";
    assert_eq!(names(two, Namespace::Bundle, NOW), "alice,al");
    assert_eq!(names(two, Namespace::Approval, NOW), "bob,al");
    // Both limits are inclusive.
    let timed = "alice valid-after=\"20260101Z\",valid-before=\"20270101120000\" KEY";
    for (now, expected) in [
        ("2025-12-31T23:59:59Z", ""),
        ("2026-01-01T00:00:00Z", "alice"),
        ("2027-01-01T12:00:00Z", "alice"),
        ("2027-01-01T12:00:01Z", ""),
    ] {
        assert_eq!(names(timed, Namespace::Bundle, now), expected, "{now}");
    }
    let unknown = AllowedSigners::parse(&format!("alice {KEY}")).unwrap();
    let stranger = ed25519(9).public();
    assert!(
        unknown
            .principals_for(&stranger, Namespace::Bundle, at(NOW))
            .is_empty()
    );
}

#[test]
fn a_public_key_in_place_of_a_list_is_named() {
    for line in [KEY.to_owned(), format!("{KEY} author@host")] {
        let error = AllowedSigners::parse(&line).unwrap_err().to_string();
        assert!(error.contains("put a name in front of it"), "{error}");
    }
}

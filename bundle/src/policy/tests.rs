//! The judgement over signatures and approvals, and the policy document.

use super::*;
use crate::allowed_signers::AllowedSigner;
use crate::approval::ApprovalStatement;
use crate::signature::PrivateKey;
use crate::signature::testing::ed25519;

const INDEX: &[u8] = b"not JSON, and it need not be";

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// Keys 1.. by seed; `(seed, principals, namespaces)`.
fn policy(authors: u32, approvals: u32, signers: &[(u8, &str, &[Namespace])]) -> TrustPolicy {
    let mut allowed = AllowedSigners::default();
    for (seed, principals, namespaces) in signers {
        let principals: Vec<&str> = principals.split(',').collect();
        let key = ed25519(*seed).public();
        allowed
            .add(AllowedSigner::new(&principals, namespaces, key).unwrap())
            .unwrap();
    }
    TrustPolicy {
        allowed,
        // As it is also with numbers that no document may have.
        policy: Policy {
            authors,
            approvals,
            ..Policy::default()
        },
    }
}

fn sign(seed: u8) -> Signature {
    ed25519(seed).sign(Namespace::Bundle, INDEX).unwrap()
}

fn approve_with(key: &PrivateKey, index: &[u8]) -> Approval {
    Approval::sign(&ApprovalStatement::new(index, "", now()).unwrap(), key).unwrap()
}

fn approve(seed: u8) -> Approval {
    approve_with(&ed25519(seed), INDEX)
}

const AUTHOR: &[Namespace] = &[Namespace::Bundle];
const REVIEWER: &[Namespace] = &[Namespace::Approval];
const BOTH: &[Namespace] = &[Namespace::Bundle, Namespace::Approval];

#[test]
fn people_are_counted_not_keys() {
    use Result::{Err as No, Ok as Yes};
    type Case<'a> = (
        &'a str,
        (u32, u32),
        &'a [(u8, &'a str, &'a [Namespace])],
        &'a [u8],
        &'a [u8],
        Result<(usize, usize), &'a str>,
    );
    let cases: &[Case<'_>] = &[
        (
            "one author",
            (1, 0),
            &[(1, "a", AUTHOR)],
            &[1],
            &[],
            Yes((1, 0)),
        ),
        (
            "zero authors means one",
            (0, 0),
            &[(1, "a", AUTHOR)],
            &[2],
            &[],
            No("1 trusted author(s) needed, 0 found"),
        ),
        (
            "no key is trusted",
            (1, 0),
            &[],
            &[1],
            &[],
            No("trusted author keys: none"),
        ),
        (
            "a stranger counts for nothing",
            (1, 0),
            &[(1, "a", AUTHOR)],
            &[1, 2],
            &[],
            Yes((1, 0)),
        ),
        (
            "a reviewer is not an author",
            (1, 0),
            &[(1, "a", REVIEWER)],
            &[1],
            &[],
            No("not trusted for `kubeplan-bundle`"),
        ),
        (
            "two authors",
            (2, 0),
            &[(1, "a", AUTHOR), (2, "b", AUTHOR)],
            &[1, 2],
            &[],
            Yes((2, 0)),
        ),
        (
            "one of two authors",
            (2, 0),
            &[(1, "a", AUTHOR), (2, "b", AUTHOR)],
            &[1],
            &[],
            No("2 trusted author(s) needed, 1 found"),
        ),
        (
            "one key twice",
            (2, 0),
            &[(1, "a", AUTHOR), (2, "b", AUTHOR)],
            &[1, 1],
            &[],
            No("2 trusted author(s) needed, 1 found"),
        ),
        (
            "two keys of one person",
            (2, 0),
            &[(1, "a", AUTHOR), (2, "a", AUTHOR)],
            &[1, 2],
            &[],
            No("2 trusted author(s) needed, 1 found"),
        ),
        (
            "one key of two names",
            (2, 0),
            &[(1, "a,b", AUTHOR)],
            &[1],
            &[],
            No("2 trusted author(s) needed, 1 found"),
        ),
        (
            "a shared name joins two keys",
            (2, 0),
            &[(1, "a,b", AUTHOR), (2, "b,c", AUTHOR)],
            &[1, 2],
            &[],
            No("2 trusted author(s) needed, 1 found"),
        ),
        (
            "a key joins two people",
            (2, 0),
            &[(1, "a", AUTHOR), (2, "c", AUTHOR), (3, "a,c", AUTHOR)],
            &[1, 2, 3],
            &[],
            No("2 trusted author(s) needed, 1 found"),
        ),
        (
            "one approval",
            (1, 1),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER)],
            &[1],
            &[2],
            Yes((1, 1)),
        ),
        (
            "approvals beyond the need are reported",
            (1, 0),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER)],
            &[1],
            &[2],
            Yes((1, 1)),
        ),
        (
            "no approval",
            (1, 1),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER)],
            &[1],
            &[],
            No("1 approval(s) needed, 0 found; keys that approved: none"),
        ),
        (
            "an approval by a stranger",
            (1, 1),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER)],
            &[1],
            &[3],
            No("(not listed)"),
        ),
        (
            "an approval by an author-only key",
            (1, 1),
            &[(1, "a", AUTHOR), (2, "b", AUTHOR)],
            &[1],
            &[2],
            No("1 approval(s) needed, 0 found"),
        ),
        (
            "the author's own approval",
            (1, 1),
            &[(1, "a", BOTH)],
            &[1],
            &[1],
            No("1 approval(s) needed, 0 found"),
        ),
        (
            "the author's other key",
            (1, 1),
            &[(1, "a", AUTHOR), (2, "a", REVIEWER)],
            &[1],
            &[2],
            No("1 approval(s) needed, 0 found"),
        ),
        (
            "a second author may not approve too",
            (1, 1),
            &[(1, "a", BOTH), (2, "b", BOTH)],
            &[1, 2],
            &[2],
            No("1 approval(s) needed, 0 found"),
        ),
        (
            "a reviewer who also signed as an untrusted author",
            (1, 1),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER)],
            &[1, 2],
            &[2],
            No("1 approval(s) needed, 0 found"),
        ),
        (
            "two approvals of one person",
            (1, 2),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER), (3, "b", REVIEWER)],
            &[1],
            &[2, 3],
            No("2 approval(s) needed, 1 found"),
        ),
        (
            "two keys under two names that another line ties together",
            (1, 2),
            &[
                (1, "a", AUTHOR),
                (2, "b", REVIEWER),
                (3, "c", REVIEWER),
                (4, "b,c", REVIEWER),
            ],
            &[1],
            &[2, 3],
            No("2 approval(s) needed, 1 found"),
        ),
        (
            "the same line for authors only",
            (1, 2),
            &[
                (1, "a", AUTHOR),
                (2, "b", REVIEWER),
                (3, "c", REVIEWER),
                (4, "b,c", AUTHOR),
            ],
            &[1],
            &[2, 3],
            No("2 approval(s) needed, 1 found"),
        ),
        (
            "two authors that another line ties together",
            (2, 0),
            &[(1, "a", AUTHOR), (2, "b", AUTHOR), (3, "a,b", REVIEWER)],
            &[1, 2],
            &[],
            No("2 trusted author(s) needed, 1 found"),
        ),
        (
            "one key on two lines",
            (1, 2),
            &[
                (1, "a", AUTHOR),
                (2, "b", REVIEWER),
                (2, "c", REVIEWER),
                (3, "c", REVIEWER),
            ],
            &[1],
            &[2, 3],
            No("2 approval(s) needed, 1 found"),
        ),
        (
            "an author's name that another line ties to the reviewer's",
            (1, 1),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER), (3, "a,b", REVIEWER)],
            &[1],
            &[2],
            No("1 approval(s) needed, 0 found"),
        ),
        (
            "two spellings of one name",
            (2, 2),
            &[
                (1, "Alice@example.com", AUTHOR),
                (2, "alice@EXAMPLE.com.", AUTHOR),
                (3, "bob", REVIEWER),
                (4, "BOB.", REVIEWER),
            ],
            &[1, 2],
            &[3, 4],
            No("2 trusted author(s) needed, 1 found"),
        ),
        (
            "an author's name in another spelling",
            (1, 1),
            &[(1, "alice", AUTHOR), (2, "Alice", REVIEWER)],
            &[1],
            &[2],
            No("1 approval(s) needed, 0 found"),
        ),
        (
            "two names, one the beginning of the other",
            (2, 0),
            &[(1, "alice", AUTHOR), (2, "alice.b", AUTHOR)],
            &[1, 2],
            &[],
            Yes((2, 0)),
        ),
        (
            "three people, one with two keys",
            (1, 3),
            &[
                (1, "a", AUTHOR),
                (2, "b", REVIEWER),
                (3, "b,x", REVIEWER),
                (4, "c", REVIEWER),
                (5, "d,e", REVIEWER),
            ],
            &[1],
            &[2, 3, 4, 5],
            Yes((1, 4)),
        ),
        (
            "two approvals",
            (1, 2),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER), (3, "c", REVIEWER)],
            &[1],
            &[2, 3],
            Yes((1, 2)),
        ),
        (
            "approvals do not replace an author",
            (1, 1),
            &[(1, "a", AUTHOR), (2, "b", REVIEWER)],
            &[9],
            &[2],
            No("1 trusted author(s) needed, 0 found"),
        ),
    ];
    for (name, (authors, approvals), signers, signed, approved, expected) in cases {
        let signatures: Vec<Signature> = signed.iter().map(|seed| sign(*seed)).collect();
        let given: Vec<Approval> = approved.iter().map(|seed| approve(*seed)).collect();
        let found = policy(*authors, *approvals, signers)
            .judge(now(), INDEX, &signatures, &given)
            .map(|trust| (trust.authors.len(), trust.approvals.len()));
        match (found, expected) {
            (Yes(found), Yes(expected)) => assert_eq!(found, *expected, "{name}"),
            (No(error), No(expected)) => {
                assert!(error.to_string().contains(expected), "{name}: {error}");
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

#[test]
fn one_bad_signature_spoils_the_bundle() {
    let policy = policy(1, 0, &[(1, "a", AUTHOR), (2, "b", REVIEWER)]);
    let other = ed25519(3).sign(Namespace::Bundle, b"other").unwrap();
    assert!(policy.judge(now(), INDEX, &[sign(1)], &[]).is_ok());
    assert!(matches!(
        policy.judge(now(), INDEX, &[sign(1), other], &[]),
        Err(TrustError::Signature { key, .. }) if key == ed25519(3).public().fingerprint()
    ));
    let approval = ed25519(1).sign(Namespace::Approval, INDEX).unwrap();
    assert!(matches!(
        policy.judge(now(), INDEX, &[approval], &[]),
        Err(TrustError::Signature {
            source: SignatureError::Namespace { .. },
            ..
        })
    ));
    let stolen = Approval::new(b"{}".to_vec(), approve(2).signature().clone()).unwrap();
    assert!(matches!(
        policy.judge(now(), INDEX, &[sign(1)], &[stolen]),
        Err(TrustError::Approval { .. })
    ));
    assert!(matches!(
        policy.judge(now(), INDEX, &[], &[]),
        Err(TrustError::Unsigned { .. })
    ));
}

#[test]
fn an_approval_of_another_index_is_refused() {
    let policy = policy(1, 1, &[(1, "a", AUTHOR), (2, "b", REVIEWER)]);
    let other = approve_with(&ed25519(2), b"another index");
    let error = policy
        .judge(now(), INDEX, &[sign(1)], &[other])
        .unwrap_err();
    assert!(matches!(error, TrustError::OtherIndex { .. }), "{error}");
    assert!(
        policy
            .judge(now(), INDEX, &[sign(1)], &[approve(2)])
            .is_ok()
    );
}

#[test]
fn only_a_trusted_reviewers_statement_is_parsed() {
    let garbage = |seed: u8| {
        let signature = ed25519(seed).sign(Namespace::Approval, b"{").unwrap();
        Approval::new(b"{".to_vec(), signature).unwrap()
    };
    let policy = policy(1, 0, &[(1, "a", AUTHOR), (2, "b", REVIEWER)]);
    // A stranger's statement is not looked into, so its JSON cannot matter.
    assert!(
        policy
            .judge(now(), INDEX, &[sign(1)], &[garbage(3)])
            .is_ok()
    );
    assert!(matches!(
        policy.judge(now(), INDEX, &[sign(1)], &[garbage(2)]),
        Err(TrustError::Approval { .. })
    ));
    // Before a trusted author signed the index, no statement is parsed.
    assert!(matches!(
        policy.judge(now(), INDEX, &[sign(4)], &[garbage(2)]),
        Err(TrustError::Authors { .. })
    ));
}

#[test]
fn a_key_outside_its_time_is_not_trusted() {
    let text = format!(
        "a namespaces=\"kubeplan-bundle\",valid-before=\"20261120Z\" {}\n",
        ed25519(1).public()
    );
    let policy = TrustPolicy {
        allowed: AllowedSigners::parse(&text).unwrap(),
        policy: Policy::default(),
    };
    let before = "2026-11-20T00:00:00Z".parse().unwrap();
    assert!(policy.judge(before, INDEX, &[sign(1)], &[]).is_ok());
    let error = policy.judge(now(), INDEX, &[sign(1)], &[]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("not trusted for `kubeplan-bundle` at 2026-11-20T12:00:00Z"),
        "{text}"
    );
    assert!(
        text.contains(&ed25519(1).public().fingerprint().to_string()),
        "{text}"
    );
}

#[test]
fn policies_only_get_stricter() {
    let a = Policy::new(2, 0).unwrap();
    let b = Policy::new(1, 3).unwrap();
    assert_eq!(a.stricter(b), Policy::new(2, 3).unwrap());
    assert_eq!(a.stricter(b), b.stricter(a));
    assert_eq!(a.stricter(Policy::default()), a);
}

#[test]
fn a_policy_document_is_read_strictly() {
    let head = "\"apiVersion\":\"kubeplan.io/v1alpha1\",\"kind\":\"Policy\"";
    let read = |rest: &str| serde_json::from_str::<Policy>(&format!("{{{head}{rest}}}"));
    assert_eq!(read("").unwrap(), Policy::default());
    assert_eq!(
        read(",\"authors\":2,\"approvals\":1").unwrap(),
        Policy::new(2, 1).unwrap()
    );
    for bad in [
        ",\"authors\":0",
        ",\"authors\":33",
        ",\"approvals\":33",
        ",\"approval\":1",
        ",\"authors\":-1",
        ",\"authors\":\"1\"",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
    assert!(serde_json::from_str::<Policy>("{\"authors\":1}").is_err());
    let written = serde_json::to_string(&Policy::default()).unwrap();
    assert_eq!(
        serde_json::from_str::<Policy>(&written).unwrap(),
        Policy::default()
    );
}

/// One key on many lines with many names: looked up in time that grows with the file, told in one short line.
#[test]
fn a_key_with_very_many_names() {
    let key = ed25519(1).public();
    let mut text = String::new();
    for line in 0..120 {
        let names: Vec<String> = (0..1000)
            .map(|n| format!("q{:x}", line * 1000 + n))
            .collect();
        text += &format!("{} {key}\n", names.join(","));
    }
    assert!(text.len() > 700_000);
    let started = std::time::Instant::now();
    let trust = TrustPolicy {
        allowed: AllowedSigners::parse(&text).unwrap(),
        policy: Policy::default(),
    };
    let found = trust.judge(now(), INDEX, &[sign(1)], &[]).unwrap();
    let error = trust.judge(now(), INDEX, &[sign(2)], &[]).unwrap_err();
    // A search of the list for each name took minutes in a debug build.
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    assert_eq!(
        found.authors[0].principal,
        "q0,q1,q2,q3,q4,q5,q6,q7 and 119992 more"
    );
    assert!(error.to_string().len() < 4000, "{error}");
    assert_eq!(names(&["a", "b"]), "a,b");
}

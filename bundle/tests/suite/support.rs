//! A small plan, its keys, and how to verify what is written from it.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Cursor;

use kubeplan_bundle::allowed_signers::AllowedSigners;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{
    ClusterRef, HostMatch, NodeRef, NodeRole, Operation, Placement, Platform, SecretClass, Target,
    Tool, Transaction,
};
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::policy::{Policy, TrustPolicy};
use kubeplan_bundle::reader::{Bundle, Trusted};
use kubeplan_bundle::seal::{CommitSalt, Identities, Recipient};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::step::{CommitTransaction, PhaseName, Step};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::unseal::Unsealed;
use kubeplan_bundle::verify::VerifyError;
use kubeplan_bundle::writer::{Draft, DraftContent, DraftEntry, WrittenBundle};

pub(crate) const CA_KEY: &[u8] = include_bytes!("../../testdata/keys/ed25519-pkcs8.pem");
pub(crate) const OTHER_KEY: &[u8] = include_bytes!("../../testdata/keys/p256-pkcs8.pem");

pub(crate) const TOKEN: &str = "files/etc/kubernetes/config.json";
pub(crate) const TOKEN_TEXT: &[u8] =
    b"{\"auths\": {\"registry.example\": {\"password\": \"hunter2hunter2\", \"username\": \"robot\"}}}\n";
pub(crate) const KEY: &str = "files/etc/kubernetes/ca.key";
pub(crate) const CERTIFICATE: &str = "files/etc/kubernetes/ca.crt";

/// A key that is the same in every run.
pub(crate) fn author(seed: u8) -> PrivateKey {
    PrivateKey::from_ed25519_seed(&[seed; 32], "test").unwrap()
}

pub(crate) fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// Trusts author 1 as `alice` and reviewer 9 as `rita`.
pub(crate) fn policy() -> TrustPolicy {
    policy_with(1, 0)
}

pub(crate) fn policy_with(authors: u32, approvals: u32) -> TrustPolicy {
    let line = |name: &str, seed: u8, namespace: &str| {
        let key = author(seed).public().to_openssh();
        format!("{name} namespaces=\"{namespace}\" {key}\n")
    };
    let text = [
        line("alice", 1, "kubeplan-bundle"),
        line("bob", 2, "kubeplan-bundle"),
        line("rita", 9, "kubeplan-approval"),
    ]
    .concat();
    TrustPolicy {
        allowed: AllowedSigners::parse(&text).unwrap(),
        policy: Policy::new(authors, approvals).unwrap(),
    }
}

/// The host's identity, and the recipient for it.
pub(crate) fn identity() -> (Identities, Recipient) {
    let (file, recipient) = Identities::generate();
    (Identities::parse(&file, "test").unwrap(), recipient)
}

pub(crate) fn phase() -> PhaseName {
    "certs".parse().unwrap()
}

pub(crate) fn placement(path: &str, mode: FileMode) -> Placement {
    Placement {
        path: path.parse().unwrap(),
        mode,
        uid: 0,
        gid: 0,
    }
}

pub(crate) fn secret(class: SecretClass, bytes: &[u8]) -> DraftContent {
    DraftContent::Secret {
        class,
        bytes: SecretBytes::new(bytes.to_vec()),
        spki: None,
    }
}

/// A directory and a public file; with `secrets` also a private key and credentials of a registry.
pub(crate) fn draft(secrets: bool) -> Draft {
    let file =
        |path: &str, mode, content| DraftEntry::file(phase(), placement(path, mode), content);
    let mut entries = vec![
        DraftEntry::directory(
            phase(),
            placement("/etc/kubernetes", FileMode::PUBLIC_DIRECTORY),
        ),
        file(
            "/etc/kubernetes/ca.crt",
            FileMode::PUBLIC,
            DraftContent::Public(b"a certificate\n".to_vec()),
        ),
    ];
    if secrets {
        entries.push(file(
            "/etc/kubernetes/ca.key",
            FileMode::PRIVATE,
            secret(SecretClass::PrivateKey, CA_KEY),
        ));
        entries.push(file(
            "/etc/kubernetes/config.json",
            FileMode::PRIVATE,
            secret(SecretClass::RegistryAuth, TOKEN_TEXT),
        ));
    }
    Draft {
        operation: Operation::Init,
        sources: None,
        cluster: ClusterRef {
            name: "c".parse().unwrap(),
            id: Sha256Digest::of(b"ca"),
        },
        node: NodeRef {
            name: "n".parse().unwrap(),
            role: NodeRole::ControlPlane,
        },
        target: Target {
            r#match: HostMatch::default(),
            platform: Platform {
                os: "linux".into(),
                arch: "amd64".into(),
            },
        },
        created: now(),
        apply_after: "2026-11-20T00:00:00Z".parse().unwrap(),
        apply_before: "2027-11-20T00:00:00Z".parse().unwrap(),
        test_only: false,
        planner: Tool {
            name: "test".into(),
            version: "0".into(),
        },
        api: None,
        annotations: BTreeMap::new(),
        transactions: vec![Transaction {
            name: "certs".parse().unwrap(),
            entries: entries.iter().map(|entry| entry.name.clone()).collect(),
        }],
        entries,
        steps: vec![Step::CommitTransaction(CommitTransaction {
            phase: phase(),
            transaction: "certs".parse().unwrap(),
        })],
        commit_salt: CommitSalt::new(SecretBytes::new(vec![3; 32])).unwrap(),
    }
}

/// Writes `draft`, signed by author 1.
pub(crate) fn write(draft: Draft, recipients: &[Recipient]) -> (Vec<u8>, WrittenBundle) {
    let mut out = Vec::new();
    let written = draft
        .prepare()
        .unwrap()
        .write(1, recipients, &[&author(1)], &mut out)
        .unwrap();
    (out, written)
}

/// What an installation does before it touches anything.
pub(crate) fn admit(
    file: &[u8],
    identities: &Identities,
) -> Result<(Bundle<Trusted>, Unsealed), VerifyError> {
    let bundle = Bundle::open(Cursor::new(file.to_vec()))?.into_trusted(&policy(), now())?;
    let unsealed = bundle.unseal(identities)?;
    Ok((bundle, unsealed))
}

/// The error with its causes, as a command line prints it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

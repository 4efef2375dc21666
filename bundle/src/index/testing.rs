//! An index for the tests of this crate.

use super::*;
use crate::mode::FileMode;
use crate::step::{CommitTransaction, PhaseName};

/// The smallest index with a directory, a public and a sealed file.
pub(crate) fn sample() -> Index {
    let phase: PhaseName = "certs".parse().unwrap();
    let placement = |path: &str, mode| Placement {
        path: path.parse().unwrap(),
        mode,
        uid: 0,
        gid: 0,
    };
    let dir = placement("/etc/kubernetes", FileMode::PUBLIC_DIRECTORY);
    let public = placement("/etc/kubernetes/ca.crt", FileMode::PUBLIC);
    let secret = placement("/etc/kubernetes/ca.key", FileMode::PRIVATE);
    let entry = |name: EntryName, place, content| Entry {
        name,
        phase: phase.clone(),
        place,
        content,
        handoff: false,
        holes: vec![],
    };
    let secret_name = EntryName::file(&secret.path);
    let twin = Twin {
        name: secret_name.twin(),
        size: 0,
        sha256: Sha256Digest::of(b""),
    };
    let entries = vec![
        entry(
            EntryName::directory(&dir.path),
            Place::Directory(dir),
            Content::None,
        ),
        entry(
            EntryName::file(&public.path),
            Place::File(public),
            Content::Public(Blob::of(b"x")),
        ),
        entry(
            secret_name,
            Place::File(secret),
            Content::Sealed(SealedContent {
                class: SecretClass::PrivateKey,
                commit: Sha256Digest::of(b"c"),
                twin,
                spki: Some(Sha256Digest::of(b"s")),
            }),
        ),
    ];
    let transaction = Transaction {
        name: "certs".parse().unwrap(),
        entries: entries.iter().map(|entry| entry.name.clone()).collect(),
    };
    let mut index = Index {
        format: FORMAT.into(),
        kind: BundleKind::Node,
        operation: Operation::Init,
        requires: vec![PARTS_FEATURE.into(), "step:commit-transaction/1".into()],
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
        plan_digest: Sha256Digest::of(b""),
        serial: 1,
        created: "2026-11-20T00:00:00Z".parse().unwrap(),
        apply_after: "2026-11-20T00:00:00Z".parse().unwrap(),
        apply_before: "2027-11-20T00:00:00Z".parse().unwrap(),
        test_only: true,
        planner: Tool {
            name: "kubeplan".into(),
            version: "0".into(),
        },
        entries: entries.into(),
        sealed: Some(SealedPart {
            size: 1,
            sha256: Sha256Digest::of(b"s"),
            recipients: vec![
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"
                    .into(),
            ],
        }),
        members: vec![Member {
            size: 1,
            sha256: Sha256Digest::of(b"m"),
        }],
        sources: None,
        payloads: vec![],
        transactions: vec![transaction],
        steps: vec![Step::CommitTransaction(CommitTransaction {
            phase,
            transaction: "certs".parse().unwrap(),
        })],
        api: None,
        annotations: BTreeMap::new(),
    };
    index.plan_digest = index.compute_plan_digest().unwrap();
    index
}

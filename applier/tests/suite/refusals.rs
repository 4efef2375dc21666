//! Bundles that are refused leave the root as it was, to the last bit; the same bundle unharmed installs.

use std::fs;

use kubeplan_bundle::index::HostMatch;
use kubeplan_bundle::seal::Identities;
use kubeplan_bundle::signature::PrivateKey;

use crate::support::{FILES, Fixture, NOW, Output, Plan, Run};

/// Runs the installation, which must be refused with exit 4 and an untouched root, for both `install` and its dry
/// run.
#[track_caller]
fn refused(fixture: &Fixture, run: &Run, bundle: &str, more: &[&str], says: &str) -> Output {
    let before = fixture.snapshot();
    let dry: Vec<&str> = more.iter().copied().chain(["--dry-run"]).collect();
    fixture.install_with(run, bundle, &dry).expect(4);
    let output = fixture.install_with(run, bundle, more).expect(4);
    assert_eq!(fixture.snapshot(), before);
    assert!(output.stderr.contains(says), "{says}: {}", output.stderr);
    assert!(output.stdout.is_empty(), "{}", output.stdout);
    output
}

#[track_caller]
fn installs(fixture: &Fixture, bundle: &str, more: &[&str]) {
    let plan = Plan::default();
    fixture.install(bundle, more).expect(0);
    for path in FILES {
        assert_eq!(fixture.read(path), plan.content(path), "{path}");
    }
}

#[test]
fn unsigned_bundles_are_refused() {
    let fixture = Fixture::new();
    let bundle = fixture.write("unsigned", Plan::default(), 1, &[]);
    refused(&fixture, &Run::default(), &bundle, &[], "not signed");
    installs(&fixture, &fixture.bundle(Plan::default()), &[]);
}

#[test]
fn bundles_signed_by_others_are_refused() {
    let fixture = Fixture::new();
    let stranger = PrivateKey::from_ed25519_seed(&[2; 32], "").unwrap();
    let bundle = fixture.write("stranger", Plan::default(), 1, &[&stranger]);
    let output = refused(&fixture, &Run::default(), &bundle, &[], "trust add");
    let fingerprint = stranger.public().fingerprint().to_string();
    assert!(output.stderr.contains(&fingerprint), "{}", output.stderr);
    fixture.trust(&stranger, "stranger", "kubeplan-approval");
    refused(
        &fixture,
        &Run::default(),
        &bundle,
        &[],
        "not trusted for `kubeplan-bundle`",
    );
    fixture.trust(&stranger, "stranger", "kubeplan-bundle");
    installs(&fixture, &bundle, &[]);
}

#[test]
fn a_host_without_trusted_keys_says_how_to_add_one() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let list = fixture.host("/etc/kubeplan/allowed_signers");
    let saved = fs::read(&list).unwrap();
    fs::remove_file(&list).unwrap();
    let output = refused(
        &fixture,
        &Run::default(),
        &bundle,
        &[],
        "no key is trusted on this host",
    );
    assert!(
        output.stderr.contains("kubeapply trust add --root"),
        "{}",
        output.stderr
    );
    let elsewhere = fixture.path("signers");
    fs::write(&elsewhere, saved).unwrap();
    let elsewhere = elsewhere.display().to_string();
    installs(&fixture, &bundle, &["--allowed-signers", &elsewhere]);
}

#[test]
fn flags_can_only_make_the_policy_stricter() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    refused(
        &fixture,
        &Run::default(),
        &bundle,
        &["--require-authors", "2"],
        "2 trusted author",
    );
    refused(
        &fixture,
        &Run::default(),
        &bundle,
        &["--require-approvals", "1"],
        "approval",
    );
    let policy = fixture.host("/etc/kubeplan/policy.yaml");
    fs::write(
        &policy,
        "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\nauthors: 2\n",
    )
    .unwrap();
    refused(
        &fixture,
        &Run::default(),
        &bundle,
        &["--require-authors", "1"],
        "2 trusted author",
    );
    let second = PrivateKey::from_ed25519_seed(&[3; 32], "").unwrap();
    fixture.trust(&second, "second@example.com", "kubeplan-bundle");
    let author = fixture.author.clone();
    let bundle = fixture.write("two", Plan::default(), 1, &[&author, &second]);
    installs(&fixture, &bundle, &[]);
}

#[test]
fn changed_shortened_and_lengthened_bundles_are_refused() {
    let fixture = Fixture::new();
    let good = fixture.bundle(Plan::default());
    let bytes = fs::read(&good).unwrap();
    let bad = fixture.path("bad.tar.gz");
    let shown = bad.display().to_string();
    let before = fixture.snapshot();
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("nothing".into(), vec![]),
        ("one byte short".into(), bytes[..bytes.len() - 1].to_vec()),
        ("half".into(), bytes[..bytes.len() / 2].to_vec()),
        ("one byte more".into(), [bytes.as_slice(), b"\0"].concat()),
        (
            "twice".into(),
            [bytes.as_slice(), bytes.as_slice()].concat(),
        ),
        ("text".into(), b"not a bundle at all\n".to_vec()),
    ];
    for position in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut changed = bytes.clone();
        changed[position] ^= 1 << (position % 8);
        cases.push((format!("bit {position}"), changed));
    }
    for (name, content) in cases {
        fs::write(&bad, content).unwrap();
        let output = fixture.install(&shown, &[]);
        assert_eq!(output.code, 4, "{name}: {}", output.stderr);
        assert_eq!(fixture.snapshot(), before, "{name}");
    }
    refused(
        &fixture,
        &Run::default(),
        "/does/not/exist",
        &[],
        "cannot open",
    );
    installs(&fixture, &good, &[]);
}

#[test]
fn bundles_outside_their_time_are_refused() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let at = |now| Run {
        now,
        ..Run::default()
    };
    refused(
        &fixture,
        &at("2026-11-19T23:59:59Z"),
        &bundle,
        &[],
        "must not be installed before",
    );
    refused(
        &fixture,
        &at("2027-10-20T00:00:01Z"),
        &bundle,
        &[],
        "must not be installed after",
    );
    fixture
        .install_with(&at("2027-10-20T00:00:00Z"), &bundle, &[])
        .expect(0);
    fixture.install_with(&at(NOW), &bundle, &[]).expect(0);
}

#[test]
fn bundles_for_other_hosts_are_refused() {
    let fixture = Fixture::new();
    let key = PrivateKey::from_ed25519_seed(&[4; 32], "")
        .unwrap()
        .public();
    let id = "0123456789abcdef0123456789abcdef";
    let target = HostMatch {
        ssh_host_key: Some(key.fingerprint().to_string()),
        machine_id_hash: Some(HostMatch::hash_machine_id(id)),
        hostname: Some("cp-0".into()),
    };
    let bundle = fixture.bundle(Plan {
        target,
        ..Plan::default()
    });
    let output = refused(&fixture, &Run::default(), &bundle, &[], "does not exist");
    for field in ["sshHostKey", "machineIdHash", "hostname", "--as-node"] {
        assert!(output.stderr.contains(field), "{}", output.stderr);
    }
    refused(
        &fixture,
        &Run::default(),
        &bundle,
        &["--as-node", "cp-1"],
        "`cp-0`",
    );
    fs::create_dir_all(fixture.host("/etc/ssh")).unwrap();
    let public = fixture.host("/etc/ssh/ssh_host_ed25519_key.pub");
    fs::write(public, format!("{} root@cp-0\n", key.to_openssh())).unwrap();
    fs::write(fixture.host("/etc/machine-id"), format!("{id}\n")).unwrap();
    fs::write(fixture.host("/etc/hostname"), "cp-1\n").unwrap();
    refused(&fixture, &Run::default(), &bundle, &[], "`cp-1`");
    fs::write(fixture.host("/etc/hostname"), "CP-0\n").unwrap();
    installs(&fixture, &bundle, &[]);
}

#[test]
fn the_target_can_be_overridden_on_record() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan {
        target: HostMatch {
            hostname: Some("other".into()),
            ..HostMatch::default()
        },
        ..Plan::default()
    });
    refused(&fixture, &Run::default(), &bundle, &[], "hostname `other`");
    fixture.install(&bundle, &["--as-node", "cp-0"]).expect(0);
    assert!(
        fixture
            .read("/var/lib/kubeplan/installed.json")
            .contains("\"targetOverridden\":true")
    );
}

#[test]
fn test_bundles_need_a_directory_and_permission() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan {
        test_only: true,
        ..Plan::default()
    });
    refused(&fixture, &Run::default(), &bundle, &[], "public test keys");
    // The running system refuses whatever is allowed; a dry run, so that a failing test writes nothing.
    let signers = fixture
        .host("/etc/kubeplan/allowed_signers")
        .display()
        .to_string();
    let output = Run::default()
        .run(&[
            "install",
            &bundle,
            "--root",
            "/",
            "--dry-run",
            "--allow-test-only",
            "--allowed-signers",
            &signers,
        ])
        .expect(4);
    assert!(
        output.stderr.contains("public test keys"),
        "{}",
        output.stderr
    );
    installs(&fixture, &bundle, &["--allow-test-only"]);
}

#[test]
fn older_and_contradicting_serials_are_refused() {
    let fixture = Fixture::new();
    let author = fixture.author.clone();
    let newer = fixture.write("newer", Plan::default(), 5, &[&author]);
    let older = fixture.write("older", Plan::second(), 4, &[&author]);
    let same = fixture.write("same", Plan::second(), 5, &[&author]);
    installs(&fixture, &newer, &[]);
    refused(&fixture, &Run::default(), &older, &[], "serial 5");
    refused(&fixture, &Run::default(), &same, &[], "another plan");
    fixture.install(&newer, &[]).expect(0);
    fixture.install(&older, &["--allow-older-serial"]).expect(0);
    assert_eq!(fixture.read("/etc/app/pki/ca.crt"), "certificate 2\n");
    // Going back does not make the host forget how far it had come.
    refused(&fixture, &Run::default(), &older, &[], "serial 5");
    fixture.install(&newer, &[]).expect(0);
}

#[test]
fn without_a_matching_identity_the_recipients_are_named() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let (other, _) = Identities::generate();
    let file = fixture.path("other.txt");
    fs::write(&file, other.expose()).unwrap();
    let root = fixture.root();
    let file = file.display().to_string();
    for identity in [vec!["--identity", file.as_str()], vec![]] {
        let before = fixture.snapshot();
        let args = [vec!["install", &bundle, "--root", &root], identity].concat();
        let output = Run::default().run(&args).expect(4);
        assert!(
            output.stderr.contains("sealed to age1"),
            "{}",
            output.stderr
        );
        assert_eq!(fixture.snapshot(), before);
    }
    installs(&fixture, &bundle, &["--identity", &file]);
}

#[test]
fn the_hosts_own_ssh_key_opens_what_is_sealed_to_it() {
    let fixture = Fixture::new();
    let key = PrivateKey::from_ed25519_seed(&[5; 32], "root@cp-0").unwrap();
    let recipient = kubeplan_bundle::seal::Recipient::from_ssh(key.public()).unwrap();
    let bundle = fixture.bundle(Plan {
        recipients: Some(vec![recipient]),
        ..Plan::default()
    });
    let root = fixture.root();
    let args = ["install", bundle.as_str(), "--root", root.as_str()];
    let output = Run::default().run(&args).expect(4);
    let fingerprint = key.public().fingerprint().to_string();
    assert!(output.stderr.contains(&fingerprint), "{}", output.stderr);
    fs::create_dir_all(fixture.host("/etc/ssh")).unwrap();
    fs::write(
        fixture.host("/etc/ssh/ssh_host_ed25519_key"),
        key.to_openssh(None).unwrap().expose(),
    )
    .unwrap();
    Run::default().run(&args).expect(0);
}

#[test]
fn a_bundle_for_another_node_of_the_cluster_is_refused_by_name() {
    let fixture = Fixture::new();
    let own = fixture.bundle(Plan::default());
    installs(&fixture, &own, &[]);
    let plan = Plan {
        node: "cp-1",
        ..Plan::default()
    };
    for serial in [1, 2] {
        let other = fixture.write("other", plan.clone(), serial, &[&fixture.author]);
        let output = refused(
            &fixture,
            &Run::default(),
            &other,
            &[],
            "the bundle is for node cp-1; this host is node cp-0 of this cluster",
        );
        assert!(
            output.stderr.contains("--as-node cp-1"),
            "{}",
            output.stderr
        );
        assert!(!output.stderr.contains("older-serial"), "{}", output.stderr);
        let checked = fixture
            .run(&Run::default(), &["preflight", &other])
            .expect(4);
        assert!(
            checked.stderr.contains("this host is node cp-0"),
            "{}",
            checked.stderr
        );
    }
    // What the hint says is true; that two plans have the same serial is told apart from it.
    let other = fixture.write("other", plan, 1, &[&fixture.author]);
    fixture
        .install(&other, &["--as-node", "cp-1", "--dry-run"])
        .expect(0);
    let second = fixture.write("second", Plan::second(), 1, &[&fixture.author]);
    refused(&fixture, &Run::default(), &second, &[], "another plan");
    installs(&fixture, &own, &[]);
}

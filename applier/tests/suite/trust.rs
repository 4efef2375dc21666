//! Whom a host trusts, and how that is changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use kubeplan_bundle::signature::PrivateKey;

use crate::support::{Fixture, Plan, Run};

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_ed25519_seed(&[seed; 32], "someone").unwrap()
}

#[test]
fn keys_are_added_listed_and_revoked() {
    let fixture = Fixture::new();
    let root = fixture.root();
    let public = key(9).public();
    let fingerprint = public.fingerprint().to_string();
    let file = fixture.path("key.pub");
    fs::write(
        &file,
        format!("{} someone@example.com\n", public.to_openssh()),
    )
    .unwrap();
    let file = file.display().to_string();
    let add = [
        "trust",
        "add",
        &file,
        "--principal",
        "someone",
        "--fingerprint",
        &fingerprint,
        "--root",
        &root,
    ];
    assert!(Run::default().run(&add).expect(0).stderr.contains("added"));
    assert_eq!(fixture.mode("/etc/kubeplan/allowed_signers"), 0o644);
    assert_eq!(fixture.mode("/etc/kubeplan"), 0o755);
    let before = fixture.snapshot();
    assert!(
        Run::default()
            .run(&add)
            .expect(0)
            .stderr
            .contains("already listed")
    );
    assert_eq!(fixture.snapshot(), before);

    let list = Run::default()
        .run(&["trust", "list", "--root", &root])
        .expect(0);
    assert!(list.stdout.contains(&fingerprint), "{}", list.stdout);
    let json = Run::default()
        .run(&["trust", "list", "--format", "json", "--root", &root])
        .expect(0)
        .json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["signers"].as_array().unwrap().len(), 2);
    assert_eq!(json["signers"][1]["namespaces"][0], "kubeplan-bundle");

    let revoke = ["trust", "revoke", &fingerprint, "--root", &root];
    Run::default().run(&revoke).expect(0);
    assert!(
        !fixture
            .read("/etc/kubeplan/allowed_signers")
            .contains("someone")
    );
    Run::default().run(&revoke).expect(2);
}

#[test]
fn the_typed_fingerprint_is_the_confirmation() {
    let fixture = Fixture::new();
    let root = fixture.root();
    let public = key(9).public();
    let line = public.to_openssh();
    let right = public.fingerprint().to_string();
    let wrong = key(8).public().fingerprint().to_string();
    let base = [
        "trust",
        "add",
        &line,
        "--principal",
        "someone",
        "--root",
        &root,
    ];
    let before = fixture.snapshot();
    let args = [&base[..], &["--fingerprint", &wrong]].concat();
    let output = Run::default().run(&args).expect(2);
    assert!(output.stderr.contains(&right) && output.stderr.contains(&wrong));
    Run::default().run(&base).expect(2);
    let typed = |text: String| Run {
        stdin: text.leak(),
        terminal: true,
        ..Run::default()
    };
    typed("yes\n".into()).run(&base).expect(2);
    typed(String::new()).run(&base).expect(2);
    let output = typed(format!("{wrong}\n")).run(&base).expect(2);
    let question = output.stderr.split("error").next().unwrap();
    assert!(
        !question.contains(&right),
        "shown before it was typed: {question}"
    );
    assert_eq!(fixture.snapshot(), before);
    typed(format!("{right}\n")).run(&base).expect(0);
    assert!(
        fixture
            .read("/etc/kubeplan/allowed_signers")
            .contains("someone")
    );
}

#[test]
fn a_file_that_is_not_a_public_key_is_refused() {
    let fixture = Fixture::new();
    let root = fixture.root();
    let right = key(9).public().fingerprint().to_string();
    let file = fixture.path("key");
    fs::write(&file, key(9).to_openssh(None).unwrap().expose()).unwrap();
    let file = file.display().to_string();
    for (given, principal) in [
        (file.as_str(), "someone"),
        ("/does/not/exist", "someone"),
        ("ssh-ed25519 AAAA", "someone"),
        (&key(9).public().to_openssh(), "*"),
    ] {
        let before = fixture.snapshot();
        Run::default()
            .run(&[
                "trust",
                "add",
                given,
                "--principal",
                principal,
                "--fingerprint",
                &right,
                "--root",
                &root,
            ])
            .expect(2);
        assert_eq!(fixture.snapshot(), before, "{given}");
    }
}

#[test]
fn lists_that_others_may_write_and_broken_ones_are_not_believed() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let list = fixture.host("/etc/kubeplan/allowed_signers");
    let mode = |bits| fs::set_permissions(&list, fs::Permissions::from_mode(bits)).unwrap();
    for bits in [0o664, 0o646] {
        mode(bits);
        let output = fixture.install(&bundle, &[]).expect(4);
        assert!(
            output.stderr.contains("users other than its owner"),
            "{}",
            output.stderr
        );
    }
    mode(0o644);
    let good = fs::read_to_string(&list).unwrap();
    fs::write(&list, format!("{good}* cert-authority ssh-ed25519 AAAA\n")).unwrap();
    let output = fixture.install(&bundle, &[]).expect(2);
    assert!(output.stderr.contains("line 2"), "{}", output.stderr);
    fs::write(&list, good).unwrap();
    let policy = fixture.host("/etc/kubeplan/policy.yaml");
    fs::write(&policy, "authors: 1\n").unwrap();
    let output = fixture.install(&bundle, &[]).expect(2);
    assert!(output.stderr.contains("policy.yaml"), "{}", output.stderr);
    fs::remove_file(policy).unwrap();
    fixture.install(&bundle, &[]).expect(0);
}

#[test]
fn a_policy_that_cannot_be_read_is_told_in_one_line_and_a_missing_one_with_the_whole_command() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let policy = fixture.host("/etc/kubeplan/policy.yaml");
    let head = "apiVersion: kubeplan.io/v1alpha1\nkind: Policy\n";
    fs::write(&policy, format!("{head}author: 2\n")).unwrap();
    let output = fixture.install(&bundle, &[]).expect(2);
    assert!(
        output.stderr.contains("line 3: unknown field `author`"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("\\n"), "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains("`authors`, `approvals` and `liveJoin`"),
        "{}",
        output.stderr
    );
    fs::write(&policy, head).unwrap();
    fixture.install(&bundle, &[]).expect(0);
    let run = |words: &[&str]| fixture.run(&Run::default(), words);
    let before = run(&["status"]).expect(0);
    assert!(!before.stderr.contains("missing"), "{}", before.stderr);
    fs::remove_file(&policy).unwrap();
    let accept = format!(
        "kubeapply trust policy accept --none --root {}",
        fixture.root()
    );
    let shown = run(&["trust", "policy", "show"]).expect(0);
    assert!(shown.stderr.contains(&accept), "{}", shown.stderr);
    let status = run(&["status"]).expect(0);
    assert!(status.stderr.contains("is missing"), "{}", status.stderr);
    assert!(
        status.stdout.contains(&format!("next: {accept}\n")),
        "{}",
        status.stdout
    );
    let json = run(&["status", "--format", "json"]).expect(0).json();
    assert!(json["notes"][0].as_str().unwrap().contains("is missing"));
    let next = json["next"].as_array().unwrap();
    assert!(next.iter().any(|next| next == accept.as_str()), "{json}");
}

#[test]
fn a_list_of_signers_that_is_a_link_is_called_one() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let list = fixture.host("/etc/kubeplan/allowed_signers");
    fs::rename(&list, list.with_file_name("real")).unwrap();
    std::os::unix::fs::symlink("real", &list).unwrap();
    let output = fixture.install(&bundle, &[]).expect(4);
    assert!(
        output
            .stderr
            .contains("allowed_signers` is a symbolic link"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("hint:"), "{}", output.stderr);
}

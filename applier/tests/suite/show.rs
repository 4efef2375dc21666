//! Looking at bundles: `verify` for trusted ones, `show` for intact ones.

use std::collections::BTreeMap;
use std::fs;

use kubeplan_bundle::signature::PrivateKey;

use crate::support::{ADMIN, Fixture, Plan, Run, SECRET};

fn run(fixture: &Fixture, command: &str, bundle: &str, more: &[&str]) -> crate::support::Output {
    let root = fixture.root();
    let args = [&[command, bundle, "--root", &root], more].concat();
    Run::default().run(&args)
}

#[test]
fn verify_names_the_signers() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let before = fixture.snapshot();
    let output = run(&fixture, "verify", &bundle, &[]).expect(0);
    let fingerprint = fixture.author.public().fingerprint().to_string();
    assert!(output.stdout.contains(&fingerprint), "{}", output.stdout);
    assert!(
        output.stdout.contains("author@example.com"),
        "{}",
        output.stdout
    );
    let json = run(&fixture, "verify", &bundle, &["--format", "json"])
        .expect(0)
        .json();
    assert_eq!(json["version"], 2);
    assert_eq!(json["command"], "verify");
    assert_eq!(json["trust"], "trusted");
    assert_eq!(json["serial"], 1);
    assert_eq!(json["authors"][0]["fingerprint"], fingerprint.as_str());
    let unsigned = fixture.write("unsigned", Plan::default(), 1, &[]);
    run(&fixture, "verify", &unsigned, &[]).expect(4);
    assert_eq!(fixture.snapshot(), before);
}

#[test]
fn show_marks_bundles_without_a_trusted_signature() {
    let fixture = Fixture::new();
    let stranger = PrivateKey::from_ed25519_seed(&[2; 32], "").unwrap();
    let trusted = fixture.bundle(Plan::default());
    let untrusted = fixture.write("untrusted", Plan::default(), 1, &[&stranger]);
    let unsigned = fixture.write("unsigned", Plan::default(), 1, &[]);
    for (bundle, mark, level, code) in [
        (
            trusted.as_str(),
            "TRUSTED: signed by author@example.com (SHA256:",
            "trusted",
            0,
        ),
        (
            &untrusted,
            "UNTRUSTED: not signed by any key in this host's allowed_signers\n",
            "untrusted",
            4,
        ),
        (&unsigned, "UNSIGNED: no signature\n", "unsigned", 4),
    ] {
        let output = run(&fixture, "show", bundle, &[]).expect(code);
        let errors = output.stderr.matches("error:").count();
        assert_eq!(errors, usize::from(code != 0), "{}", output.stderr);
        assert_eq!(
            output.stderr.contains("hint:"),
            code != 0,
            "{}",
            output.stderr
        );
        assert!(output.stdout.starts_with(mark), "{}", output.stdout);
        assert!(output.stdout.contains(ADMIN), "{}", output.stdout);
        assert!(
            output.stdout.contains("sealed kubeconfig"),
            "{}",
            output.stdout
        );
        assert!(!output.stdout.contains(SECRET));
        let json = run(&fixture, "show", bundle, &["--format", "json"])
            .expect(code)
            .json();
        assert_eq!(json["trust"], level);
        assert_eq!(json["index"]["node"]["name"], "cp-0");
    }
    let mut bytes = fs::read(&unsigned).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(&unsigned, bytes).unwrap();
    let output = run(&fixture, "show", &unsigned, &[]).expect(4);
    assert!(output.stdout.is_empty());
}

#[test]
fn show_says_what_is_missing_and_fails_only_where_trusted_keys_are_named() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    for (flag, line) in [
        ("--require-approvals=1", "UNTRUSTED: 0 of 1 approvals\n"),
        ("--require-authors=2", "UNTRUSTED: 1 of 2 authors\n"),
    ] {
        let output = run(&fixture, "show", &bundle, &[flag]).expect(4);
        assert!(output.stdout.starts_with(line), "{}", output.stdout);
        assert!(output.stdout.contains(ADMIN), "{}", output.stdout);
    }
    let list = fixture.host("/etc/kubeplan/allowed_signers");
    let other = fixture.path("others");
    fs::write(&other, "").unwrap();
    let other = other.display().to_string();
    let output = run(&fixture, "show", &bundle, &["--allowed-signers", &other]).expect(4);
    let line = format!("UNTRUSTED: not signed by any key in `{other}`\n");
    assert!(output.stdout.starts_with(&line), "{}", output.stdout);
    // A list that cannot be used is no reason to believe that there is none.
    let saved = fs::read(&list).unwrap();
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    let output = run(&fixture, "show", &bundle, &[]).expect(4);
    assert!(output.stdout.starts_with("UNTRUSTED"), "{}", output.stdout);
    fs::remove_dir(&list).unwrap();
    let output = run(&fixture, "show", &bundle, &[]).expect(0);
    assert!(
        output
            .stdout
            .starts_with("UNTRUSTED: no key is trusted on this host\n"),
        "{}",
        output.stdout
    );
    assert!(!output.stderr.contains("error:"), "{}", output.stderr);
    fs::write(&list, saved).unwrap();
    run(&fixture, "show", &bundle, &[]).expect(0);
}

#[test]
fn text_inside_a_bundle_cannot_repaint_the_terminal() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan {
        annotations: BTreeMap::from([("note".into(), "\u{1b}[2J\nTRUSTED".into())]),
        ..Plan::default()
    });
    let output = run(&fixture, "show", &bundle, &[]).expect(0);
    assert!(!output.stdout.contains('\u{1b}'), "{}", output.stdout);
    assert_eq!(output.stdout.matches("\nTRUSTED").count(), 0);
}

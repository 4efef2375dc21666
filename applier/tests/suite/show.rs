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
fn verify_names_who_vouches() {
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
    assert_eq!(json["version"], 1);
    assert_eq!(json["command"], "verify");
    assert_eq!(json["serial"], 1);
    assert_eq!(json["authors"][0]["fingerprint"], fingerprint.as_str());
    let unsigned = fixture.write("unsigned", Plan::default(), 1, &[]);
    run(&fixture, "verify", &unsigned, &[]).expect(4);
    assert_eq!(fixture.snapshot(), before);
}

#[test]
fn show_marks_what_nobody_vouches_for() {
    let fixture = Fixture::new();
    let stranger = PrivateKey::from_ed25519_seed(&[2; 32], "").unwrap();
    let trusted = fixture.bundle(Plan::default());
    let untrusted = fixture.write("untrusted", Plan::default(), 1, &[&stranger]);
    let unsigned = fixture.write("unsigned", Plan::default(), 1, &[]);
    for (bundle, mark, level) in [
        (trusted.as_str(), "TRUSTED\n", "trusted"),
        (&untrusted, "UNTRUSTED", "untrusted"),
        (&unsigned, "UNSIGNED", "unsigned"),
    ] {
        let output = run(&fixture, "show", bundle, &[]).expect(0);
        assert!(output.stdout.starts_with(mark), "{}", output.stdout);
        assert!(output.stdout.contains(ADMIN), "{}", output.stdout);
        assert!(
            output.stdout.contains("sealed kubeconfig"),
            "{}",
            output.stdout
        );
        assert!(!output.stdout.contains(SECRET));
        let json = run(&fixture, "show", bundle, &["--format", "json"])
            .expect(0)
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

//! Bundle, record and host: what is written, what is left, what is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use kubeplan_bundle::digest::Sha256Digest;

use crate::support::{ADMIN, CA, CONFIG, FILES, Fixture, HANDOFF, MANIFEST, Plan, SECRET};

fn second(fixture: &Fixture) -> String {
    let author = fixture.author.clone();
    fixture.write("second.tar.gz", Plan::second(), 2, &[&author])
}

#[test]
fn modes_and_contents_are_exact() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(
        output.stdout.contains("next: the tree"),
        "{}",
        output.stdout
    );
    for path in FILES {
        assert_eq!(fixture.read(path), Plan::default().content(path), "{path}");
    }
    for (path, mode) in [
        (CA, 0o644),
        (ADMIN, 0o600),
        (HANDOFF, 0o600),
        (CONFIG, 0o644),
        (MANIFEST, 0o600),
        ("/etc/app", 0o755),
        ("/etc/app/pki", 0o755),
        ("/etc/app/manifests", 0o700),
        ("/var/lib/agent", 0o700),
        ("/var", 0o755),
        ("/var/lib", 0o755),
        ("/var/lib/kubeplan", 0o700),
        ("/var/lib/kubeplan/installed.json", 0o600),
        ("/var/lib/kubeplan/serials.json", 0o600),
        ("/var/lib/kubeplan/salt", 0o600),
        ("/var/lib/kubeplan/lock", 0o600),
    ] {
        assert_eq!(fixture.mode(path), mode, "{path}");
    }
    assert!(fixture.leftovers().is_empty());
    let record = fixture.read("/var/lib/kubeplan/installed.json");
    let secret_digest = Sha256Digest::of(Plan::default().content(ADMIN).as_bytes()).to_string();
    assert!(
        !record.contains(&secret_digest),
        "a plain digest of a secret"
    );
    assert!(record.contains(&Sha256Digest::of(b"certificate 1\n").to_string()));
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    let before = fixture.snapshot();
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(
        output.stdout.contains("nothing to change"),
        "{}",
        output.stdout
    );
    assert_eq!(fixture.snapshot(), before);
    let json = fixture
        .install(&bundle, &["--format", "json"])
        .expect(0)
        .json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["result"], "unchanged");
}

#[test]
fn files_that_are_as_installed_are_updated() {
    let fixture = Fixture::new();
    fixture
        .install(&fixture.bundle(Plan::default()), &[])
        .expect(0);
    fixture.install(&second(&fixture), &[]).expect(0);
    for path in [CA, ADMIN, CONFIG, MANIFEST] {
        assert_eq!(fixture.read(path), Plan::second().content(path), "{path}");
    }
    // Handed off: its owner decides about it from the first installation on.
    assert_eq!(fixture.read(HANDOFF), Plan::default().content(HANDOFF));
}

#[test]
fn drift_is_reported_and_left() {
    let fixture = Fixture::new();
    let first = fixture.bundle(Plan::default());
    fixture.install(&first, &[]).expect(0);
    fs::write(fixture.host(CONFIG), "changed by hand\n").unwrap();
    fs::set_permissions(fixture.host(CA), fs::Permissions::from_mode(0o640)).unwrap();
    for bundle in [first, second(&fixture)] {
        let output = fixture.install(&bundle, &[]).expect(0);
        assert!(output.stdout.contains("drift"), "{}", output.stdout);
        assert!(output.stderr.contains(CONFIG) && output.stderr.contains(CA));
        assert_eq!(fixture.read(CONFIG), "changed by hand\n");
        assert_eq!(fixture.mode(CA), 0o640);
    }
    assert_eq!(fixture.read(MANIFEST), "manifest: 2\n");
    let bundle = fixture.path("second.tar.gz").display().to_string();
    fixture
        .install(&bundle, &["--overwrite-drift", CONFIG])
        .expect(0);
    assert_eq!(fixture.read(CONFIG), Plan::second().config);
    assert_eq!(fixture.mode(CA), 0o640, "only the named path");
    fixture
        .install(&bundle, &["--overwrite-drift", "/etc/app/none"])
        .expect(2);
}

#[test]
fn handed_off_files_are_never_touched() {
    let fixture = Fixture::new();
    fixture
        .install(&fixture.bundle(Plan::default()), &[])
        .expect(0);
    fs::write(fixture.host(HANDOFF), "rotated\n").unwrap();
    let output = fixture
        .install(&second(&fixture), &["--overwrite-drift", HANDOFF])
        .expect(0);
    assert!(output.stderr.contains("handed off"), "{}", output.stderr);
    assert_eq!(fixture.read(HANDOFF), "rotated\n");
    fs::remove_file(fixture.host(HANDOFF)).unwrap();
    let bundle = fixture.path("second.tar.gz").display().to_string();
    fixture.install(&bundle, &[]).expect(0);
    assert_eq!(fixture.read(HANDOFF), Plan::second().content(HANDOFF));
}

#[test]
fn foreign_files_are_refused_all_at_once_and_equal_ones_adopted() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fs::create_dir_all(fixture.host("/etc/app/pki")).unwrap();
    fs::write(fixture.host(CA), "another program's\n").unwrap();
    fs::write(fixture.host(ADMIN), "another program's too\n").unwrap();
    let before = fixture.snapshot();
    let output = fixture.install(&bundle, &[]).expect(5);
    assert!(output.stderr.contains(CA) && output.stderr.contains(ADMIN));
    assert_eq!(fixture.snapshot(), before);
    fixture
        .install(&bundle, &["--overwrite-drift", CA])
        .expect(5);
    assert_eq!(fixture.snapshot(), before);
    fs::write(fixture.host(ADMIN), Plan::default().content(ADMIN)).unwrap();
    fs::set_permissions(fixture.host(ADMIN), fs::Permissions::from_mode(0o600)).unwrap();
    let kept = fs::metadata(fixture.host(ADMIN)).unwrap().ino();
    let output = fixture
        .install(&bundle, &["--overwrite-drift", CA])
        .expect(0);
    assert!(output.stdout.contains("adopt"), "{}", output.stdout);
    assert!(output.stdout.contains("overwrite"), "{}", output.stdout);
    assert_eq!(fs::metadata(fixture.host(ADMIN)).unwrap().ino(), kept);
    // Adopted: from now on it is updated like any other.
    fixture.install(&second(&fixture), &[]).expect(0);
    assert_eq!(fixture.read(ADMIN), Plan::second().content(ADMIN));
}

/// A refusal is what there is to read: the files that could be written are not listed around it, as a dry run does.
#[test]
fn a_refusal_is_not_buried_in_the_files_that_could_be_written() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fs::create_dir_all(fixture.host("/etc/app/pki")).unwrap();
    fs::write(fixture.host(CA), "another program's\n").unwrap();
    let dry = fixture.install(&bundle, &["--dry-run"]);
    assert!(
        dry.stdout.contains(ADMIN) && dry.stdout.contains(CA),
        "{}",
        dry.stdout
    );
    let refused = fixture.install(&bundle, &[]).expect(5);
    assert!(!refused.stdout.contains(ADMIN), "{}", refused.stdout);
    let others = "8 other files and directories are not in the way; --dry-run lists them\n";
    assert!(refused.stdout.contains(others), "{}", refused.stdout);
    let lines: Vec<&str> = refused.stderr.lines().collect();
    assert!(lines.len() <= 4, "{}", refused.stderr);
    assert!(
        refused.stderr.contains(CA) && !refused.stderr.contains(ADMIN),
        "{}",
        refused.stderr
    );
    assert!(
        lines
            .iter()
            .any(|line| line.trim_start().starts_with("hint: ")),
        "{}",
        refused.stderr
    );
}

#[test]
fn files_of_another_cluster_are_foreign() {
    let fixture = Fixture::new();
    fixture
        .install(&fixture.bundle(Plan::default()), &[])
        .expect(0);
    let author = fixture.author.clone();
    let other = Plan {
        cluster_id: Sha256Digest::of(b"another ca"),
        ..Plan::second()
    };
    let bundle = fixture.write("other", other, 1, &[&author]);
    let before = fixture.snapshot();
    fixture.install(&bundle, &[]).expect(5);
    assert_eq!(fixture.snapshot(), before);
}

#[test]
fn what_is_in_the_way_is_refused() {
    type Block = fn(&Fixture);
    let cases: &[(&str, Block)] = &[
        ("symbolic link", |f| {
            fs::create_dir_all(f.host("/etc/app/pki")).unwrap();
            fs::write(f.path("victim"), "x").unwrap();
            symlink(f.path("victim"), f.host(CA)).unwrap();
        }),
        ("a directory is where the file", |f| {
            fs::create_dir_all(f.host(CA)).unwrap();
        }),
        ("a file is where the directory", |f| {
            fs::create_dir_all(f.host("/etc/app")).unwrap();
            fs::write(f.host("/etc/app/pki"), "x").unwrap();
        }),
        ("a FIFO", |f| {
            fs::create_dir_all(f.host("/etc/app/pki")).unwrap();
            rustix::fs::mkfifoat(
                rustix::fs::CWD,
                f.host(CA),
                rustix::fs::Mode::from_raw_mode(0o600),
            )
            .unwrap();
        }),
        ("leads out of the root", |f| {
            fs::create_dir_all(f.path("outside")).unwrap();
            symlink("../../outside", f.host("/etc/app")).unwrap();
        }),
        ("does not exist inside the root", |f| {
            fs::create_dir_all(f.path("outside")).unwrap();
            symlink(f.path("outside"), f.host("/etc/app")).unwrap();
        }),
    ];
    for (says, block) in cases {
        let fixture = Fixture::new();
        let bundle = fixture.bundle(Plan::default());
        block(&fixture);
        let before = fixture.snapshot();
        for more in [&[][..], &["--overwrite-drift", CA], &["--dry-run"]] {
            let output = fixture.install(&bundle, more).expect(5);
            assert!(output.stderr.contains(says), "{says}: {}", output.stderr);
            assert_eq!(fixture.snapshot(), before, "{says}");
        }
        if fixture.path("outside").exists() {
            assert_eq!(fs::read_dir(fixture.path("outside")).unwrap().count(), 0);
        }
    }
}

#[test]
fn directories_that_exist_are_left_and_links_inside_the_root_followed() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fs::create_dir_all(fixture.host("/data/agent")).unwrap();
    fs::create_dir_all(fixture.host("/var/lib")).unwrap();
    symlink("/data/agent", fixture.host("/var/lib/agent")).unwrap();
    fs::create_dir_all(fixture.host("/etc/app")).unwrap();
    fs::set_permissions(fixture.host("/etc/app"), fs::Permissions::from_mode(0o711)).unwrap();
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(
        output.stderr.contains("mode 0711 instead of 0755"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("reached by a link"),
        "{}",
        output.stderr
    );
    assert_eq!(fixture.mode("/etc/app"), 0o711);
    assert_eq!(
        fixture.read("/data/agent/config.yaml"),
        Plan::default().config
    );
    assert!(fixture.leftovers().is_empty());
}

#[test]
fn files_that_are_no_longer_planned_are_left_and_named() {
    let fixture = Fixture::new();
    fixture
        .install(&fixture.bundle(Plan::default()), &[])
        .expect(0);
    let author = fixture.author.clone();
    let plan = Plan {
        without_config: true,
        ..Plan::second()
    };
    let bundle = fixture.write("fewer", plan, 2, &[&author]);
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(
        output.stderr.contains("no longer planned"),
        "{}",
        output.stderr
    );
    assert_eq!(fixture.read(CONFIG), Plan::default().config);
}

#[test]
fn a_dry_run_shows_everything_but_secrets_and_writes_nothing() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let before = fixture.snapshot();
    let output = fixture.install(&bundle, &["--dry-run"]).expect(0);
    assert_eq!(fixture.snapshot(), before);
    for text in [
        "create",
        "0600",
        CA,
        ADMIN,
        "+certificate 1",
        "[secret]",
        "<sealed>",
    ] {
        assert!(output.stdout.contains(text), "{text}: {}", output.stdout);
    }
    assert!(!output.stdout.contains(SECRET) && !output.stderr.contains(SECRET));

    fixture.install(&bundle, &[]).expect(0);
    let before = fixture.snapshot();
    let second = second(&fixture);
    for format in ["text", "json"] {
        let output = fixture
            .install(&second, &["--dry-run", "--format", format])
            .expect(0);
        assert_eq!(fixture.snapshot(), before);
        for text in ["-config: 1", "+config: 2", "secret values differ", "update"] {
            assert!(output.stdout.contains(text), "{text}: {}", output.stdout);
        }
        for secret in [SECRET, Plan::second().secret.as_str()] {
            assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret));
        }
    }
    // What cannot be redacted is not shown at all.
    fs::write(fixture.host(ADMIN), format!("token={SECRET}\n")).unwrap();
    let output = fixture.install(&second, &["--dry-run"]).expect(0);
    assert!(
        output.stdout.contains("differs (secret)"),
        "{}",
        output.stdout
    );
    assert!(!output.stdout.contains(SECRET));
}

#[test]
fn owners_are_exact_for_root() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let output = fixture.install(&bundle, &[]).expect(0);
    let own = fs::metadata(fixture.path("root")).unwrap();
    let found = fs::metadata(fixture.host(CA)).unwrap();
    if own.uid() == 0 {
        assert_eq!((found.uid(), found.gid()), (0, 0));
        std::os::unix::fs::chown(fixture.host(CA), Some(1234), None).unwrap();
        let output = fixture.install(&bundle, &[]).expect(0);
        assert!(output.stdout.contains("owner differs"), "{}", output.stdout);
    } else {
        assert_eq!(found.uid(), own.uid());
        assert!(
            output.stderr.contains("not running as root"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn a_file_with_a_set_user_id_bit_is_not_to_be_overwritten() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    let file = fixture.host(CONFIG);
    let mode = fixture.mode(CONFIG);
    let set = |mode: u32| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    set(mode | 0o4000);
    let mend = format!("`chmod u-s,g-s,-t {}`", file.display());
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(output.stderr.contains(&mend), "{}", output.stderr);
    assert!(
        !output.stderr.contains("--overwrite-drift"),
        "{}",
        output.stderr
    );
    let output = fixture
        .install(&bundle, &["--overwrite-drift", CONFIG])
        .expect(5);
    assert!(output.stderr.contains(&mend), "{}", output.stderr);
    assert!(
        !output.stderr.contains("--overwrite-drift"),
        "{}",
        output.stderr
    );
    set(mode);
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(!output.stderr.contains("chmod"), "{}", output.stderr);
    // Nor is one that was never installed here.
    let fixture = Fixture::new();
    let file = fixture.host(CONFIG);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "foreign").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4755)).unwrap();
    let bundle = fixture.bundle(Plan::default());
    let output = fixture.install(&bundle, &[]).expect(5);
    let mend = format!("`chmod u-s,g-s,-t {}`", file.display());
    assert!(output.stderr.contains(&mend), "{}", output.stderr);
    assert!(
        !output.stderr.contains("--overwrite-drift"),
        "{}",
        output.stderr
    );
}

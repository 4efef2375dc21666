//! Damaged memory is a clear error, and one run at a time.

use std::fs;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;

use rustix::fs::{FlockOperation, flock};

use kubeplan_bundle::digest::Sha256Digest;

use crate::support::{CONFIG, Fixture, Plan, Run};

#[test]
fn damaged_state_files_are_named() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    for name in ["installed.json", "serials.json", "salt"] {
        let path = fixture.host(&format!("/var/lib/kubeplan/{name}"));
        let good = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&good).into_owned();
        let mut cases: Vec<Vec<u8>> = vec![
            vec![],
            b"{}\n".to_vec(),
            b"[[[[\n".to_vec(),
            good[1..].to_vec(),
        ];
        if name != "salt" {
            cases.push(text.replacen('{', "{\"also\":1,", 1).into_bytes());
            cases.push(
                text.replacen("/1\"", "/9\"", 1)
                    .replacen("/2\"", "/9\"", 1)
                    .into_bytes(),
            );
            cases.push(b"\xff\xfe".to_vec());
        }
        for case in cases {
            fs::write(&path, &case).unwrap();
            let before = fixture.snapshot();
            let output = fixture.install(&bundle, &[]).expect(1);
            assert!(output.stderr.contains(name), "{}", output.stderr);
            assert_eq!(fixture.snapshot(), before);
        }
        fs::write(&path, good).unwrap();
        fixture.install(&bundle, &[]).expect(0);
    }
    // A record of secrets without its key is not quietly drift.
    fs::remove_file(fixture.host("/var/lib/kubeplan/salt")).unwrap();
    let author = fixture.author.clone();
    let second = fixture.write("second", Plan::second(), 2, &[&author]);
    let output = fixture.install(&second, &[]).expect(1);
    assert!(output.stderr.contains("salt"), "{}", output.stderr);
}

#[test]
fn another_run_holds_the_lock() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    fixture.install(&bundle, &[]).expect(0);
    let lock = File::open(fixture.host("/var/lib/kubeplan/lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let before = fixture.snapshot();
    let output = fixture.install(&bundle, &[]).expect(7);
    // Who it is can be found out unless the process is in another namespace.
    assert!(
        output.stderr.contains("another process") || output.stderr.contains("started 2"),
        "{}",
        output.stderr
    );
    assert_eq!(fixture.snapshot(), before);
    // Looking needs no lock.
    fixture.install(&bundle, &["--dry-run"]).expect(0);
    drop(lock);
    fixture.install(&bundle, &[]).expect(0);
}

/// Before there were journals, `installed.json` itself held what a run was about to write.
#[test]
fn records_of_earlier_versions_are_read() {
    let fixture = Fixture::new();
    fixture
        .install(&fixture.bundle(Plan::default()), &[])
        .expect(0);
    fs::remove_dir_all(fixture.host("/var/lib/kubeplan/runs")).unwrap();
    let path = fixture.host("/var/lib/kubeplan/installed.json");
    let mut record: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    record["format"] = "kubeplan.io/installed/1".into();
    let node = record["nodes"][0].as_object_mut().unwrap();
    for field in ["folders", "installed"] {
        node.remove(field).unwrap();
    }
    for file in node["files"].as_object_mut().unwrap().values_mut() {
        let file = file.as_object_mut().unwrap();
        file.remove("origin").unwrap();
        file.remove("handoff");
    }
    // The run that was to replace this file was stopped after it did.
    fs::write(fixture.host(CONFIG), "config: half way\n").unwrap();
    let mut pending = node["files"][CONFIG]["current"].clone();
    let digest = Sha256Digest::of(b"config: half way\n").to_string();
    pending["digest"]["sha256"] = digest.into();
    node["files"][CONFIG]["pending"] = pending;
    fs::write(&path, format!("{record}\n")).unwrap();
    let status = fixture.run(&Run::default(), &["status"]).expect(0);
    assert!(
        !status.stdout.contains("changed since"),
        "{}",
        status.stdout
    );
    let author = fixture.author.clone();
    let second = fixture.write("second", Plan::second(), 2, &[&author]);
    let output = fixture.install(&second, &[]).expect(0);
    assert!(!output.stdout.contains("drift"), "{}", output.stdout);
    assert_eq!(fixture.read(CONFIG), Plan::second().config);
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("installed/2") && !text.contains("pending"),
        "{text}"
    );
}

#[test]
fn a_state_directory_that_another_user_can_change_is_named_before_anything_is_written() {
    for name in ["receipts", "runs", "runs/0001/backup"] {
        let fixture = Fixture::new();
        let first = fixture.bundle(Plan::default());
        fixture.install(&first, &[]).expect(0);
        let second = fixture.write("second", Plan::second(), 2, &[&fixture.author]);
        let directory = fixture.host(&format!("/var/lib/kubeplan/{name}"));
        fs::create_dir_all(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        let before = fixture.snapshot();
        let output = fixture.install(&second, &[]).expect(1);
        let mend = format!("chmod go-w {}", directory.display());
        assert!(output.stderr.contains(&mend), "{}", output.stderr);
        assert_eq!(fixture.snapshot(), before, "{name}");
        let output = fixture
            .run(&Run::default(), &["preflight", &second])
            .expect(1);
        assert!(output.stderr.contains(&mend), "{}", output.stderr);
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        fixture.install(&second, &[]).expect(0);
    }
}

//! Damaged memory is a clear error, and one run at a time.

use std::fs;
use std::fs::File;

use rustix::fs::{FlockOperation, flock};

use crate::support::{Fixture, Plan};

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
    assert!(output.stderr.contains("process"), "{}", output.stderr);
    assert_eq!(fixture.snapshot(), before);
    // Looking needs no lock.
    fixture.install(&bundle, &["--dry-run"]).expect(0);
    drop(lock);
    fixture.install(&bundle, &[]).expect(0);
}

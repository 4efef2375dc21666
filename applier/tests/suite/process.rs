//! The program as a process: umask, exit codes, pipes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use crate::support::{ADMIN, CA, FILES, Fixture, MANIFEST, Plan};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubeapply");

fn bundle(fixture: &Fixture) -> String {
    // The process has the real clock.
    fixture.bundle(Plan {
        apply_after: "2000-01-01T00:00:00Z",
        apply_before: "9999-01-01T00:00:00Z",
        ..Plan::default()
    })
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["0777", "0000"] {
        let fixture = Fixture::new();
        let bundle = bundle(&fixture);
        let output = Command::new("sh")
            .args([
                "-c",
                "umask \"$1\"; shift; exec \"$@\"",
                "sh",
                umask,
                PROGRAM,
            ])
            .args(["install", &bundle, "--root", &fixture.root(), "--identity"])
            .arg(fixture.path("identity.txt"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        for path in FILES {
            assert_eq!(fixture.read(path), Plan::default().content(path));
        }
        for (path, mode) in [
            (CA, 0o644),
            (ADMIN, 0o600),
            (MANIFEST, 0o600),
            ("/etc/app", 0o755),
            ("/etc/app/manifests", 0o700),
            ("/var/lib", 0o755),
            ("/var/lib/kubeplan", 0o700),
            ("/var/lib/kubeplan/salt", 0o600),
        ] {
            assert_eq!(fixture.mode(path), mode, "{path} with umask {umask}");
        }
    }
}

/// The operator's current directory may hold programs with the names of the host's, put there by another user.
#[test]
fn programs_are_not_run_from_where_the_operator_stands() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("here");
    let bin = here.join("bin");
    fs::create_dir_all(&bin).unwrap();
    for place in [dir.path(), &here, &bin] {
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let marker = dir.path().join("run");
    for directory in [&here, &bin] {
        for name in ["kubelet", "systemctl"] {
            let path = directory.join(name);
            let text = format!(
                "#!/bin/sh\nprintf '%s\\n' \"$PATH\" >> '{}'\necho Kubernetes v1.2.3\n",
                marker.display()
            );
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let facts = |path: &str| {
        let _ = fs::remove_file(&marker);
        let output = Command::new(PROGRAM)
            .args(["facts"])
            .current_dir(&here)
            .env("PATH", path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            fs::read_to_string(&marker).unwrap_or_default(),
            text.contains("v1.2.3"),
        )
    };
    for relative in ["", ".", "bin", "./bin:.:", "../here"] {
        assert_eq!(facts(relative), (String::new(), false), "{relative:?}");
    }
    let absolute = format!(".:{}:bin", bin.display());
    let (seen, found) = facts(&absolute);
    assert!(found, "the control: an absolute entry counts");
    // What the program starts in turn does not come from there either.
    for entry in seen.lines().flat_map(|line| line.split(':')) {
        assert!(entry.starts_with('/'), "{seen}");
    }
    fs::set_permissions(&bin, fs::Permissions::from_mode(0o777)).unwrap();
    let is_root = fs::metadata(&bin).unwrap().uid() == 0;
    assert_eq!(facts(&absolute).1, !is_root, "root runs nothing from there");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let fixture = Fixture::new();
    let bundle = bundle(&fixture);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(PROGRAM)
        .args(["show", &bundle, "--root", &fixture.root()])
        .stdout(writer)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn exit_codes_and_streams_are_those_of_the_library() {
    let fixture = Fixture::new();
    let run = |args: &[&str]| Command::new(PROGRAM).args(args).output().unwrap();
    let help = run(&["install", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(help.stderr.is_empty() && !help.stdout.is_empty());
    let usage = run(&["install"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(usage.stdout.is_empty() && !usage.stderr.is_empty());
    let garbage = fixture.path("garbage");
    fs::write(&garbage, "garbage").unwrap();
    let refused = run(&[
        "verify",
        garbage.to_str().unwrap(),
        "--root",
        &fixture.root(),
    ]);
    assert_eq!(refused.status.code(), Some(4));
}

//! Tests that need the real process: defaults relative to the current directory, modes under a hostile umask, a
//! closed pipe.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of the process: a panic is a failed test"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const CONFIG: &str = include_str!("../../fixtures/single-node-ecdsa.yaml");

fn kubeplan(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubeplan"));
    command.current_dir(directory).env_clear();
    command
}

fn planned() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("cluster.yaml"), CONFIG).unwrap();
    // Through a shell, to set a umask that removes no permissions.
    let program = env!("CARGO_BIN_EXE_kubeplan");
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("umask 0; exec {program} plan -f cluster.yaml -o out"),
        ])
        .current_dir(directory.path())
        .env_clear()
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    assert!(
        err.contains("no signing key is configured: made the key kubernetes.kubeplan/keys/author"),
        "{err}"
    );
    assert!(
        err.contains("made an age identity for it, kubernetes.kubeplan/identities/cp1.age"),
        "{err}"
    );
    directory
}

#[test]
fn plan_makes_a_private_workspace_beside_the_current_directory() {
    let directory = planned();
    let mode = |path: &str| {
        fs::metadata(directory.path().join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    for private in [
        "kubernetes.kubeplan",
        "kubernetes.kubeplan/pki",
        "kubernetes.kubeplan/keys",
        "kubernetes.kubeplan/identities",
    ] {
        assert_eq!(mode(private), 0o700, "{private}");
    }
    for secret in [
        "kubernetes.kubeplan/keys/author",
        "kubernetes.kubeplan/identities/cp1.age",
        "kubernetes.kubeplan/pki/ca.key",
        "kubernetes.kubeplan/pki/store.json",
        "kubernetes.kubeplan/pki/nodes/cp1/apiserver.key",
    ] {
        assert_eq!(mode(secret), 0o600, "{secret}");
    }
    assert!(directory.path().join("out/cp1.kubernetes.tar.gz").is_file());
    assert!(
        directory
            .path()
            .join("kubernetes.kubeplan/keys/author.pub")
            .is_file()
    );
}

#[test]
fn a_second_plan_reuses_everything() {
    let directory = planned();
    let read =
        |path: &str| fs::read(directory.path().join("kubernetes.kubeplan").join(path)).unwrap();
    let before = ["pki/ca.key", "keys/author", "identities/cp1.age"].map(read);
    let output = kubeplan(directory.path())
        .args(["plan", "-f", "cluster.yaml", "-o", "out"])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("serial       "));
    assert_eq!(
        ["pki/ca.key", "keys/author", "identities/cp1.age"].map(read),
        before
    );
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let directory = planned();
    let mut child = kubeplan(directory.path())
        .args(["show", "out/cp1.kubernetes.tar.gz"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

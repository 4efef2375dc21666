//! Checks before anything is changed, through the command line: what is looked at in a tree, what stops an installation, what
//! may be ignored, what an earlier installation explains.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use kubeplan_bundle::check::{
    Check, CheckKind, CpuCount, DirectoryEmpty, PathAbsent, SameCluster, Severity,
};

use crate::support::{CA, Fixture, MANIFEST, Plan, Run};

fn check(name: &str, severity: Severity, look: CheckKind) -> Check {
    Check {
        name: name.parse().unwrap(),
        severity,
        look,
    }
}

/// One run: the manifest is not there, the data directory is empty, and something that only the running host can tell.
fn checks() -> Vec<Check> {
    vec![
        check(
            "FileAvailable--etc-app-manifests-server.yaml",
            Severity::Error,
            CheckKind::from(PathAbsent {
                path: MANIFEST.parse().unwrap(),
            }),
        ),
        check(
            "DirAvailable--var-lib-data",
            Severity::Error,
            CheckKind::from(DirectoryEmpty {
                path: "/var/lib/data".parse().unwrap(),
            }),
        ),
        check(
            "NumCPU",
            Severity::Error,
            CheckKind::from(CpuCount { minimum: 100_000 }),
        ),
        check(
            "SameCluster",
            Severity::Error,
            CheckKind::from(SameCluster {
                authority: "/etc/other/ca.crt".parse().unwrap(),
                kubeconfigs: vec![],
            }),
        ),
    ]
}

fn plan() -> Plan {
    Plan {
        checks: vec![checks()],
        ..Plan::default()
    }
}

fn preflight(fixture: &Fixture, bundle: &str, more: &[&str]) -> crate::support::Output {
    let root = fixture.root();
    let mut args = vec!["preflight", bundle, "--root", &root];
    args.extend(more);
    Run::default().run(&args)
}

fn put(fixture: &Fixture, path: &str, text: &str) {
    let at = fixture.host(path);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
}

fn outcome(report: &serde_json::Value, name: &str) -> String {
    report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {report}"))["outcome"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_tree_is_asked_what_files_can_tell_and_is_not_written_to() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    let before = fixture.snapshot();
    let output = preflight(&fixture, &bundle, &["--format", "json"]).expect(0);
    assert_eq!(fixture.snapshot(), before);
    let report = output.json();
    assert_eq!(report["version"], 1);
    assert_eq!(report["command"], "preflight");
    assert_eq!(report["passed"], true);
    let names: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "Target",
            "Clock",
            "Serial",
            "FileAvailable--etc-app-manifests-server.yaml",
            "DirAvailable--var-lib-data",
            "NumCPU",
            "SameCluster",
            "DiskSpace",
            "ForeignFiles",
        ]
    );
    assert_eq!(outcome(&report, "NumCPU"), "not-looked");
    assert_eq!(outcome(&report, "SameCluster"), "passed");
    let text = preflight(&fixture, &bundle, &[]).expect(0).stdout;
    assert!(
        text.contains("not looked at (needs the running host)"),
        "{text}"
    );
}

#[test]
fn all_findings_come_at_once_in_kubeadms_form() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    put(&fixture, MANIFEST, "another program's\n");
    put(&fixture, "/var/lib/data/member", "data");
    let output = preflight(&fixture, &bundle, &[]).expect(5);
    for line in [
        "[preflight] Some fatal errors occurred:\n",
        "\t[ERROR FileAvailable--etc-app-manifests-server.yaml]: ",
        "\t[ERROR DirAvailable--var-lib-data]: ",
        "\t[WARNING ForeignFiles]: ",
        "--ignore-preflight-errors",
    ] {
        assert!(output.stderr.contains(line), "{line}: {}", output.stderr);
    }
    assert!(
        output.stdout.contains("ERROR    FileAvailable"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_failed_check_stops_the_installation_before_anything_is_written() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    put(&fixture, "/var/lib/data/member", "data");
    let before = fixture.snapshot();
    for more in [&[][..], &["--dry-run"]] {
        let output = fixture.install(&bundle, more).expect(5);
        assert!(
            output.stderr.contains("[ERROR DirAvailable--var-lib-data]"),
            "{}",
            output.stderr
        );
        assert_eq!(fixture.snapshot(), before);
    }
    let ignored = ["--ignore-preflight-errors", "diravailable--VAR-lib-data"];
    let output = fixture.install(&bundle, &ignored).expect(0);
    assert!(
        output
            .stderr
            .contains("[WARNING DirAvailable--var-lib-data]"),
        "{}",
        output.stderr
    );
}

#[test]
fn the_bundle_may_ignore_and_all_stands_alone() {
    let fixture = Fixture::new();
    put(&fixture, "/var/lib/data/member", "data");
    let bundle = fixture.bundle(Plan {
        ignore: vec!["diravailable--var-lib-data", "numcpus"],
        ..plan()
    });
    let output = preflight(&fixture, &bundle, &[]).expect(0);
    assert!(output.stdout.contains("(ignored)"), "{}", output.stdout);
    assert!(
        output.stderr.contains("`numcpus`; did you mean NumCPU?"),
        "{}",
        output.stderr
    );
    preflight(&fixture, &bundle, &["--ignore-preflight-errors", "all"]).expect(2);
    preflight(&fixture, &bundle, &["--ignore-preflight-errors", "all,Mem"]).expect(2);
    let bundle = fixture.bundle(plan());
    preflight(&fixture, &bundle, &["--ignore-preflight-errors=all"]).expect(0);
}

#[test]
fn what_we_installed_ourselves_is_not_held_against_the_host() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    fixture.install(&bundle, &[]).expect(0);
    put(&fixture, "/var/lib/data/member", "data");
    fixture.install(&bundle, &[]).expect(0);
    let report = preflight(&fixture, &bundle, &["--format=json"])
        .expect(0)
        .json();
    for name in [
        "FileAvailable--etc-app-manifests-server.yaml",
        "DirAvailable--var-lib-data",
    ] {
        assert_eq!(outcome(&report, name), "ours", "{name}");
    }
    // Another cluster's bundle finds both in its way.
    let other = Plan {
        cluster_id: kubeplan_bundle::digest::Sha256Digest::of(b"other"),
        ..plan()
    };
    let bundle = fixture.bundle(other);
    let report = preflight(&fixture, &bundle, &["--format=json"])
        .expect(5)
        .json();
    assert_eq!(
        outcome(&report, "FileAvailable--etc-app-manifests-server.yaml"),
        "found"
    );
    assert_eq!(outcome(&report, "DirAvailable--var-lib-data"), "found");
}

#[test]
fn a_file_that_may_be_overwritten_does_not_stop_the_installation() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    put(&fixture, MANIFEST, "another program's\n");
    fixture.install(&bundle, &[]).expect(5);
    fixture
        .install(&bundle, &["--overwrite-drift", MANIFEST])
        .expect(0);
    assert_eq!(fixture.read(MANIFEST), Plan::default().content(MANIFEST));
}

#[test]
fn neither_clock_nor_target_nor_another_cluster_can_be_ignored() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    put(&fixture, "/etc/other/ca.crt", "no certificate\n");
    for ignored in ["all", "SameCluster"] {
        let flag = format!("--ignore-preflight-errors={ignored}");
        fixture.install(&bundle, &[&flag]).expect(5);
        let output = preflight(&fixture, &bundle, &[&flag]).expect(5);
        assert!(
            output
                .stderr
                .contains("[ERROR SameCluster]: could not look"),
            "{}",
            output.stderr
        );
    }
    fs::remove_file(fixture.host("/etc/other/ca.crt")).unwrap();
    let root = fixture.root();
    let late = Run {
        now: "2030-01-01T00:00:00Z",
        ..Run::default()
    };
    let output = late
        .run(&[
            "preflight",
            &bundle,
            "--root",
            &root,
            "--ignore-preflight-errors=Clock",
        ])
        .expect(4);
    assert!(output.stderr.contains("[ERROR Clock]"), "{}", output.stderr);
    assert!(!fixture.host(CA).exists());
}

#[test]
fn a_failed_run_stops_the_next_and_an_untrusted_bundle_is_not_looked_at() {
    let fixture = Fixture::new();
    let (first, last) = (checks().remove(0), checks().remove(3));
    let bundle = fixture.bundle(Plan {
        checks: vec![vec![first], vec![last]],
        ..Plan::default()
    });
    put(&fixture, MANIFEST, "another program's\n");
    let report = preflight(&fixture, &bundle, &["--format=json"])
        .expect(5)
        .json();
    assert_eq!(outcome(&report, "SameCluster"), "not-reached");
    let stranger =
        kubeplan_bundle::signature::PrivateKey::from_ed25519_seed(&[9; 32], "x").unwrap();
    let bundle = fixture.write("other.tar.gz", plan(), 1, &[&stranger]);
    let output = preflight(&fixture, &bundle, &[]).expect(4);
    assert_eq!(output.stdout, "");
}

#[test]
fn a_mount_that_cannot_be_written_is_found_before_anything_is_changed() {
    let fixture = Fixture::new();
    // The process has the real clock.
    let bundle = fixture.bundle(Plan {
        apply_after: "2000-01-01T00:00:00Z",
        apply_before: "9999-01-01T00:00:00Z",
        without_config: true,
        ..Plan::default()
    });
    for path in ["/var/lib/kubeplan", "/var/lib/agent", "/etc/app"] {
        fs::create_dir_all(fixture.host(path)).unwrap();
    }
    fs::set_permissions(
        fixture.host("/var/lib/kubeplan"),
        fs::Permissions::from_mode(0o700),
    )
    .unwrap();
    for (path, found) in [
        ("/var/lib/kubeplan", true),
        ("/var/lib/agent", true),
        ("/etc/app", true),
        ("/srv", false),
    ] {
        fs::create_dir_all(fixture.host(path)).unwrap();
        // A mount of its own that is read-only; it ends with the process.
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c"])
            .arg("mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 77; shift; exec \"$@\"")
            .arg("sh")
            .arg(fixture.host(path))
            .arg(env!("CARGO_BIN_EXE_kubeapply"))
            .args(["preflight", &bundle, "--root", &fixture.root()])
            .output();
        let output = match output {
            Ok(output) if !matches!(output.status.code(), Some(1 | 77)) => output,
            other => {
                eprintln!("skipped: no mount namespace can be made here ({other:?})");
                return;
            }
        };
        let text = String::from_utf8_lossy(&output.stderr);
        let line = format!("[ERROR DiskSpace]: the filesystem of {path} is mounted read-only");
        assert_eq!(text.contains(&line), found, "{path}: {text}");
        assert_eq!(
            output.status.code(),
            Some(if found { 5 } else { 0 }),
            "{path}: {text}"
        );
    }
}

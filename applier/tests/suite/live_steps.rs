//! Steps that need a running cluster: reported, never run; the files of the same bundle are installed as ever.

use std::fs;

use serde_json::Value;

use crate::support::{FILES, Fixture, HANDOFF, Plan, Run, SECRET};

fn plan() -> Plan {
    Plan {
        live_steps: true,
        ..Plan::default()
    }
}

#[test]
fn live_steps_are_reported_as_remaining_and_files_are_installed() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    let dry = fixture.install(&bundle, &["--dry-run"]).expect(0);
    let output = fixture.install(&bundle, &[]).expect(0);
    for text in [&dry.stdout, &output.stdout] {
        assert!(
            text.contains("remaining, needs a running cluster (not run):\n"),
            "{text}"
        );
        assert!(
            text.contains("  mark-control-plane       set on node cp-0: label example.com/role=, taint example.com/role:NoSchedule\n"),
            "{text}"
        );
        assert!(
            text.contains("  bootstrap-token          apply 2 objects\n"),
            "{text}"
        );
        assert!(!text.contains(SECRET), "{text}");
    }
    for path in FILES {
        assert_eq!(fixture.read(path), Plan::default().content(path), "{path}");
    }
    let again = fixture.install(&bundle, &["--format", "json"]).expect(0);
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(report["result"], "unchanged");
    let remaining = report["remaining"].as_array().unwrap();
    assert_eq!(remaining.len(), 2);
    assert_eq!(remaining[1]["step"]["do"], "apply-objects");
    assert_eq!(
        remaining[1]["step"]["entries"],
        serde_json::json!(["objects/01-info.yaml", "objects/02-token.yaml"])
    );
}

#[test]
fn a_bundle_of_files_alone_leaves_nothing() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(Plan::default());
    let output = fixture.install(&bundle, &["--format", "json"]).expect(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(report["remaining"], serde_json::json!([]));
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(!output.stdout.contains("remaining"), "{}", output.stdout);
}

#[test]
fn flags_choose_between_files_and_live_steps() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    // Nothing is there yet: live steps alone have nothing to stand on.
    let output = fixture.install(&bundle, &["--live-only"]).expect(5);
    assert!(
        output
            .stderr
            .contains("are not as planned, and --live-only changes no files"),
        "{}",
        output.stderr
    );
    let by_phase = fixture
        .install(&bundle, &["--phase", "bootstrap-token"])
        .expect(5);
    assert!(
        by_phase.stderr.contains("install the files first"),
        "{}",
        by_phase.stderr
    );
    fixture.install(&bundle, &["--files-only"]).expect(0);
    fixture.install(&bundle, &["--live-only"]).expect(0);
    fixture
        .install(
            &bundle,
            &["--skip-phases", "bootstrap-token,mark-control-plane"],
        )
        .expect(0);
    fixture
        .install(&bundle, &["--files-only", "--live-only"])
        .expect(2);
}

#[test]
fn what_the_bundle_does_not_have_cannot_be_named() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    for flag in ["--phase", "--skip-phases"] {
        let output = fixture.install(&bundle, &[flag, "addons"]).expect(2);
        assert!(
            output
                .stderr
                .contains("the bundle has no phase `addons`; it has: ")
                && output
                    .stderr
                    .contains("mark-control-plane, bootstrap-token"),
            "{}",
            output.stderr
        );
    }
    let output = fixture
        .install(&bundle, &["--overwrite-drift", "objects/09.yaml"])
        .expect(2);
    assert!(
        output
            .stderr
            .contains("`--overwrite-drift objects/09.yaml`: the bundle has no object of this name"),
        "{}",
        output.stderr
    );
    fixture
        .install(&bundle, &["--overwrite-drift", "objects/../x"])
        .expect(2);
    fixture
        .install(&bundle, &["--overwrite-drift", "objects/01-info.yaml"])
        .expect(0);
}

#[test]
fn a_part_of_the_files_is_installed_and_the_rest_remains() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle(plan());
    let phases = fixture
        .install(&bundle, &["--phase", "nothing"])
        .expect(2)
        .stderr;
    let known = phases.split("it has: ").nth(1).unwrap().trim();
    let first = known.split(", ").next().unwrap().to_owned();
    let output = fixture.install(&bundle, &["--phase", &first]).expect(0);
    assert!(
        output.stdout.contains("remaining (not run):\n"),
        "{}",
        output.stdout
    );
    let part = fixture.tree();
    fixture
        .install(&bundle, &["--skip-phases", &first])
        .expect(0);
    let output = fixture.install(&bundle, &[]).expect(0);
    assert!(
        output.stdout.contains("nothing to change"),
        "{}",
        output.stdout
    );
    assert_ne!(fixture.tree(), part);
}

#[test]
fn a_file_that_a_step_removed_after_its_use_is_neither_restored_nor_drift() {
    let fixture = Fixture::new();
    let plan = |bootstraps| Plan {
        bootstraps,
        ..Plan::default()
    };
    let bundle = fixture.bundle(plan(true));
    fixture.install(&bundle, &[]).expect(0);
    // Without the step's word the file is missed.
    fs::remove_file(fixture.host(HANDOFF)).unwrap();
    let status = |fixture: &Fixture| fixture.run(&Run::default(), &["status"]).expect(0).stdout;
    assert!(status(&fixture).contains(HANDOFF));
    fixture.install(&bundle, &[]).expect(0);
    assert!(fixture.host(HANDOFF).exists());
    // The step ran: the live step itself needs a running host.
    fs::remove_file(fixture.host(HANDOFF)).unwrap();
    let record = fixture.host("/var/lib/kubeplan/installed.json");
    let text = fs::read_to_string(&record).unwrap();
    assert!(text.contains("\"done\":[0,1]"), "{text}");
    fs::write(&record, text.replace("\"done\":[0,1]", "\"done\":[0,1,2]")).unwrap();
    let again = fixture.install(&bundle, &[]).expect(0);
    assert!(
        again.stdout.contains("nothing to change")
            && again.stderr.contains("removed after its use"),
        "{again:?}"
    );
    assert!(!fixture.host(HANDOFF).exists());
    assert!(!status(&fixture).contains(HANDOFF));
    // Another plan has a token of its own.
    let other = fixture.bundle(Plan {
        bootstraps: true,
        ..Plan::second()
    });
    fixture.install(&other, &["--allow-older-serial"]).expect(0);
    assert!(fixture.host(HANDOFF).exists());
}

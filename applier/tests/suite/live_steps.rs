//! Steps that need a running cluster: reported, never run; the files of the same bundle are installed as ever.

use serde_json::Value;

use crate::support::{FILES, Fixture, Plan, SECRET};

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

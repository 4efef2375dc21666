use std::collections::BTreeMap;

use kubeplan_bundle::check::{DirectoryEmpty, PathAbsent, PortFree, SameCluster};
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::step::{Preflight, Step};

use super::super::testing::{Entries, Host, index, now};
use super::*;
use crate::state::installed::{InstalledFile, InstalledNode};

fn check(name: &str, severity: Severity, look: CheckKind) -> Check {
    Check {
        name: name.parse().unwrap(),
        severity,
        look,
    }
}

fn port(port: u16) -> Check {
    check(
        &format!("Port-{port}"),
        Severity::Error,
        CheckKind::from(PortFree { port }),
    )
}

fn absent(path: &str) -> Check {
    let path: kubeplan_bundle::check::LookPath = path.parse().unwrap();
    check(
        &format!("FileAvailable-{}", path.in_name()),
        Severity::Error,
        CheckKind::from(PathAbsent { path }),
    )
}

fn step(checks: &[Check], ignore: &[&str]) -> Step {
    Step::Preflight(Preflight {
        phase: "preflight".parse().unwrap(),
        checks: checks.to_vec(),
        ignore: ignore.iter().map(|name| name.parse().unwrap()).collect(),
    })
}

fn run_on(host: &Host, steps: Vec<Step>, ignore: &str, record: Option<&InstalledNode>) -> Report {
    try_on(host, steps, ignore, record).unwrap()
}

fn try_on(
    host: &Host,
    steps: Vec<Step>,
    ignore: &str,
    record: Option<&InstalledNode>,
) -> Result<Report, IgnoreError> {
    run(&Request {
        root: &host.root(),
        running: true,
        system: &host.system,
        index: &index(Sha256Digest::of(b"ca"), steps),
        contents: &Entries::default(),
        now: now(),
        record,
        overwrite: &BTreeSet::from(["/etc/app/known.yaml".parse().unwrap()]),
        ignored: &Ignored::parse(&[ignore.to_owned()])?,
        pull: true,
        alone: true,
    })
}

fn outcomes(report: &Report) -> Vec<(&str, Outcome, bool)> {
    report
        .checks
        .iter()
        .map(|check| (check.name.as_str(), check.outcome, check.fails()))
        .collect()
}

fn own() -> [(&'static str, Outcome, bool); 2] {
    [
        ("DiskSpace", Outcome::Passed, false),
        ("ForeignFiles", Outcome::Passed, false),
    ]
}

#[test]
fn every_check_of_a_run_is_made_and_a_failed_run_stops_the_next() {
    let mut host = Host::new();
    host.system.used_ports = vec![1, 3];
    let steps = || {
        vec![
            step(&[port(1), port(2), port(3)], &[]),
            step(&[port(4)], &[]),
        ]
    };
    let report = run_on(&host, steps(), "", None);
    let mut expected = vec![
        ("Port-1", Outcome::Found, true),
        ("Port-2", Outcome::Passed, false),
        ("Port-3", Outcome::Found, true),
        ("Port-4", Outcome::NotReached, false),
    ];
    expected.extend(own());
    assert_eq!(outcomes(&report), expected);
    assert_eq!(
        report.lines().as_str(),
        "[preflight] Some fatal errors occurred:\n\t[ERROR Port-1]: port 1 is in use\n\t[ERROR Port-3]: port 3 is in use\n"
    );
    assert_eq!(
        report.error().unwrap().to_string(),
        "preflight checks failed"
    );
    host.system.used_ports.clear();
    let report = run_on(&host, steps(), "", None);
    assert!(!report.fails() && report.error().is_none());
    assert_eq!(report.lines().as_str(), "");
}

#[test]
fn ignored_errors_are_warnings_from_the_flag_and_from_the_bundle() {
    let mut host = Host::new();
    host.system.used_ports = vec![1, 2, 3];
    let steps = || {
        vec![
            step(&[port(1), port(2)], &["port-2"]),
            step(&[port(3)], &["PORT-2"]),
        ]
    };
    let report = run_on(&host, steps(), "pOrT-1", None);
    let failing: Vec<bool> = report.checks.iter().map(Checked::fails).collect();
    assert_eq!(failing, [false, false, true, false, false]);
    assert!(report.checks[0].items[0].ignored);
    assert_eq!(
        report.warnings(),
        [
            "[WARNING Port-1]: port 1 is in use",
            "[WARNING Port-2]: port 2 is in use"
        ]
    );
    // With `all` in the flag nothing else may stand in the bundle.
    assert!(try_on(&host, steps(), "all", None).is_err());
    let bare = vec![step(&[port(1)], &[])];
    assert!(!run_on(&host, bare, "all", None).fails());
    let report = run_on(&host, steps(), "port-1,port-33", None);
    assert!(
        report
            .warnings()
            .iter()
            .any(|line| line.contains("port-33") && line.contains("Port-3")),
        "{:?}",
        report.warnings()
    );
}

#[test]
fn who_could_not_look_has_not_passed() {
    let mut host = Host::new();
    host.system.broken_ports = vec![1];
    let mut quiet = port(1);
    quiet.severity = Severity::Warning;
    let report = run_on(&host, vec![step(&[port(1), quiet], &[])], "", None);
    let items: Vec<_> = report
        .checks
        .iter()
        .flat_map(|check| &check.items)
        .collect();
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|item| item.could_not_look));
    assert!(items[0].message.contains("could not look"));
    assert_eq!(
        (items[0].severity, items[1].severity),
        (Severity::Error, Severity::Warning)
    );
}

#[test]
fn an_earlier_installation_of_the_node_explains_what_it_left() {
    let mut host = Host::new();
    host.system.used_ports = vec![6443];
    host.write("/etc/app/a.yaml", "a");
    host.write("/etc/app/b.yaml", "b");
    host.write("/var/lib/data/member", "d");
    let steps = || {
        vec![step(
            &[
                port(6443),
                absent("/etc/app/a.yaml"),
                absent("/etc/app/b.yaml"),
                check(
                    "DirAvailable--var-lib-data",
                    Severity::Error,
                    CheckKind::from(DirectoryEmpty {
                        path: "/var/lib/data".parse().unwrap(),
                    }),
                ),
            ],
            &[],
        )]
    };
    let mut record = InstalledNode {
        cluster_id: Sha256Digest::of(b"ca"),
        cluster_name: "test".parse().unwrap(),
        node: "cp-0".parse().unwrap(),
        plan_digest: None,
        serial: None,
        installed: None,
        done: BTreeSet::new(),
        remaining: Vec::new(),
        target_overridden: false,
        files: BTreeMap::new(),
        directories: BTreeMap::new(),
    };
    let found = |record: Option<&InstalledNode>| -> Vec<Outcome> {
        let report = run_on(&host, steps(), "", record);
        report
            .checks
            .iter()
            .take(4)
            .map(|check| check.outcome)
            .collect()
    };
    use Outcome::{Found, Ours};
    assert_eq!(found(None), [Found; 4]);
    assert_eq!(found(Some(&record)), [Found; 4], "nothing was installed");
    record
        .files
        .insert("/etc/app/a.yaml".parse().unwrap(), InstalledFile::default());
    assert_eq!(found(Some(&record)), [Ours, Ours, Found, Ours]);
}

#[test]
fn a_file_that_may_be_overwritten_is_not_in_the_way() {
    let host = Host::new();
    host.write("/etc/app/known.yaml", "k");
    let report = run_on(
        &host,
        vec![step(&[absent("/etc/app/known.yaml")], &[])],
        "",
        None,
    );
    assert_eq!(report.checks[0].outcome, Outcome::Ours);
}

#[test]
fn another_cluster_cannot_be_ignored() {
    let host = Host::new();
    host.write("/etc/app/ca.crt", "no certificate");
    let same = check(
        "SameCluster",
        Severity::Error,
        CheckKind::from(SameCluster {
            authority: "/etc/app/ca.crt".parse().unwrap(),
            kubeconfigs: vec![],
        }),
    );
    for ignore in ["all", "SameCluster"] {
        let report = run_on(
            &host,
            vec![step(std::slice::from_ref(&same), &[])],
            ignore,
            None,
        );
        assert!(report.fails(), "{ignore}");
        assert!(report.checks[0].own);
        let error = report.error().unwrap();
        let hints = kubeplan_terminal::hints(&error);
        assert!(
            hints.iter().all(|hint| !hint.contains("--ignore")),
            "{hints:?}"
        );
    }
    let steps = vec![step(&[same, absent("/etc/app/ca.crt")], &[])];
    let error = run_on(&host, steps, "", None).error().unwrap();
    let hints = kubeplan_terminal::hints(&error);
    assert!(
        hints.iter().any(|hint| hint.contains("--ignore")),
        "{hints:?}"
    );
}

#![expect(
    clippy::disallowed_methods,
    reason = "tests build and look at the tree they test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::json;

use super::testing::Told;
use super::*;

const SYSTEMCTL: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> calls
case "$1" in
show) [ ! -e active ] || echo ActiveState=active ;;
restart) [ ! -e broken ] && : > active ;;
esac
"#;

/// A host with systemd, and a bundle with these steps.
struct Case {
    directory: tempfile::TempDir,
    index: Index,
    contents: BTreeMap<EntryName, String>,
    completed: BTreeSet<usize>,
    selected: BTreeSet<usize>,
    files_changed: bool,
    told: Told,
}

impl Case {
    fn new(steps: serde_json::Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("systemctl"), SYSTEMCTL).unwrap();
        fs::set_permissions(bin.join("systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut index: Index =
            serde_json::from_str(include_str!("../../tests/data/index.json")).unwrap();
        index.steps = serde_json::from_value(steps).unwrap();
        Self {
            directory,
            selected: (0..index.steps.len()).collect(),
            index,
            contents: BTreeMap::new(),
            completed: BTreeSet::new(),
            files_changed: false,
            told: Told::default(),
        }
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.directory.path().join("bin").join(name)
    }

    fn run(&mut self) -> LiveOutcome {
        let root = Root::open(self.directory.path()).unwrap();
        let request = LiveRequest {
            index: &self.index,
            contents: &self.contents,
            root: &root,
            programs: &Programs::Directory(self.directory.path().join("bin")),
            clock: Clock::System,
            files_changed: self.files_changed,
            completed: &self.completed,
            selected: &self.selected,
            overwrite: &BTreeSet::new(),
            skip_token_print: false,
        };
        run(&request, &mut self.told)
    }
}

fn steps() -> serde_json::Value {
    json!([
        {"do": "commit-transaction", "phase": "certs", "transaction": "certs"},
        {"do": "start-service", "phase": "start", "service": "agent"},
        {"do": "use-rotated-certificate", "phase": "finalize", "kubeconfig": "/a.conf",
         "certificate": "/current.pem", "service": "agent"},
        {"do": "show-join-command", "phase": "show", "kubeconfig": "/a.conf", "endpoint": "a:1",
         "caCertHashes": [], "tokens": []},
    ])
}

#[test]
fn live_steps_run_in_order_and_each_is_reported_once_it_is_done() {
    let mut case = Case::new(steps());
    let outcome = case.run();
    assert!(outcome.failure.is_none());
    assert!(outcome.report.changed());
    let positions: Vec<usize> = outcome.report.steps.iter().map(|step| step.step).collect();
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!(case.told.completed, [1, 2, 3]);
    // Killed before that was recorded: the service may run with older files.
    assert!(case.run().report.changed());
    case.completed = BTreeSet::from([1, 2, 3]);
    let again = case.run();
    assert!(!again.report.changed());
    case.files_changed = true;
    assert_eq!(
        case.run().report.steps[0].result.outcome,
        "agent was restarted"
    );
}

#[test]
fn only_the_selected_steps_are_run() {
    let mut case = Case::new(steps());
    case.selected = BTreeSet::from([0, 3]);
    case.run();
    assert_eq!(case.told.completed, [3]);
    assert!(!case.bin("calls").exists());
}

#[test]
fn the_first_step_that_fails_is_the_last_that_is_begun() {
    let mut case = Case::new(steps());
    fs::write(case.bin("broken"), "").unwrap();
    let outcome = case.run();
    let failure = outcome.failure.unwrap();
    let LiveFailure {
        step, phase, what, ..
    } = &failure;
    assert_eq!(
        (*step, phase.as_str(), what.as_str()),
        (1, "start", "start agent")
    );
    assert_eq!(
        failure.source.to_string(),
        "`systemctl restart agent` failed with code 1"
    );
    assert!(
        failure
            .hints("kubeapply resume")
            .iter()
            .any(|hint| hint.contains("kubeapply resume"))
    );
    assert!(outcome.report.steps.is_empty() && case.told.completed.is_empty());
    assert_eq!(
        case.told.failures,
        ["`systemctl restart agent` failed with code 1"]
    );
    fs::remove_file(case.bin("broken")).unwrap();
    assert!(case.run().failure.is_none());
}

#[test]
fn without_an_init_system_it_is_said_what_to_do_by_hand() {
    let mut case = Case::new(steps());
    fs::remove_file(case.bin("systemctl")).unwrap();
    let failure = case.run().failure.unwrap();
    assert!(matches!(failure.source, StepError::Service(_)));
    assert!(failure.hints("kubeapply resume")[0].starts_with("start the service by hand"));
}

#[test]
fn endpoints_that_stay_silent_are_told_with_the_log_of_the_service() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/healthz", closed.local_addr().unwrap());
    drop(closed);
    let mut case = Case::new(json!([
        {"do": "preflight", "phase": "look", "checks": [{"name": "Runtime", "severity": "error",
         "look": {"kind": "runtime-ready", "socket": "unix:///no/such.sock"}}]},
        {"do": "start-service", "phase": "start", "service": "agent"},
        {"do": "wait-for-endpoints", "phase": "wait", "timeoutSeconds": 1,
         "endpoints": [{"name": "agent", "url": url, "identity": "anonymous"}]},
    ]));
    fs::write(
        case.bin("journalctl"),
        "#!/bin/sh\nprintf 'no such \\033[2Jfile\\r\\r\\n'\n",
    )
    .unwrap();
    fs::set_permissions(case.bin("journalctl"), fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = case.run();
    let failure = outcome.failure.unwrap();
    assert_eq!(
        (failure.step, case.told.completed.as_slice()),
        (2, &[1][..])
    );
    let hints = failure.hints("kubeapply resume");
    assert_eq!(&*hints[0], "what the service `agent` logged last:");
    assert_eq!(
        hints[0].lines().as_str(),
        "    no such \\u{1b}[2Jfile\\r\n",
        "what a service logs is foreign text"
    );
    assert_eq!(
        &*hints[1],
        "what the container runtime at unix:///no/such.sock says:"
    );
    let said = hints[1].lines().as_str();
    assert!(said.starts_with("    cannot connect to"), "{hints:?}");
    assert!(hints[2].contains("kubeapply resume"), "{hints:?}");
}

#[test]
fn a_step_that_cannot_be_recorded_stops_the_run() {
    struct Full;
    impl Observer for Full {
        fn event(&mut self, _: &Event) {}
        fn completed(
            &mut self,
            _: usize,
            _: &str,
        ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            Err("no space left".into())
        }
    }
    let case = Case::new(steps());
    let root = Root::open(case.directory.path()).unwrap();
    let outcome = run(
        &LiveRequest {
            index: &case.index,
            contents: &case.contents,
            root: &root,
            programs: &Programs::Directory(case.directory.path().join("bin")),
            clock: Clock::System,
            files_changed: false,
            completed: &case.completed,
            selected: &case.selected,
            overwrite: &BTreeSet::new(),
            skip_token_print: false,
        },
        &mut Full,
    );
    assert!(matches!(
        outcome.failure.unwrap().source,
        StepError::Record(_)
    ));
    assert!(outcome.report.steps.is_empty());
}

//! Stopping after every durable action: each transaction is as before or as after, and a further run finishes the work.
//!
//! A scenario is a host and a command. For every action of the command, and for every way it can end there, the command is run until
//! then on a copy of the host. Then a run that only recovers has to find every transaction as before or as after and leave nothing
//! temporary, and each way to go on has to come to exactly the end it promises. Without `KUBEPLAN_SWEEPS=whole` the kinds
//! of end (killed, without power, failing) share the actions, and the ways to go on, and the errors, take turns.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use kubeplan_testkit::{Failure, Fault, sweeps};

use crate::support::{ADMIN, CA, CONFIG, FILES, Fixture, HANDOFF, MANIFEST, Output, Plan, Run};
use crate::tree::{Tree, check_before_or_after, differences};

/// More actions than any of these commands has.
const MANY: u64 = 2000;

/// The paths of each transaction of the test bundles.
const TRANSACTIONS: &[&[&str]] = &[
    &[CA, ADMIN, HANDOFF, CONFIG, "/etc/app/pki", "/var/lib/agent"],
    &[MANIFEST, "/etc/app/manifests"],
];

fn at(fault: Fault) -> Run {
    Run {
        fault,
        ..Run::default()
    }
}

/// A host, and a command that changes it.
struct Scenario {
    fixture: Fixture,
    bundle: String,
    /// What an `install` of the bundle gets besides.
    more: &'static [&'static str],
    command: Command,
    before: Tree,
    after: Tree,
    /// The host as a rollback leaves it.
    rolled_back: Tree,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Install,
    Resume,
    Rollback,
}

/// How it goes on.
const WAYS: [Command; 3] = [Command::Install, Command::Resume, Command::Rollback];

impl Scenario {
    /// A first installation, on a host where another program's file is in the way.
    fn first() -> Self {
        let fixture = Fixture::new();
        let bundle = fixture.bundle(Plan::default());
        fs::create_dir_all(fixture.host("/var/lib")).unwrap();
        fs::create_dir_all(fixture.host("/etc/app/pki")).unwrap();
        fs::write(fixture.host(CA), "foreign\n").unwrap();
        fs::set_permissions(fixture.host(CA), fs::Permissions::from_mode(0o640)).unwrap();
        Self::new(
            fixture,
            bundle,
            &["--overwrite-drift", CA],
            Command::Install,
        )
    }

    /// The second installation, on top of the first.
    fn update() -> Self {
        let (fixture, second) = Self::installed();
        Self::new(fixture, second, &[], Command::Install)
    }

    /// Going back from the second installation to the first.
    fn rollback() -> Self {
        let (fixture, second) = Self::installed();
        let rolled_back = fixture.tree();
        fixture.install(&second, &[]).expect(0);
        let mut scenario = Self::new(fixture, second, &[], Command::Rollback);
        scenario.rolled_back = rolled_back;
        scenario
    }

    /// Going on with a second installation that was killed between its transactions.
    fn resume() -> Self {
        let (fixture, second) = Self::installed();
        let rolled_back = fixture.tree();
        fixture.stop_when(&second, "in-place   transaction node");
        let mut scenario = Self::new(fixture, second, &[], Command::Resume);
        scenario.rolled_back = rolled_back;
        scenario
    }

    fn installed() -> (Fixture, String) {
        let fixture = Fixture::new();
        fs::create_dir_all(fixture.host("/var/lib")).unwrap();
        let author = fixture.author.clone();
        let first = fixture.bundle(Plan::default());
        let second = fixture.write("second", Plan::second(), 2, &[&author]);
        fixture.install(&first, &[]).expect(0);
        // Kept through updates and rollbacks: part of every comparison of trees.
        for path in [ADMIN, MANIFEST] {
            crate::attributes::set(&fixture, path, "user.note", path.as_bytes());
            crate::attributes::set(&fixture, path, "security.selinux", b"label");
        }
        (fixture, second)
    }

    fn new(
        fixture: Fixture,
        bundle: String,
        more: &'static [&'static str],
        command: Command,
    ) -> Self {
        fixture.save("template");
        let before = fixture.tree();
        let mut scenario = Self {
            fixture,
            bundle,
            more,
            command,
            rolled_back: before.clone(),
            before,
            after: Tree::new(),
        };
        scenario.run(command, Fault::None).expect(0);
        scenario.after = scenario.fixture.tree();
        assert_ne!(scenario.before, scenario.after);
        scenario
    }

    fn run(&self, command: Command, fault: Fault) -> Output {
        let run = at(fault);
        match command {
            Command::Install => self.fixture.install_with(&run, &self.bundle, self.more),
            Command::Resume => self.fixture.run(&run, &["resume"]),
            Command::Rollback => self.fixture.run(&run, &["rollback", "--yes"]),
        }
    }

    /// What an installation comes to, from here.
    fn installed_tree(&self) -> &Tree {
        match self.command {
            Command::Rollback => &self.before,
            Command::Install | Command::Resume => &self.after,
        }
    }

    /// Runs the command with each fault of its `share` in turn until one is never reached; returns the number of that one.
    fn every(
        &self,
        share: u64,
        fault: impl Fn(u64) -> Fault,
        ways: impl Fn(u64) -> Vec<Command>,
        check: impl Fn(&Output, &str),
    ) -> u64 {
        for number in (0..MANY).filter(|number| sweeps::meets(*number, share)) {
            for way in ways(number) {
                self.fixture.restore("template");
                let fault = fault(number);
                let stopped = self.run(self.command, fault);
                if stopped.performed < number || (stopped.performed == number && stopped.code == 0)
                {
                    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
                    return number;
                }
                let name = format!("{fault:?}, then {way:?}: {}", stopped.stderr);
                assert!(matches!(stopped.code, 0 | 1 | 6), "{name}");
                self.check_every_file(&name);
                check(&stopped, &name);
                self.recover(&name);
                self.go_on(way, &name);
            }
        }
        panic!("never finished")
    }

    /// At every instant each file is as before or as after.
    fn check_every_file(&self, name: &str) {
        let found = self.fixture.tree();
        let files: Vec<[&str; 1]> = FILES.iter().map(|path| [*path]).collect();
        let groups: Vec<&[&str]> = files.iter().map(<[&str; 1]>::as_slice).collect();
        check_before_or_after(&self.before, &self.after, &found, &groups, name);
    }

    fn check_transactions(&self, name: &str) {
        let found = self.fixture.tree();
        check_before_or_after(&self.before, &self.after, &found, TRANSACTIONS, name);
    }

    /// A run that is told not to write anything new.
    fn recover(&self, name: &str) {
        let refusing = Run {
            terminal: true,
            stdin: "n\n",
            ..Run::default()
        };
        let output = self
            .fixture
            .install_with(&refusing, &self.bundle, self.more);
        assert!(matches!(output.code, 0 | 1), "{name}: {output:?}");
        self.check_transactions(name);
        assert_eq!(
            self.fixture.leftovers(),
            Vec::<std::path::PathBuf>::new(),
            "{name}"
        );
        let status = self
            .fixture
            .run(&Run::default(), &["status", "--format", "json"]);
        assert_eq!(status.code, 0, "{name}: {}", status.stderr);
        assert_eq!(status.json()["drift"], serde_json::json!([]), "{name}");
    }

    fn go_on(&self, way: Command, name: &str) {
        let status = self.fixture.run(&Run::default(), &["status"]).stdout;
        let here = self.fixture.tree();
        // The run had not begun: to roll back would be to roll back the one before.
        let way = if self.command == Command::Install
            && status.contains(": installed\n")
            && here == self.before
        {
            Command::Install
        } else {
            way
        };
        let output = self.run(way, Fault::None);
        let name = format!("{name}\nstatus: {status}\n{output:?}");
        let expected = match (way, output.code) {
            (Command::Install | Command::Resume, 0) => self.installed_tree(),
            (Command::Rollback, 0) => &self.rolled_back,
            // There is nothing to go on with, or to go back from.
            (Command::Resume, 1) if !status.contains("kubeapply resume") => &here,
            (Command::Rollback, 1) => {
                assert!(here == self.rolled_back || here == self.before, "{name}");
                &here
            }
            _ => panic!("{name}"),
        };
        assert_eq!(
            differences(expected, &self.fixture.tree()),
            Vec::<String>::new(),
            "{name}"
        );
        assert!(self.fixture.leftovers().is_empty(), "{name}");
        self.run(Command::Install, Fault::None).expect(0);
        assert_eq!(
            differences(self.installed_tree(), &self.fixture.tree()),
            Vec::<String>::new(),
            "{name}"
        );
        let before = self.fixture.snapshot();
        let again = self.run(Command::Install, Fault::None).expect(0);
        assert!(again.stdout.contains("nothing to change"), "{name}");
        assert_eq!(self.fixture.snapshot(), before, "{name}");
    }

    /// As if killed after every action.
    fn killed(&self) -> u64 {
        self.every(
            0,
            Fault::StopAfter,
            |number| sweeps::met_with(turn(number), &WAYS),
            |_, _| {},
        )
    }

    /// As if the power failed after every action.
    fn powerless(&self) -> u64 {
        self.every(
            1,
            Fault::LoseUnsynced,
            |number| sweeps::met_with(turn(number), &WAYS),
            |_, _| {},
        )
    }

    /// Every action fails, alone: what was begun is undone at once.
    fn failing(&self) -> u64 {
        let count = |how: &dyn Fn(u64) -> Failure| {
            self.every(
                2,
                |number| Fault::FailWith(number, how(number)),
                |number| vec![WAYS[(turn(number) % 3) as usize]],
                |stopped, name| {
                    // A rollback is a row of transactions that goes on, it does not go back.
                    if self.command != Command::Rollback {
                        self.check_transactions(name);
                        if stopped.code != 0 && !stopped.stderr.contains("cannot remove") {
                            assert!(self.fixture.leftovers().is_empty(), "{name}");
                        }
                    }
                },
            )
        };
        if sweeps::whole() {
            Failure::ALL.map(|how| count(&|_| how))[0]
        } else {
            count(&in_turns)
        }
    }

    /// Every action fails, and all that come after it.
    fn broken(&self) -> u64 {
        self.every(
            0,
            |number| Fault::FailFrom(number, in_turns(number)),
            |number| vec![WAYS[(turn(number) % 3) as usize]],
            |_, _| {},
        )
    }
}

/// Which way to go on is whose turn at this action: neighbours that one sweep meets differ in it.
fn turn(number: u64) -> u64 {
    number / sweeps::SHARES + number
}

/// Neighbouring actions fail in different ways.
fn in_turns(number: u64) -> Failure {
    Failure::ALL[(number % 4) as usize]
}

#[test]
fn a_first_installation_killed_after_any_action() {
    assert!(Scenario::first().killed() > 80);
}

#[test]
fn an_update_killed_after_any_action() {
    assert!(Scenario::update().killed() > 60);
}

#[test]
fn a_rollback_killed_after_any_action() {
    assert!(Scenario::rollback().killed() > 40);
}

#[test]
fn a_resumed_run_killed_after_any_action() {
    assert!(Scenario::resume().killed() > 20);
}

#[test]
fn a_first_installation_without_power_after_any_action() {
    assert!(Scenario::first().powerless() > 80);
}

#[test]
fn an_update_without_power_after_any_action() {
    assert!(Scenario::update().powerless() > 60);
}

#[test]
fn a_rollback_without_power_after_any_action() {
    assert!(Scenario::rollback().powerless() > 40);
}

#[test]
fn a_resumed_run_without_power_after_any_action() {
    assert!(Scenario::resume().powerless() > 20);
}

#[test]
fn a_first_installation_with_any_action_failing() {
    assert!(Scenario::first().failing() > 80);
    assert!(Scenario::first().broken() > 80);
}

#[test]
fn an_update_with_any_action_failing() {
    assert!(Scenario::update().failing() > 60);
    assert!(Scenario::update().broken() > 60);
}

#[test]
fn a_rollback_with_any_action_failing() {
    assert!(Scenario::rollback().failing() > 40);
    assert!(Scenario::rollback().broken() > 40);
}

#[test]
fn a_newer_bundle_can_follow_one_that_was_stopped_half_way() {
    let fixture = Fixture::new();
    let author = fixture.author.clone();
    let first = fixture.bundle(Plan::default());
    let second = fixture.write("second", Plan::second(), 2, &[&author]);
    fs::create_dir_all(fixture.host("/var/lib")).unwrap();
    fixture.save("template");
    let before = fixture.tree();
    for number in (0..MANY).step_by(3) {
        fixture.restore("template");
        fixture.install_with(&at(Fault::StopAfter(number)), &first, &[]);
        // Killed while the end of the run was being synced, it may be over all the same.
        let status = ["status", "--format", "json"];
        let over = fixture.run(&Run::default(), &status).json()["state"] == "installed";
        fixture.install(&second, &[]).expect(0);
        for path in FILES {
            // The handed-off file may have been installed already.
            if path != HANDOFF {
                assert_eq!(fixture.read(path), Plan::second().content(path), "{number}");
            }
        }
        if over {
            return;
        }
        // Back to what was interrupted, and from there to before it, if it had begun.
        fixture
            .run(&Run::default(), &["rollback", "--yes"])
            .expect(0);
        let status = fixture.run(&Run::default(), &["status"]).expect(0).stdout;
        if status.contains("a run was interrupted") {
            fixture
                .run(&Run::default(), &["rollback", "--yes"])
                .expect(0);
        }
        assert_eq!(
            differences(&before, &fixture.tree()),
            Vec::<String>::new(),
            "{number}"
        );
    }
    panic!("never finished");
}

#[test]
fn a_foreign_file_stays_foreign_until_the_transaction_that_replaces_it_is_whole() {
    let scenario = Scenario::first();
    for number in (0..MANY).step_by(2) {
        scenario.fixture.restore("template");
        let stopped = scenario.run(Command::Install, Fault::StopAfter(number));
        if stopped.code == 0 {
            return;
        }
        let again = scenario.fixture.install(&scenario.bundle, &[]);
        match again.code {
            0 => assert_eq!(scenario.fixture.read(CA), Plan::default().ca, "{number}"),
            5 => assert_eq!(scenario.fixture.read(CA), "foreign\n", "{number}"),
            other => panic!("{number}: {other}: {}", again.stderr),
        }
    }
    panic!("never finished");
}

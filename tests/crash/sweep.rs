//! Every durable action of a scenario in turn: the run is stopped there, the power fails, or the action fails. In this process.
//!
//! In: a scenario (a host, a command), a kind of fault. Out: a [`Row`], and failures. After each crash every file has to be as before
//! or as after; then the command that `status` prints is run as it is, or a run that only recovers, and every transaction has
//! to be as before or as after and nothing temporary left; an installation has to come to exactly its tree, and a rollback from there to
//! exactly the tree before.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testkit::{Failure as Failing, Fault};
use serde::Serialize;

use super::compare::{Seen, Tree, differences, seen, strangers, without_state};
use super::failure::Failure;
use super::host::{Bundles, Host, Which};
use super::threads;
use crate::programs::Run;

/// How many failures of a row are told; more of them say nothing new.
const TOLD: u64 = 5;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The process is killed after the action.
    Stop,
    /// The power fails after the action.
    Power,
    /// The action fails.
    Fail(Failing),
    /// The action and all later ones fail; the errors take turns.
    Broken,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Stop,
        Self::Power,
        Self::Fail(Failing::NoSpace),
        Self::Fail(Failing::Io),
        Self::Fail(Failing::ReadOnly),
        Self::Fail(Failing::NotPermitted),
        Self::Broken,
    ];

    /// As the table has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop after",
            Self::Power => "lose unsynced",
            Self::Fail(Failing::NoSpace) => "ENOSPC",
            Self::Fail(Failing::Io) => "EIO",
            Self::Fail(Failing::ReadOnly) => "EROFS",
            Self::Fail(Failing::NotPermitted) => "EPERM",
            Self::Broken => "all fail from",
        }
    }

    fn at(self, number: u64) -> Fault {
        match self {
            Self::Stop => Fault::StopAfter(number),
            Self::Power => Fault::LoseUnsynced(number),
            Self::Fail(how) => Fault::FailWith(number, how),
            Self::Broken => {
                let which = usize::try_from(number % 4).unwrap_or_default();
                let how = Failing::ALL.get(which).copied().unwrap_or(Failing::Io);
                Fault::FailFrom(number, how)
            }
        }
    }
}

/// A command that changes a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `install` of a bundle.
    Install(Which),
    /// `resume`.
    Resume,
    /// `rollback`.
    Rollback,
    /// `reset`.
    Reset,
}

impl Op {
    /// The command's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Install(Which::First) => "install",
            Self::Install(Which::Second) => "update",
            Self::Resume => "resume",
            Self::Rollback => "rollback",
            Self::Reset => "reset",
        }
    }
}

/// A host, a command that changes it, and the trees it may come to.
pub struct Scenario<'a> {
    /// Its name.
    pub name: &'static str,
    /// The command.
    pub op: Op,
    /// How many durable actions the command has.
    pub actions: u64,
    bundles: &'a Bundles,
    bundle: Which,
    more: &'static [&'static str],
    /// Where the command begins, with what the program remembers.
    start: Tree,
    /// Without the bundle that is being installed or taken back, and with it.
    old: Tree,
    new: Tree,
    /// What the command comes to.
    end: Tree,
    /// What an installation, and a rollback of that, come to after the crash.
    installed: Tree,
    rolled_back: Tree,
}

/// The scenarios' names.
pub const NAMES: [&str; 6] = ["first", "update", "rollback", "resume", "undo", "reset"];

/// A file of another program that the first installation replaces.
const FOREIGN: &str = "var/lib/kubelet/config.yaml";

/// What came of one kind of fault in one scenario.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The fault's name.
    pub fault: &'static str,
    /// How many durable actions the command has.
    pub actions: u64,
    /// How many crashed runs there were.
    pub runs: u64,
    /// Transactions right after the crash.
    pub crashed: Seen,
    /// Transactions right after the recovery.
    pub recovered: Seen,
    /// How many runs went wrong.
    pub failures: u64,
    /// What `status` said after the crashes.
    pub phases: BTreeSet<String>,
}

impl<'a> Scenario<'a> {
    /// Prepares the scenarios with these names, or all.
    ///
    /// # Errors
    /// If a host cannot be prepared.
    pub fn all(bundles: &'a Bundles, names: Option<&[String]>) -> Result<Vec<Self>> {
        NAMES
            .into_iter()
            .filter(|name| names.is_none_or(|names| names.iter().any(|other| other == name)))
            .map(|name| Self::new(bundles, name).with_context(|| format!("preparing {name}")))
            .collect()
    }

    fn new(bundles: &'a Bundles, name: &'static str) -> Result<Self> {
        let host = Host::bare(bundles)?;
        let (op, bundle, more): (_, _, &'static [&'static str]) = match name {
            "first" => {
                host.put(FOREIGN, "foreign\n", 0o640)?;
                let more = &["--overwrite-drift", "/var/lib/kubelet/config.yaml"];
                (Op::Install(Which::First), Which::First, more)
            }
            "update" => (Op::Install(Which::Second), Which::Second, &[]),
            "rollback" | "undo" => (Op::Rollback, Which::Second, &[]),
            "resume" => (Op::Resume, Which::Second, &[]),
            "reset" => (Op::Reset, Which::First, &[]),
            other => bail!("there is no scenario `{other}`"),
        };
        let bare = host.tree()?;
        let first = bundles.install_words(Which::First, more);
        let second = bundles.install_words(Which::Second, more);
        if name != "first" {
            host.run(Fault::None, &first).expect(0)?;
        }
        let (mut old, mut new) = (host.tree()?, None);
        match name {
            "rollback" => {
                host.run(Fault::None, &second).expect(0)?;
                new = Some(host.tree()?);
            }
            "resume" | "undo" => {
                let installed = host.save()?;
                host.run(Fault::None, &second).expect(0)?;
                new = Some(host.tree()?);
                stop_half_done(&host, &installed, &second)?;
            }
            "reset" => old = bare.clone(),
            _ => {}
        }
        let start = host.save()?;
        let mut scenario = Self {
            name,
            op,
            actions: 0,
            bundles,
            bundle,
            more,
            end: Tree::new(),
            installed: Tree::new(),
            rolled_back: old.clone(),
            new: Tree::new(),
            old,
            start,
        };
        let clean = scenario.command(&host, Fault::None).expect(0)?;
        scenario.actions = clean.performed;
        scenario.end = host.tree()?;
        scenario.new = match (op, new) {
            (Op::Reset, _) => without_state(scenario.start.clone()),
            (_, Some(new)) => new,
            (_, None) => scenario.end.clone(),
        };
        scenario.installed = scenario.new.clone();
        let expected = match op {
            Op::Install(_) | Op::Resume => &scenario.new,
            Op::Rollback | Op::Reset => &scenario.old,
        };
        let differ = differences(expected, &scenario.end);
        ensure!(differ.is_empty(), "without a crash: {differ:#?}");
        if op != Op::Reset {
            let pairs = seen(&scenario.old, &scenario.new, &scenario.old, &bundles.groups);
            let groups = bundles.groups.len() as u64;
            ensure!(pairs.before == groups, "some transaction changes nothing");
        }
        ensure!(scenario.actions > 20, "only {} actions", scenario.actions);
        Ok(scenario)
    }

    fn command(&self, host: &Host<'_>, fault: Fault) -> Run {
        match self.op {
            Op::Install(_) => host.run(fault, &self.install_words()),
            Op::Resume => host.run(fault, &["resume"]),
            Op::Rollback => host.run(fault, &["rollback", "--yes"]),
            Op::Reset => host.run(fault, &["reset", "--yes"]),
        }
    }

    fn install_words(&self) -> Vec<String> {
        self.bundles.install_words(self.bundle, self.more)
    }

    /// One crash, and all that comes after it.
    fn crash(&self, host: &Host<'_>, kind: Kind, number: u64, tally: &mut Tally) -> Result<()> {
        host.restore(&self.start)?;
        let fault = kind.at(number);
        let crashed = self.command(host, fault);
        let said = || format!("the command: exit code {}: {}", crashed.code, crashed.err);
        let dead = matches!(kind, Kind::Stop | Kind::Power);
        ensure!(
            crashed.performed > number
                || (dead && crashed.performed == number && crashed.code != 0),
            "action {number} was never reached; {}",
            said()
        );
        ensure!(matches!(crashed.code, 0 | 1 | 6), "{}", said());
        let found = host.tree()?;
        let strange = strangers(&self.old, &self.new, &found);
        ensure!(
            strange.is_empty(),
            "after the crash: {strange:#?}\n{}",
            said()
        );
        tally.crashed += seen(&self.old, &self.new, &found, &self.bundles.groups);
        let status = host.status().with_context(said)?;
        tally.phases.insert(status.phase());
        let outcome = match self.op {
            Op::Reset => self.reset_again(host, number),
            _ => self.recover(host, number, tally),
        };
        outcome.with_context(|| {
            format!(
                "{}; then status: {}, next: {:?}",
                said(),
                status.phase(),
                status.next
            )
        })
    }

    fn is(&self, host: &Host<'_>, expected: &Tree, when: &str) -> Result<()> {
        let differ = differences(expected, &host.tree()?);
        ensure!(differ.is_empty(), "{when}: {differ:#?}");
        Ok(())
    }

    fn nothing_temporary(host: &Host<'_>, when: &str) -> Result<()> {
        let left = host.leftovers()?;
        ensure!(left.is_empty(), "{when}: {left:?} is left");
        Ok(())
    }

    fn recover(&self, host: &Host<'_>, number: u64, tally: &mut Tally) -> Result<()> {
        let groups = &self.bundles.groups;
        let mut status = host.status()?;
        let way = number % 3;
        if way == 2 && status.is_interrupted() {
            let run = host.recover_only(&self.install_words());
            ensure!(
                matches!(run.code, 0 | 1),
                "recovery: exit code {}: {}",
                run.code,
                run.err
            );
            let after = seen(&self.old, &self.new, &host.tree()?, groups);
            ensure!(
                after.mixed == 0 && strangers(&self.old, &self.new, &host.tree()?).is_empty(),
                "after recovery: {after:?}"
            );
            Self::nothing_temporary(host, "after recovery")?;
            tally.recovered += after;
            status = host.status()?;
            ensure!(
                !status.has_drift(),
                "after recovery there is drift: {status:?}"
            );
        }
        if status.is_interrupted() {
            let last = status.next.len().saturating_sub(1);
            let next = status
                .next
                .get(usize::try_from(way % 2).unwrap_or_default().min(last))
                .context("there is no next command")?;
            let words = host.words_of(next, &self.install_words())?;
            host.run_exactly(&words)
                .expect(0)
                .with_context(|| next.clone())?;
            let expected = if next.contains(" rollback") {
                &self.old
            } else {
                &self.new
            };
            self.is(host, expected, next)?;
            Self::nothing_temporary(host, next)?;
            tally.recovered += seen(&self.old, &self.new, &host.tree()?, groups);
        } else {
            ensure!(!status.has_drift(), "there is drift: {status:?}");
            // It had not begun, or it was over.
            let found = host.tree()?;
            let start = without_state(self.start.clone());
            if found != self.end {
                let found: Tree = found
                    .into_iter()
                    .filter(|(name, _)| !name.contains(super::compare::STAGE))
                    .collect();
                let differ = differences(&start, &found);
                ensure!(differ.is_empty(), "not begun, but {differ:#?}");
                // Beside commands there is what to do once the tree runs as a system.
                let is_command = |next: &&String| next.starts_with("kubeapply ");
                match status.next.iter().find(is_command) {
                    Some(next) => {
                        let words = host.words_of(next, &self.install_words())?;
                        host.run_exactly(&words)
                    }
                    None => self.command(host, Fault::None),
                }
                .expect(0)?;
                self.is(host, &self.end, "run again")?;
                Self::nothing_temporary(host, "run again")?;
            }
            tally.recovered += seen(&self.old, &self.new, &host.tree()?, groups);
        }
        self.install_and_back(host)
    }

    /// Once more, completely, and back.
    fn install_and_back(&self, host: &Host<'_>) -> Result<()> {
        host.run(Fault::None, &self.install_words())
            .expect(0)
            .context("installing again")?;
        self.is(host, &self.installed, "after installing again")?;
        Self::nothing_temporary(host, "after installing again")?;
        host.run(Fault::None, &["rollback", "--yes"])
            .expect(0)
            .context("rolling back at last")?;
        self.is(host, &self.rolled_back, "after rolling back at last")?;
        Self::nothing_temporary(host, "after rolling back at last")
    }

    /// A reset goes on when it is run again; or the node is installed again, where that can be.
    fn reset_again(&self, host: &Host<'_>, number: u64) -> Result<()> {
        let status = host.status()?;
        if let Some(next) = status
            .next
            .first()
            .filter(|next| next.contains("--dry-run"))
        {
            let before = host.tree()?;
            let words = host.words_of(next, &self.install_words())?;
            let run = host.run_exactly(&words);
            ensure!(
                matches!(run.code, 0 | 3 | 5),
                "{next}: exit code {}: {}",
                run.code,
                run.err
            );
            self.is(host, &before, "a dry run changed something")?;
        }
        if number % 3 == 2 {
            host.run(Fault::None, &self.install_words())
                .expect(0)
                .context("installing over half a reset")?;
            self.is(host, &self.installed, "after installing over half a reset")?;
        }
        // What `status` says, if it says that; a reset that was not begun or is over is not named.
        match host.status()?.next.as_slice() {
            [next] if next.contains(" reset") => {
                let words = host.words_of(next, &[])?;
                host.run_exactly(&words).expect(0)
            }
            _ => host.run(Fault::None, &["reset", "--yes"]).expect(0),
        }
        .context("resetting again")?;
        self.is(host, &self.end, "after resetting again")?;
        Self::nothing_temporary(host, "after resetting again")?;
        self.install_and_back(host)
    }
}

/// Stops an installation while its third transaction is half done.
fn stop_half_done(host: &Host<'_>, installed: &Tree, words: &[String]) -> Result<()> {
    let groups = &host.bundles.groups;
    let name = &groups.get(2).context("there is no third transaction")?.name;
    for number in 0..2000 {
        host.restore(installed)?;
        let run = host.run(Fault::StopAfter(number), words);
        if run.code == 0 {
            break;
        }
        if host.status()?.phase() == format!("interrupted: {name} half-done") {
            // In the middle of it.
            host.restore(installed)?;
            host.run(Fault::StopAfter(number + 3), words);
            return Ok(());
        }
    }
    bail!("no installation stops in transaction {name}")
}

#[derive(Default)]
struct Tally {
    runs: u64,
    crashed: Seen,
    recovered: Seen,
    failed: u64,
    phases: BTreeSet<String>,
}

/// Crashes a scenario at the actions `first`, `first + step`, and so on.
///
/// # Errors
/// If a host cannot be made.
pub fn sweep(
    scenario: &Scenario<'_>,
    kind: Kind,
    first: u64,
    step: u64,
    failures: &mut Vec<Failure>,
) -> Result<Row> {
    let next = AtomicU64::new(first);
    let found = Mutex::new(Vec::new());
    let work = || -> Result<Tally> {
        let host = Host::bare(scenario.bundles)?;
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(step, Ordering::Relaxed);
            if number >= scenario.actions {
                return Ok(tally);
            }
            tally.runs += 1;
            if let Err(error) = scenario.crash(&host, kind, number, &mut tally) {
                tally.failed += 1;
                if let Ok(mut found) = found.lock() {
                    found.push((number, format!("{error:#}")));
                }
            }
        }
    };
    let tallies: Result<Vec<Tally>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads()).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")))
            .collect()
    });
    let mut row = Row {
        scenario: scenario.name,
        fault: kind.name(),
        actions: scenario.actions,
        runs: 0,
        crashed: Seen::default(),
        recovered: Seen::default(),
        failures: 0,
        phases: BTreeSet::new(),
    };
    for tally in tallies? {
        row.runs += tally.runs;
        row.crashed += tally.crashed;
        row.recovered += tally.recovered;
        row.failures += tally.failed;
        row.phases.extend(tally.phases);
    }
    let mut found = found.into_inner().unwrap_or_default();
    found.sort();
    for (number, what) in found.into_iter().take(usize::try_from(TOLD)?) {
        failures.push(Failure {
            scenario: scenario.name.to_owned(),
            at: format!("{:?}", kind.at(number)),
            what,
        });
    }
    Ok(row)
}

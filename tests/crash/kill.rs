//! The real program, killed with `SIGKILL` at random instants.
//!
//! In: a seed, how many kills, hosts. Out: a [`Row`] for each command, and failures. A walk goes from one kill to the next on one host:
//! installations, updates, rollbacks, confirmations and resets; what is run after a kill is what `status` prints, and that is killed as
//! often as not. Half of the instants are uniform over the time the command takes, a quarter over the part of it in which a run was
//! ever found half done, and a quarter aims at the phase that was hit least. The seed chooses commands and instants; what a kill hits is up to the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kubeplan_testkit::Fault;
use serde::Serialize;

use super::Options;
use super::compare::{STAGE, Seen, Tree, differences, seen, strangers};
use super::failure::Failure;
use super::host::{Bundles, Host, Status, Which};
use crate::equivalence::random::Random;

/// More failures than that are not looked for.
const ENOUGH: usize = 20;

/// A command that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Op {
    Install,
    Update,
    Resume,
    Rollback,
    Confirm,
    Reset,
}

impl Op {
    const fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Update => "update",
            Self::Resume => "resume",
            Self::Rollback => "rollback",
            Self::Confirm => "confirm",
            Self::Reset => "reset",
        }
    }
}

/// What came of killing one command.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The command; `update` is an installation of the second bundle.
    pub command: &'static str,
    /// Kills that were sent.
    pub sent: u64,
    /// Those that hit a running process.
    pub hit: u64,
    /// How long the command takes when it is not killed.
    pub median_ms: f64,
    /// Transactions right after the kill.
    pub crashed: Seen,
    /// Transactions right after the recovery.
    pub recovered: Seen,
    /// What went wrong.
    pub failures: u64,
    /// What `status` said after a kill, and how often.
    pub phases: BTreeMap<String, u64>,
    /// What it says after some action, but never said after a kill.
    pub missed: Vec<String>,
}

#[derive(Debug, Default)]
struct OpKills {
    sent: u64,
    hit: u64,
    failures: u64,
    crashed: Seen,
    recovered: Seen,
    took: Vec<f64>,
    /// Instants, as parts of the time the command takes, at which each phase was hit.
    phases: BTreeMap<String, Vec<f64>>,
}

/// What all walks share.
#[derive(Debug)]
pub struct Kills {
    left: u64,
    failures: usize,
    ops: BTreeMap<Op, OpKills>,
    known: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Kills {
    /// `count` kills are to be done; `known` is what `status` can say after a crash of each command.
    #[must_use]
    pub fn new(count: u64, known: BTreeMap<&'static str, BTreeSet<String>>) -> Self {
        Self {
            left: count,
            failures: 0,
            ops: BTreeMap::new(),
            known,
        }
    }

    /// The rows of the table.
    #[must_use]
    pub fn rows(self) -> Vec<Row> {
        let known = self.known;
        let row = |(op, kills): (Op, OpKills)| Row {
            command: op.name(),
            sent: kills.sent,
            hit: kills.hit,
            median_ms: median(kills.took) * 1e3,
            crashed: kills.crashed,
            recovered: kills.recovered,
            failures: kills.failures,
            missed: known
                .get(op.name())
                .into_iter()
                .flatten()
                .filter(|phase| !kills.phases.contains_key(*phase))
                .cloned()
                .collect(),
            phases: kills
                .phases
                .into_iter()
                .map(|(phase, at)| (phase, at.len() as u64))
                .collect(),
        };
        self.ops.into_iter().map(row).collect()
    }

    /// When to kill, in seconds from the start, and the same as a part of the time the command takes.
    fn draw(&mut self, op: Op, random: &mut Random) -> (f64, f64) {
        let kills = self.ops.entry(op).or_default();
        let whole = median(kills.took.clone());
        let uniform = part(random) * 1.15;
        let near = |instants: &Vec<f64>, random: &mut Random| {
            let one = instants.get(random.below(instants.len())).copied();
            one.map(|at| at + (part(random) - 0.5) * 0.06)
        };
        let rarest = kills.phases.values().min_by_key(|instants| instants.len());
        let half_way: Vec<f64> = kills
            .phases
            .iter()
            .filter(|(phase, _)| phase.contains("interrupted"))
            .flat_map(|(_, instants)| instants.iter().copied())
            .collect();
        let from = half_way.iter().copied().fold(f64::INFINITY, f64::min);
        let to = half_way.iter().copied().fold(0.0, f64::max);
        let at = match (random.below(4), rarest) {
            (0, Some(instants)) => near(instants, random).unwrap_or(uniform),
            (1, _) if from <= to => from + part(random) * (to - from),
            _ => uniform,
        };
        let at = at.max(0.0);
        (at * whole, at)
    }
}

/// A number from 0 to 1.
fn part(random: &mut Random) -> f64 {
    random.below(1_000_000) as f64 / 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Where a host stands between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Bare,
    First,
    /// The second bundle over the first: what the first handed off to the kubelet is still the first's.
    Second,
    /// The second bundle on a bare host.
    Alone,
}

/// What each is like.
struct Trees {
    bare: Tree,
    first: Tree,
    second: Tree,
    alone: Tree,
}

impl Trees {
    fn of(&self, place: Place) -> &Tree {
        match place {
            Place::Bare => &self.bare,
            Place::First => &self.first,
            Place::Second => &self.second,
            Place::Alone => &self.alone,
        }
    }
}

/// One host and what is known of it.
struct Walk<'a> {
    options: &'a Options,
    host: Host<'a>,
    trees: Trees,
    kills: &'a Mutex<Kills>,
    random: Random,
    /// Where the host stood before the run that is under way, or stands.
    base: Place,
    /// What began the run that is under way.
    begun_by: Op,
    /// Where that leads.
    goal: Option<Place>,
    /// Where a rollback leads when no run is under way.
    below: Place,
    /// A reset was killed.
    resetting: bool,
    /// The last commands.
    history: Vec<String>,
}

/// Kills until there are no kills left.
///
/// # Errors
/// If a host cannot be prepared.
pub fn walk(
    options: &Options,
    bundles: &Bundles,
    number: u64,
    kills: &Mutex<Kills>,
    failures: &Mutex<Vec<Failure>>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let mut random = Random::of_case(options.seed, number);
    loop {
        let host = Host::bare(bundles)?;
        let bare = host.tree()?;
        host.run(Fault::None, &bundles.install_words(Which::Second, &[]))
            .expect(0)?;
        let alone = host.tree()?;
        host.restore(&bare)?;
        host.run(Fault::None, &bundles.install_words(Which::First, &[]))
            .expect(0)?;
        let first = host.tree()?;
        host.run(Fault::None, &bundles.install_words(Which::Second, &[]))
            .expect(0)?;
        let second = host.tree()?;
        host.restore(&bare)?;
        let mut walk = Walk {
            options,
            host,
            trees: Trees {
                bare,
                first,
                second,
                alone,
            },
            kills,
            random: random.clone(),
            base: Place::Bare,
            begun_by: Op::Install,
            goal: None,
            below: Place::Bare,
            resetting: false,
            history: Vec::new(),
        };
        let Err((op, error)) = walk.all(progress) else {
            return Ok(());
        };
        random = walk.random.clone();
        if let Ok(mut failures) = failures.lock() {
            failures.push(Failure {
                scenario: format!("killed {}", op.name()),
                at: format!(
                    "seed {}, host {number}, {}",
                    options.seed,
                    walk.history.join(" → ")
                ),
                what: format!("{error:#}"),
            });
        }
        if let Ok(mut kills) = kills.lock() {
            kills.failures += 1;
            kills.ops.entry(op).or_default().failures += 1;
        }
    }
}

impl Walk<'_> {
    fn all(&mut self, progress: &(dyn Fn(&str) + Sync)) -> Result<(), (Op, anyhow::Error)> {
        loop {
            let (op, words) = self.choose().map_err(|error| (Op::Install, error))?;
            // A command whose time is not known yet is run to its end.
            let timed = self
                .kills
                .lock()
                .is_ok_and(|kills| kills.ops.get(&op).is_some_and(|op| op.took.len() >= 2));
            let kill = timed && self.random.chance(70);
            if kill {
                let mut kills = match self.kills.lock() {
                    Ok(kills) if kills.left > 0 && kills.failures < ENOUGH => kills,
                    _ => return Ok(()),
                };
                kills.left -= 1;
                if kills.left.is_multiple_of(1000) {
                    progress(&format!("{} kills left", kills.left));
                }
            }
            self.step(op, &words, kill).map_err(|error| (op, error))?;
        }
    }

    /// What to run next: what `status` prints if a run is under way, else anything that may follow.
    fn choose(&mut self) -> Result<(Op, Vec<String>)> {
        let bundles = self.host.bundles;
        let status = self.host.status()?;
        let install = |which| bundles.install_words(which, &[]);
        if self.resetting {
            return Ok((Op::Reset, self.host.rooted(&["reset", "--yes"])));
        }
        if status.is_interrupted() {
            let next = status
                .next
                .get(self.random.below(status.next.len()))
                .context("there is no next command")?;
            let op = if next.contains(" rollback") {
                Op::Rollback
            } else {
                Op::Resume
            };
            return Ok((op, self.host.words_of(next, &[])?));
        }
        let can_go_back = status.run.is_some_and(|run| run.can_be_rolled_back);
        let drawn = self.random.below(100);
        let (op, goal, words) = match self.base {
            Place::Bare if drawn < 80 => {
                let next = status.next.first().context("nothing to do next")?;
                let words = self.host.words_of(next, &install(Which::First))?;
                (Op::Install, Place::First, words)
            }
            Place::Bare => {
                let words = self.host.rooted(&install(Which::Second));
                (Op::Update, Place::Alone, words)
            }
            Place::First if drawn < 65 => {
                let words = self.host.rooted(&install(Which::Second));
                (Op::Update, Place::Second, words)
            }
            _ if can_go_back && drawn < 80 => {
                let words = self.host.rooted(&["rollback", "--yes"]);
                (Op::Rollback, self.below, words)
            }
            _ if can_go_back && drawn < 88 => {
                let words = self.host.rooted(&["confirm"]);
                (Op::Confirm, self.base, words)
            }
            _ => {
                self.resetting = true;
                let words = self.host.rooted(&["reset", "--yes"]);
                (Op::Reset, Place::Bare, words)
            }
        };
        self.goal = Some(goal);
        self.begun_by = op;
        Ok((op, words))
    }

    /// Runs a command, and checks what it came to.
    fn step(&mut self, op: Op, words: &[String], kill: bool) -> Result<()> {
        let goal = self.goal.context("there is no goal")?;
        // A run that is under way is rolled back to where it began; one that is over, to its goal.
        let end = if op == Op::Rollback && self.begun_by != Op::Rollback {
            self.base
        } else {
            goal
        };
        let (seconds, at) = match (kill, self.kills.lock()) {
            (true, Ok(mut kills)) => kills.draw(op, &mut self.random),
            _ => (0.0, 0.0),
        };
        self.history.push(if kill {
            format!("{} killed at {at:.3}", op.name())
        } else {
            op.name().to_owned()
        });
        if self.history.len() > 8 {
            self.history.remove(0);
        }
        let (done, took, said) = self.execute(words, kill.then_some(seconds))?;
        if done {
            self.finished(end)
                .with_context(|| format!("after it came to its end: {said}"))?;
        } else {
            self.killed(op, goal, at)
                .with_context(|| format!("after a kill: {said}"))?;
        }
        if let Ok(mut kills) = self.kills.lock() {
            let kills = kills.ops.entry(op).or_default();
            if kill {
                kills.sent += 1;
                kills.hit += u64::from(!done);
            } else if kills.took.len() < 500 {
                kills.took.push(took);
            }
        }
        Ok(())
    }

    /// Runs the program; `true` if it came to its end.
    fn execute(&self, words: &[String], kill_after: Option<f64>) -> Result<(bool, f64, String)> {
        let heard = self.host.beside("stderr");
        let begun = Instant::now();
        let mut child = (self.options.program)(&self.options.path)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&heard)?)
            .spawn()
            .context("starting the program")?;
        if let Some(seconds) = kill_after {
            thread::sleep(Duration::from_secs_f64(seconds).saturating_sub(begun.elapsed()));
            // It may be over already.
            let _ = child.kill();
        }
        let status = child.wait()?;
        let took = begun.elapsed().as_secs_f64();
        let said = fs::read_to_string(&heard)?;
        if status.signal() == Some(9) && kill_after.is_some() {
            return Ok((false, took, said));
        }
        ensure!(
            status.code() == Some(0),
            "`{}`: {status}: {said}",
            words.join(" ")
        );
        Ok((true, took, said))
    }

    fn finished(&mut self, end: Place) -> Result<()> {
        let found = self.host.tree()?;
        let differ = differences(self.trees.of(end), &found);
        ensure!(differ.is_empty(), "not as {end:?}: {differ:#?}");
        let left = self.host.leftovers()?;
        ensure!(left.is_empty(), "{left:?} is left");
        let status = self.host.status()?;
        ensure!(
            !status.is_interrupted() && !status.has_drift(),
            "{status:?}"
        );
        self.arrive(end);
        if end != Place::Bare && self.random.chance(10) {
            let which = if end == Place::First {
                Which::First
            } else {
                Which::Second
            };
            let words = self.host.bundles.install_words(which, &[]);
            let again = self.host.run(Fault::None, &words).expect(0)?;
            ensure!(
                again.text().contains("nothing to change"),
                "installing again changes something: {}",
                again.text()
            );
        }
        Ok(())
    }

    /// No run is under way any more.
    fn arrive(&mut self, end: Place) {
        if matches!(self.begun_by, Op::Install | Op::Update) && end != self.base {
            self.below = self.base;
        }
        self.resetting = false;
        self.base = end;
        self.goal = None;
    }

    fn killed(&mut self, op: Op, goal: Place, at: f64) -> Result<()> {
        let found = self.host.tree()?;
        let (one, other) = (self.trees.of(self.base), self.trees.of(goal));
        let strange = strangers(one, other, &found);
        ensure!(strange.is_empty(), "{strange:#?}");
        let status = self.host.status()?;
        let groups = &self.host.bundles.groups;
        let crashed = seen(one, other, &found, groups);
        let mut recovered = Seen::default();
        let phase = status.phase();
        if op == Op::Reset {
            // Until it is over, it goes on.
            self.resetting = true;
        } else if status.is_interrupted() {
            if self.random.chance(25) {
                recovered = self.recover_only(&status, goal)?;
            }
        } else {
            let found: Tree = found
                .into_iter()
                .filter(|(name, _)| !name.contains(STAGE))
                .collect();
            let end = if found == *other {
                goal
            } else {
                let differ = differences(one, &found);
                ensure!(
                    differ.is_empty(),
                    "no run is under way ({phase}), but {differ:#?}"
                );
                self.base
            };
            ensure!(!status.has_drift(), "{status:?}");
            recovered = seen(one, other, &found, groups);
            self.arrive(end);
        }
        if let Ok(mut kills) = self.kills.lock() {
            let kills = kills.ops.entry(op).or_default();
            kills.crashed += crashed;
            kills.recovered += recovered;
            kills.phases.entry(phase).or_default().push(at);
        }
        Ok(())
    }

    /// A run that only recovers.
    fn recover_only(&mut self, status: &Status, goal: Place) -> Result<Seen> {
        let bundles = self.host.bundles;
        // Any bundle will do: the answer is no.
        let words = bundles.install_words(Which::Second, &[]);
        let run = self.host.recover_only(&words);
        ensure!(
            matches!(run.code, 0 | 1),
            "recovery: exit code {}: {}",
            run.code,
            run.err
        );
        let found = self.host.tree()?;
        let left = self.host.leftovers()?;
        ensure!(left.is_empty(), "after recovery {left:?} is left");
        let (one, other) = (self.trees.of(self.base), self.trees.of(goal));
        let after = seen(one, other, &found, &bundles.groups);
        let strange = strangers(one, other, &found);
        ensure!(
            after.mixed == 0 && strange.is_empty(),
            "after recovery from {}: {after:?} {strange:#?}",
            status.phase()
        );
        let now = self.host.status()?;
        ensure!(!now.has_drift(), "after recovery: {now:?}");
        if !now.is_interrupted() {
            // A rollback was carried to its end, or nothing was missing but the last record.
            let end = if found == *other { goal } else { self.base };
            let differ = differences(self.trees.of(end), &found);
            ensure!(differ.is_empty(), "after recovery: {differ:#?}");
            self.arrive(end);
        }
        Ok(after)
    }
}

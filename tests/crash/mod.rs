//! Crashes: every transaction is as before or as after, whenever a run ends.
//!
//! In: a seed, how many kills, which scenarios. Out: a [`Report`]; every failure in it names what repeats it. What is simulated, and
//! what is not, is in `docs/crash-testing.md`.
//!
//! | module | concern |
//! |---|---|
//! | [`host`] | two bundles from the planner, hosts to install them on |
//! | [`compare`] | before, after, or neither |
//! | [`sweep`] | every durable action of every scenario stopped, without power, or failing; in this process |
//! | [`kill`] | the real program killed at random instants |
//! | [`report`] | the table |

pub mod compare;
pub mod failure;
pub mod host;
pub mod kill;
pub mod report;
pub mod sweep;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::Result;

use host::Bundles;
use kill::Kills;
use report::Report;
use sweep::{Kind, Scenario};

/// What to run.
pub struct Options {
    /// Chooses the instants of the kills.
    pub seed: u64,
    /// How many kills.
    pub kills: u64,
    /// The scenarios by name, or every one.
    pub scenarios: Option<Vec<String>>,
    /// The kinds of faults.
    pub kinds: Vec<Kind>,
    /// 1 to crash at every action; 4 at every fourth, each kind of fault at others.
    pub step: u64,
    /// Starts the program that is killed, without arguments.
    pub program: fn(&Program) -> Command,
    /// Where that program is.
    pub path: Program,
}

/// Where the program is that is killed.
#[derive(Clone, Debug)]
pub struct Program(pub std::path::PathBuf);

/// Runs everything; `progress` is told what is being done.
///
/// # Errors
/// If a host cannot be prepared; never because of what a crash left.
pub fn run(options: &Options, progress: &(dyn Fn(&str) + Sync)) -> Result<Report> {
    let begun = Instant::now();
    let bundles = Bundles::plan()?;
    let scenarios = Scenario::all(&bundles, options.scenarios.as_deref())?;
    let mut report = Report::new(options.seed);
    let mut phases: BTreeMap<&'static str, std::collections::BTreeSet<String>> = BTreeMap::new();
    // The kinds that find most come first.
    for (first, kind) in (0..).zip(&options.kinds) {
        let first = first % options.step;
        for scenario in &scenarios {
            let row = sweep::sweep(scenario, *kind, first, options.step, &mut report.failures)?;
            let known = phases.entry(scenario.op.name()).or_default();
            known.extend(row.phases.iter().cloned());
            progress(&format!("{row}, {:.0} s", begun.elapsed().as_secs_f64()));
            report.rows.push(row);
        }
    }
    report
        .rows
        .sort_by_key(|row| scenarios.iter().position(|one| one.name == row.scenario));
    report.actions_seconds = begun.elapsed().as_secs_f64();
    if options.kills > 0 {
        progress(&format!("{} kills, seed {}", options.kills, options.seed));
        let begun = Instant::now();
        let kills = Mutex::new(Kills::new(options.kills, phases));
        let failures = Mutex::new(Vec::new());
        let outcome: Result<Vec<()>> = thread::scope(|scope| {
            let walks: Vec<_> = (0..threads())
                .map(|number| {
                    let (kills, failures, bundles) = (&kills, &failures, &bundles);
                    scope.spawn(move || {
                        kill::walk(options, bundles, number, kills, failures, progress)
                    })
                })
                .collect();
            walks
                .into_iter()
                .map(|walk| {
                    walk.join()
                        .unwrap_or_else(|_| anyhow::bail!("a walk panicked"))
                })
                .collect()
        });
        outcome?;
        report
            .failures
            .extend(failures.into_inner().unwrap_or_default());
        report.kills = kills.into_inner().map(Kills::rows).unwrap_or_default();
        report.kill_seconds = begun.elapsed().as_secs_f64();
    }
    Ok(report)
}

/// Hosts that are worked on at a time.
fn threads() -> u64 {
    thread::available_parallelism().map_or(2, |count| count.get() as u64)
}

//! What a run found, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use super::compare::Seen;
use super::failure::Failure;
use super::kill;
use super::sweep;

/// What a run found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Chose the instants of the kills.
    pub seed: u64,
    /// One for each scenario and kind of fault.
    pub rows: Vec<sweep::Row>,
    /// One for each command that was killed.
    pub kills: Vec<kill::Row>,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// How long the faults took.
    pub actions_seconds: f64,
    /// How long the kills took.
    pub kill_seconds: f64,
}

impl Report {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            rows: Vec::new(),
            kills: Vec::new(),
            failures: Vec::new(),
            actions_seconds: 0.0,
            kill_seconds: 0.0,
        }
    }

    /// Kills that were sent, and those of them that hit a running process.
    #[must_use]
    pub fn killed(&self) -> (u64, u64) {
        self.kills
            .iter()
            .fold((0, 0), |(sent, hit), row| (sent + row.sent, hit + row.hit))
    }
}

fn states(seen: Seen) -> String {
    format!("{}/{}/{}", seen.before, seen.mixed, seen.after)
}

impl fmt::Display for sweep::Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<16} {:<14} {:>7} {:>6}  {:>18}  {:>18}  {:>8}",
            self.scenario,
            self.fault,
            self.actions,
            self.runs,
            states(self.crashed),
            states(self.recovered),
            self.failures
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<16} {:<14} {:>7} {:>6}  {:>18}  {:>18}  {:>8}",
            "scenario", "fault", "actions", "runs", "at the crash", "after recovery", "failures"
        )?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        if !self.kills.is_empty() {
            writeln!(
                f,
                "\n{:<16} {:>7} {:>8} {:>14} {:>10}  {:>18}  {:>18}  {:>8}",
                "killed command",
                "kills",
                "running",
                "phases seen",
                "median ms",
                "at the crash",
                "after recovery",
                "failures"
            )?;
            for row in &self.kills {
                writeln!(
                    f,
                    "{:<16} {:>7} {:>8} {:>14} {:>10.0}  {:>18}  {:>18}  {:>8}",
                    row.command,
                    row.sent,
                    row.hit,
                    format!(
                        "{} of {}",
                        row.phases.len(),
                        row.phases.len() + row.missed.len()
                    ),
                    row.median_ms,
                    states(row.crashed),
                    states(row.recovered),
                    row.failures
                )?;
                for missed in &row.missed {
                    writeln!(f, "  never killed in: {missed}")?;
                }
            }
        }
        let (sent, hit) = self.killed();
        writeln!(
            f,
            "\nseed {}: {} crashed runs in {:.0} s, {sent} kills ({hit} while the process ran) in {:.0} s, {} failures",
            self.seed,
            self.rows.iter().map(|row| row.runs).sum::<u64>(),
            self.actions_seconds,
            self.kill_seconds,
            self.failures.len()
        )?;
        write!(
            f,
            "(states: transactions as before / some files of each / as after)"
        )
    }
}

//! Crashes, in short: two scenarios at every third action, at every action with `KUBEPLAN_SWEEPS=whole`, and some kills of the real
//! program. `cargo xtask crash` is the long form.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use kubeplan_testkit::sweeps;
use kubeplan_testsuite::crash::compare::{Group, Seen, Tree, differences, seen, strangers};
use kubeplan_testsuite::crash::sweep::Kind;
use kubeplan_testsuite::crash::{self, Options, Program};
use kubeplan_testsuite::tree::Node;
use libtest_mimic::Trial;

use super::case;

/// With this variable set, the test program is `kubeapply`.
pub(super) const AS_KUBEAPPLY: &str = "KUBEPLAN_TESTSUITE_AS_KUBEAPPLY";

pub fn cases() -> Vec<Trial> {
    vec![
        case("crash::at_actions_of_an_update_and_its_rollback", || {
            passes(0, &["update", "rollback"])
        }),
        case("crash::the_program_killed_at_random_instants", || {
            passes(150, &[])
        }),
        case("crash::a_half_done_transaction_is_noticed", notices),
    ]
}

/// Whether this process is to be `kubeapply` instead: another package's binary need not be built when a test runs.
pub fn is_kubeapply() -> bool {
    std::env::var_os(AS_KUBEAPPLY).is_some()
}

fn passes(kills: u64, scenarios: &[&str]) -> Result<()> {
    let step = if sweeps::whole() { 1 } else { 3 };
    let options = Options {
        seed: 20_261_121,
        kills,
        scenarios: Some(scenarios.iter().map(|name| (*name).to_owned()).collect()),
        kinds: vec![Kind::Stop, Kind::Power],
        step,
        program: |program| {
            let mut command = Command::new(&program.0);
            command.env(AS_KUBEAPPLY, "1");
            command
        },
        path: Program(std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"))),
    };
    let report = crash::run(&options, &|_| {})?;
    ensure!(
        report.failures.is_empty(),
        "{report}\n{:#?}",
        report.failures
    );
    let (sent, hit) = report.killed();
    ensure!(sent == kills && hit * 2 >= kills, "{report}");
    for row in &report.rows {
        // A transaction is half done for a few actions only: those that one kind of fault passes over, another one meets.
        let kinds = report.rows.iter();
        let mixed: u64 = kinds
            .filter(|other| other.scenario == row.scenario)
            .map(|other| other.crashed.mixed)
            .sum();
        ensure!(
            row.runs * step > 100 && row.crashed.before > 0 && mixed > 0 && row.crashed.after > 0,
            "the crashes of {} are not where they matter: {report}",
            row.scenario
        );
        ensure!(row.recovered.mixed == 0, "{report}");
    }
    Ok(())
}

fn notices() -> Result<()> {
    let node = |text: &str, mode| Node {
        mode,
        owner: (0, 0),
        modified: 0,
        bytes: Some(text.as_bytes().to_vec()),
        target: None,
    };
    let tree = |nodes: &[(&str, &str, u32)]| -> Tree {
        nodes
            .iter()
            .map(|(name, text, mode)| ((*name).to_owned(), node(text, *mode)))
            .collect()
    };
    let before = tree(&[("a", "1", 0o600), ("b", "1", 0o600)]);
    let after = tree(&[("a", "2", 0o600), ("b", "2", 0o600), ("c", "2", 0o600)]);
    let groups = [Group {
        name: "all".into(),
        paths: ["a", "b", "c"].map(str::to_owned).to_vec(),
    }];
    let is = |found: &Tree| seen(&before, &after, found, &groups);
    let one = |before, mixed, after| Seen {
        before,
        mixed,
        after,
    };
    ensure!(is(&before) == one(1, 0, 0) && is(&after) == one(0, 0, 1));
    let half = tree(&[("a", "2", 0o600), ("b", "1", 0o600)]);
    ensure!(is(&half) == one(0, 1, 0) && strangers(&before, &after, &half).is_empty());
    for strange in [
        tree(&[("a", "3", 0o600), ("b", "1", 0o600)]),
        tree(&[("a", "1", 0o644), ("b", "1", 0o600)]),
        tree(&[("b", "1", 0o600)]),
        tree(&[("a", "1", 0o600), ("b", "1", 0o600), ("d", "", 0o600)]),
    ] {
        ensure!(strangers(&before, &after, &strange).len() == 1);
        ensure!(differences(&before, &strange).len() == 1);
    }
    let stage = ".kubeplan-stage-0123456789abcdef";
    let mut staged = before.clone();
    staged.insert(stage.to_owned(), node("", 0o700));
    ensure!(strangers(&before, &after, &staged).is_empty());
    ensure!(differences(&before, &staged).len() == 1);
    Ok(())
}

//! Indexes of several megabytes: looked at in time that grows with their size, not with its square.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::limits;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{NOW, kubeapply_at, kubeplan};
use kubeplan_testsuite::raw_index::{with_index, with_text};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::super::case;

/// Debug builds on a loaded machine take a few seconds; a search of the list for each name took minutes.
const GENEROUS: Duration = Duration::from_secs(60);

/// About 7 MB.
const DIRECTORIES: usize = 50_000;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::large_indexes::many_entries_in_an_unsigned_bundle",
            many_entries,
        ),
        case(
            "attacks::large_indexes::an_index_over_the_limit",
            over_the_limit,
        ),
        case(
            "attacks::large_indexes::a_field_of_very_many_values_in_a_step",
            many_values,
        ),
        case(
            "attacks::large_indexes::a_step_with_very_many_names",
            many_names,
        ),
    ]
}

/// Adds `count` directories to the index and to its last transaction.
fn add_directories(index: &mut Value, count: usize) -> Result<()> {
    let phase = index["entries"][0]["phase"].clone();
    let mut names = Vec::with_capacity(count);
    let entries = index["entries"].as_array_mut().context("no entries")?;
    for number in 0..count {
        let path = format!("/srv/{number}");
        let name = format!("directory:{path}");
        entries.push(json!({
            "name": name, "kind": "directory", "path": path, "mode": "0755", "uid": 0, "gid": 0, "phase": phase,
        }));
        names.push(name);
    }
    let transactions = index["transactions"].as_array_mut();
    let last = transactions
        .and_then(|all| all.last_mut())
        .and_then(|last| last["entries"].as_array_mut())
        .context("no transaction")?;
    last.extend(names.into_iter().map(Value::from));
    Ok(())
}

fn many_entries() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = with_index(&planned, "large.tar.gz", true, |index| {
        add_directories(index, DIRECTORIES)
    })?;
    let size = fs::metadata(&bundle)?.len();
    ensure!(size > 6_000_000, "only {size} bytes");
    let signers = planned.path("allowed_signers");
    let (signers, file) = (text(&signers)?, text(&bundle)?);
    let last = format!("/srv/{}", DIRECTORIES - 1);
    let mut taken = String::new();
    let mut timed = |what: &str, started: Instant| -> Result<()> {
        let took = started.elapsed();
        writeln!(taken, "{what}: {took:?}")?;
        ensure!(took < GENEROUS, "{taken}");
        Ok(())
    };
    let started = Instant::now();
    let shown = kubeplan(&["show", file]);
    timed("kubeplan show", started)?;
    ensure!(shown.text().contains(&last), "{}", shown.err);
    let started = Instant::now();
    kubeplan(&["verify", file, "--allowed-signers", signers]).expect(4)?;
    timed("kubeplan verify", started)?;
    let started = Instant::now();
    let shown = kubeapply_at(NOW, &["show", "--allowed-signers", signers, file]);
    timed("kubeapply show", started)?;
    ensure!(shown.text().contains(&last), "{}", shown.err);
    Ok(())
}

fn over_the_limit() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let bundle = with_index(&planned, "larger.tar.gz", true, |index| {
        let text = "x".repeat(usize::try_from(limits::INDEX)?);
        index["annotations"] = json!({ "a": text });
        Ok(())
    })?;
    let run = kubeplan(&["show", text(&bundle)?]);
    ensure!(
        run.code == 4 && run.err.contains("at most"),
        "{}: {}",
        run.code,
        run.err
    );
    Ok(())
}

/// A field that no step has, of which a parser keeps every value until it knows the step.
fn many_values() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let shown = |count: usize| {
        let bundle = with_text(&planned, "values.tar.gz", |index| {
            let values = vec!["[0]"; count].join(",");
            index.replacen(
                "\"steps\":[{",
                &format!("\"steps\":[{{\"absent\":[{values}],"),
                1,
            )
        })?;
        anyhow::Ok(kubeplan(&["show", text(&bundle)?]))
    };
    let run = shown(1_900_000)?;
    ensure!(
        run.code == 4 && run.err.contains("more than 500000 values"),
        "{}: {}",
        run.code,
        run.err
    );
    let run = shown(10)?;
    ensure!(
        run.code == 4 && run.err.contains("absent"),
        "{}: {}",
        run.code,
        run.err
    );
    Ok(())
}

fn many_names() -> Result<()> {
    let planned = Planned::fixture("single-node-ecdsa")?;
    let with = |count: usize| {
        with_index(&planned, "names.tar.gz", true, |index| {
            let steps = index["steps"].as_array_mut().context("no steps")?;
            let step = steps
                .iter_mut()
                .find(|step| step["do"] == "preflight")
                .context("no preflight")?;
            step["ignore"] = json!(vec!["a"; count]);
            Ok(())
        })
    };
    let run = kubeplan(&["show", text(&with(400_000)?)?]);
    ensure!(
        run.code == 4 && run.err.contains("the number of values in all steps"),
        "{}: {}",
        run.code,
        run.err
    );
    kubeplan(&["show", text(&with(10_000)?)?]).expect(0)?;
    Ok(())
}

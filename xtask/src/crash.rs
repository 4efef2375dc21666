//! `cargo xtask crash`: crashes installations at every durable action, and kills the real program.
//!
//! In: how many kills, a seed, scenarios. Out: a table, or JSON; exit code 1 if anything went wrong, with what repeats it.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use kubeplan_testsuite::crash::sweep::{Kind, NAMES};
use kubeplan_testsuite::crash::{self, Options, Program};

use crate::repository;

/// Options of `cargo xtask crash`.
#[derive(clap::Args)]
pub struct Args {
    /// Number of kills
    #[arg(long, default_value_t = 10_000)]
    kills: u64,
    /// Seed of the random instants of the kills [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// Run only this scenario, and kill only if --kills is given; may be repeated; `none` runs kills alone
    #[arg(long = "scenario", value_name = "NAME", value_parser = scenario)]
    scenarios: Vec<String>,
    /// The kubeapply to kill [default: built from this workspace]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Format of the report
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn scenario(name: &str) -> Result<String, String> {
    if name == "none" || NAMES.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(format!("the scenarios are {}", NAMES.join(", ")))
    }
}

pub fn run(args: &Args) -> Result<()> {
    let seed = match args.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    eprintln!("seed {seed}");
    let program = match &args.program {
        Some(path) => path
            .canonicalize()
            .with_context(|| path.display().to_string())?,
        None => build()?,
    };
    let options = Options {
        seed,
        kills: args.kills,
        scenarios: (!args.scenarios.is_empty()).then(|| args.scenarios.clone()),
        kinds: Kind::ALL.to_vec(),
        step: 1,
        program: |program| Command::new(&program.0),
        path: Program(program),
    };
    let report = crash::run(&options, &|what| eprintln!("{what}"))?;
    for failure in &report.failures {
        eprintln!(
            "\nFAILED {}, {}: {}",
            failure.scenario, failure.at, failure.what
        );
    }
    match args.format {
        Format::Text => println!("{report}"),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    ensure!(
        report.failures.is_empty(),
        "{} failures; to repeat them, add --seed {seed}",
        report.failures.len()
    );
    Ok(())
}

/// Builds the program as this one is built.
fn build() -> Result<PathBuf> {
    repository::cargo(&["build", "--locked", "--package", "kubeapply"])?;
    let own = std::env::current_exe().context("asking for the path of this program")?;
    let program = own.with_file_name("kubeapply");
    ensure!(program.is_file(), "{} was not built", program.display());
    Ok(program)
}

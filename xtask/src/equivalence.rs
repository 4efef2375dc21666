//! `cargo xtask equivalence`: compares the planner with the real kubeadm on random configurations, or on given ones.
//!
//! In: where kubeadm is, how many cases, a seed; or files. Out: a summary, and failing cases as files, each with the command that
//! repeats it. Same seed, same cases.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use kubeplan_testsuite::equivalence::kubeadm::Kubeadm;
use kubeplan_testsuite::equivalence::{self, Options, Verdict};

use crate::repository;

/// Options of `cargo xtask equivalence`.
#[derive(clap::Args)]
pub struct Args {
    /// Path of the real kubeadm, 1.36
    #[arg(long, value_name = "PATH")]
    kubeadm: PathBuf,
    /// Number of valid configurations
    #[arg(long, default_value_t = 500)]
    cases: u64,
    /// Number of configurations with one mistake
    #[arg(long, default_value_t = 300)]
    invalid: u64,
    /// Number of configurations that only one program refuses, as docs/differences.md says
    #[arg(long, default_value_t = 40)]
    intended: u64,
    /// Seed of the random configurations
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of the first configuration
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Directory for failing cases [default: equivalence/ in the directory that cargo builds into]
    #[arg(long, value_name = "DIR")]
    failures: Option<PathBuf>,
    /// Run only the case in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cases", "invalid", "intended", "seed", "first"])]
    repeat: Option<PathBuf>,
    /// Compare on these configuration files of your own
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["cases", "invalid", "intended", "seed", "first", "repeat"])]
    file: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    if let Some(file) = &args.repeat {
        let verdict = equivalence::repeat(&args.kubeadm, file)?;
        return match &verdict {
            Verdict::Different(why) => bail!("they differ\n{why}"),
            same => {
                println!("{}", sentence(same));
                Ok(())
            }
        };
    }
    if !args.file.is_empty() {
        return files(args);
    }
    let options = Options {
        kubeadm: args.kubeadm.clone(),
        seed: args.seed,
        first: args.first,
        valid: args.cases,
        invalid: args.invalid,
        intended: args.intended,
        failures: match &args.failures {
            Some(directory) => directory.clone(),
            None => repository::target()?.join("equivalence"),
        },
    };
    println!(
        "seed {}: {} valid cases, {} broken ones, {} with intended differences, from number {}",
        args.seed, args.cases, args.invalid, args.intended, args.first
    );
    let mut done = 0_u64;
    let mut known = 0;
    let summary = equivalence::run(&options, |number, summary| {
        done += 1;
        if summary.failures.len() > known {
            known = summary.failures.len();
            eprintln!("case {number} differs");
        } else if done.is_multiple_of(50) {
            eprint!("\r{done} cases, {known} different ");
            // Progress only: a terminal that is gone loses nothing.
            let _ = std::io::stderr().flush();
        }
    })?;
    eprintln!();
    for (file, why) in &summary.failures {
        let lines: Vec<&str> = why.lines().take(12).collect();
        println!("\n{}\n{}", file.display(), lines.join("\n"));
        println!(
            "repeat: cargo xtask equivalence --kubeadm {} --repeat {}",
            args.kubeadm.display(),
            file.display()
        );
    }
    println!("{summary}");
    ensure!(summary.is_good(), "the two are not equivalent");
    Ok(())
}

/// What a verdict other than a difference says.
fn sentence(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Equal => "both accept it and write the same files".to_owned(),
        Verdict::Refused(why) => format!("both refuse it: {why}"),
        Verdict::Intended(names) => format!(
            "intended difference `{}`, see docs/differences.md",
            names.join("`, `")
        ),
        Verdict::Different(why) => format!("they differ\n{why}"),
    }
}

/// Compares on the files that the arguments name.
fn files(args: &Args) -> Result<()> {
    let kubeadm = Kubeadm::new(&args.kubeadm)?;
    let mut different = 0;
    for file in &args.file {
        let verdict = equivalence::check_file(&kubeadm, file)?;
        if matches!(verdict, Verdict::Different(_)) {
            different += 1;
        }
        println!("{}: {}", file.display(), sentence(&verdict));
    }
    ensure!(different == 0, "{different} of {} differ", args.file.len());
    Ok(())
}

//! Tasks of the workspace: `cargo xtask --help` lists them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a program for a terminal, with no interface but its command line"
)]

mod bench;
mod bless;
mod ci;
mod components;
mod crash;
mod equivalence;
mod generate;
mod hosts;
mod modules;
mod quickstart;
mod release;
mod repository;
mod tables;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Run a task of the kubeplan workspace
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Plan a sample cluster, verify, show and install its bundle in a scratch directory
    Quickstart,
    /// Rewrite golden/ from fixtures/ and list what changed
    Bless,
    /// Rewrite docs/reference/ from the programs, and the tables of fields from xtask/types/types.txt
    Generate {
        /// Only compare; fail if anything differs
        #[arg(long)]
        check: bool,
    },
    /// Read the fields of Kubernetes' types from the source of every supported release (needs Go and the network)
    Tables,
    /// Print what a new minor of Kubernetes needs, and what differs from the one before it
    Release(release::Args),
    /// Measure planning, installing and bundle throughput
    Bench(bench::Args),
    /// Compare the planner with the real kubeadm on random configurations
    Equivalence(equivalence::Args),
    /// Build the real Kubernetes programs that suites and test hosts run
    Components(components::Args),
    /// Make, list, enter and remove test hosts with real kubelets on this machine
    Hosts(hosts::Args),
    /// Crash installations at every durable action, and kill the real program
    Crash(crash::Args),
    /// Print which module of each crate names which other module
    Modules,
    /// Run everything that CI checks, in order, and print how long each part took
    Ci,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Quickstart => quickstart::run(),
        Task::Bless => bless::run(),
        Task::Generate { check } => generate::run(check),
        Task::Tables => tables::run(),
        Task::Release(args) => release::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Equivalence(args) => equivalence::run(&args),
        Task::Components(args) => components::run(&args),
        Task::Hosts(args) => match hosts::run(&args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Task::Crash(args) => crash::run(&args),
        Task::Modules => modules::run(),
        Task::Ci => ci::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

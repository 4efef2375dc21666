//! The command line of `kubeplan`: one file per command, each with an `Args` struct and a `run` function.
//!
//! In: arguments and streams. Out: an exit code. This module is the planner's edge: it reads files, the clock and the
//! terminal, and passes values to the pure modules.

mod agreement;
mod approve;
mod certs;
mod config;
mod error;
mod facts;
mod failed;
mod init_flags;
mod input;
mod keygen;
mod keys;
mod open;
mod patches;
mod payload;
mod phases;
mod pki;
mod plan;
mod preflight;
mod public;
mod reading;
mod receipt;
mod render;
mod replaced;
mod show;
mod sign;
mod summary;
mod surroundings;
mod table;
mod validate;
mod verify;
mod workspace;

use std::ffi::OsString;
use std::sync::LazyLock;

use clap::{CommandFactory as _, Parser, Subcommand};
use kubeplan_terminal::Io;

pub use surroundings::{Epoch, Surroundings};

/// What `--version` says.
static LONG_VERSION: LazyLock<String> =
    LazyLock::new(|| kubeplan_terminal::long_version(env!("CARGO_PKG_VERSION")));

/// Plan Kubernetes nodes offline, with the files and steps of kubeadm
///
/// kubeplan renders every certificate, kubeconfig, static Pod manifest and kubelet file of a node from a stock
/// kubeadm configuration into one signed, sealed bundle. It needs no root, no network and no target host;
/// kubeapply installs the bundle.
#[derive(Debug, Parser)]
#[command(
    name = "kubeplan",
    // Not `argv[0]`: the program that starts kubeplan chooses that text.
    bin_name = "kubeplan",
    version,
    long_version = LONG_VERSION.as_str(),
    max_term_width = 80,
    term_width = 80,
    after_help = "Exit codes: 0 done, 1 failed, 2 bad usage or configuration,\n\
3 differences found, 4 verification refused, 7 another run holds the lock.",
    disable_help_subcommand = true,
    help_expected = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Plan(Box<plan::Args>),
    Render(render::Args),
    Validate(validate::Args),
    Preflight(preflight::Args),
    Payload(payload::Args),
    Config(config::Args),
    Certs(certs::Args),
    Pki(pki::Args),
    Show(show::Args),
    Verify(verify::Args),
    Public(public::Args),
    Sign(sign::Args),
    Approve(approve::Args),
    Keygen(keygen::Args),
}

/// Runs the program with `args` (the first is its name) and returns its exit code.
pub fn run<I, T>(args: I, around: &Surroundings, io: &mut Io) -> u8
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return io.usage(&error, &command(), &args).code(),
    };
    let outcome = match cli.command {
        Command::Plan(args) => plan::run(&args, around, io),
        Command::Render(args) => render::run(&args, around, io),
        Command::Validate(args) => validate::run(&args, around, io),
        Command::Preflight(args) => preflight::run(&args, io),
        Command::Payload(args) => payload::run(&args, around, io),
        Command::Config(args) => config::run(&args, io),
        Command::Certs(args) => certs::run(&args, around, io),
        Command::Pki(args) => pki::run(&args, io),
        Command::Show(args) => show::run(&args, around, io),
        Command::Verify(args) => verify::run(&args, around, io),
        Command::Public(args) => public::run(&args, io),
        Command::Sign(args) => sign::run(&args, io),
        Command::Approve(args) => approve::run(&args, around, io),
        Command::Keygen(args) => keygen::run(&args, io),
    };
    match outcome {
        Ok(exit) => exit.code(),
        Err(error) => {
            io.error(&error);
            error.exit().code()
        }
    }
}

/// Returns the definition of the command line, from which the reference is generated.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

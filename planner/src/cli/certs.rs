//! `kubeplan certs`: lists the certificates of the key store, and makes signing requests for an external CA.

mod generate_csr;
mod list;

use std::path::Path;

use clap::Subcommand;
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Io};

use super::Surroundings;
use crate::pki::store_dir::StoreDirError;

/// List certificates and make signing requests for an external CA
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    GenerateCsr(generate_csr::Args),
    #[command(visible_alias = "check-expiration")]
    List(list::Args),
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    match &args.command {
        Command::GenerateCsr(args) => generate_csr::run(args, around, io),
        Command::List(args) => list::run(args, around, io),
    }
}

/// The error for a key store that cannot be used.
pub(super) fn store_error(error: StoreDirError) -> CliError {
    let exit = if matches!(error, StoreDirError::Locked(_)) {
        Exit::Locked
    } else {
        Exit::Failed
    };
    let hint = error.hint();
    let error = CliError::caused(exit, "using the key store", error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn no_store(directory: &Path) -> CliError {
    CliError::usage(format!("there is no key store in {}", directory.display()))
        .hint("name the key store with --pki")
}

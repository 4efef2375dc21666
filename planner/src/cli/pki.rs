//! `kubeplan pki`: takes over the certificates of a cluster that kubeadm made.

mod import;

use clap::Subcommand;
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Io};

/// Fill a key store with the CAs of an existing cluster
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Args),
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    match &args.command {
        Command::Import(args) => import::run(args, io),
    }
}

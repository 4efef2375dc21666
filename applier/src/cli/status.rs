//! `kubeapply status`.

use clap::Args;
use kubeplan_terminal::{CliError, Io};

use super::{FormatArgs, RootArgs};
use crate::host::Surroundings;
use crate::install::status;

/// Show what is installed on this host, and what to run next
///
/// Reports the installed nodes, an interrupted run and what of it is in place, a
/// run that waits to be confirmed, files that were changed since and what may
/// have changed them, and the next command. Changes nothing.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    format: FormatArgs,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: &StatusArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let report = status::look(&root, super::now(around)?)?;
    io.report(args.format.format, &report)
}

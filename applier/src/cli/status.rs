//! `kubeapply status`.

use clap::Args;
use kubeplan_terminal::{CliError, Io};

use super::{FormatArgs, RootArgs};
use crate::host::Surroundings;
use crate::install::status;

/// Show where this host stands, and what to run next
///
/// What is installed, whether a run was interrupted and what of it is in place,
/// whether one waits to be confirmed, which files were changed since and who
/// could have, and the next command. Changes nothing.
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

//! `kubeapply confirm`.

use clap::Args;
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Io, Report, Text};
use serde::Serialize;

use super::{FormatArgs, RootArgs};
use crate::host::{Actions, Surroundings};
use crate::install::{next, recover, require_root, supervise};
use crate::state;
use crate::state::journal::Standing;
use crate::state::journal::record::Record;
use crate::state::memory::Memory;

/// Make the last run final: it can no longer be rolled back
///
/// Ends the wait of `install --confirm-within` and removes the copies of the old
/// files.
#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    format: FormatArgs,
}

/// What was confirmed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmReport {
    run: u32,
    cluster: String,
    node: String,
    serial: u64,
    /// It had been confirmed before.
    already: bool,
}

impl Report for ConfirmReport {
    const COMMAND: &'static str = "confirm";

    fn text(&self) -> Text {
        Text::of(format_args!(
            "run {} (node {} of cluster {}, serial {}) {}",
            self.run,
            self.node,
            self.cluster,
            self.serial,
            if self.already {
                "had been confirmed before"
            } else {
                "is confirmed; it cannot be rolled back any more"
            }
        ))
    }
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: &ConfirmArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    require_root(&root, "confirming an installation of the running system")?;
    let actions = &around.actions;
    let outcome = confirm(&root, actions, super::now(around)?);
    io.report(args.format.format, &outcome?)
}

fn confirm(
    root: &crate::host::Root,
    actions: &Actions,
    now: kubeplan_bundle::timestamp::Timestamp,
) -> Result<ConfirmReport, CliError> {
    let nothing = || CliError::new(Exit::Failed, "there is nothing to confirm on this host");
    let _lock = state::lock_existing(root)?.ok_or_else(nothing)?;
    let mut memory = Memory::load(root)?;
    let run = memory.runs.current().ok_or_else(nothing)?.clone();
    let number = run.number();
    let command = |words: &[&str]| next::command(root, words);
    match run.standing {
        Standing::Finished(_) => {}
        Standing::RolledBack(time) => {
            return Err(CliError::new(
                Exit::Failed,
                format!("run {number} was rolled back at {time}: there is nothing to confirm"),
            ));
        }
        Standing::Open | Standing::Superseded(_) => {
            return Err(CliError::new(
                Exit::Partial,
                format!("run {number} was interrupted and cannot be confirmed"),
            )
            .hint(format!(
                "go on with `{}`, or go back with `{}`",
                command(&["resume"]),
                command(&["rollback", "--yes"])
            )));
        }
        Standing::RollingBack(_) => {
            return Err(CliError::new(
                Exit::Partial,
                format!("run {number} is being rolled back, and that was interrupted"),
            )
            .hint(format!("go on with `{}`", command(&["rollback", "--yes"]))));
        }
    }
    recover::recover(&mut memory, root, actions, now)?;
    let already = run.confirmed.is_some();
    if !already {
        memory
            .runs
            .record(root, actions, number, Record::Confirmed { time: now })
            .map_err(|failure| failure.error)?;
        supervise::disarm(root, number);
    }
    memory.runs.prune(root, actions, now)?;
    Ok(ConfirmReport {
        run: number,
        cluster: run.begin.cluster.name.to_string(),
        node: run.begin.node.to_string(),
        serial: run.begin.serial,
        already,
    })
}

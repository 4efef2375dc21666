//! `kubeapply facts`.

use std::path::PathBuf;

use clap::Args;

use super::RootArgs;
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Io, Text};

use crate::host::{facts, local};

/// Describe this host for kubeplan
///
/// Writes what a plan needs: the host's name and addresses, its CA directories,
/// container runtime, resolver, proxies, architecture, kubelet and SSH host key,
/// as one JSON document that `kubeplan plan --facts` reads. Below --root it knows only
/// what the files of the tree say. Changes nothing and reads no secret; proxies
/// are written as they are.
#[derive(Debug, Args)]
pub(super) struct FactsArgs {
    #[command(flatten)]
    root: RootArgs,

    /// File to write, or a directory in which to write HOSTNAME.json [default:
    /// standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: &FactsArgs, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let (facts, missing) = facts::gather(&root).map_err(|reason| {
        CliError::new(Exit::Failed, reason)
            .hint("set the host's name: lower-case letters, digits, `-` and `.`")
    })?;
    let text = facts
        .to_json()
        .map_err(|error| CliError::new(Exit::Failed, error))?;
    io.notes(&missing);
    let Some(path) = &args.output else {
        return io.json(&text);
    };
    let name = format!("{}.json", facts.hostname);
    let written = local::write(path, &name, text.as_bytes())?;
    io.tell(&Text::of(format_args!("wrote {}", written.display())));
    if written
        .file_name()
        .is_none_or(|found| found != name.as_str())
    {
        io.note(format_args!("kubeplan reads it as {name} only"));
    }
    Ok(())
}

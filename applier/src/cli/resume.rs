//! `kubeapply resume`.

use std::path::PathBuf;

use clap::Args;
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Io};

use super::{FormatArgs, RootArgs};
use crate::host::Surroundings;
use crate::install::{Request, next};
use crate::state::journal::Standing;
use crate::state::memory::Memory;

/// Continue an interrupted installation
///
/// Undoes a transaction that was half done, then installs the same bundle with
/// the same arguments. Outside of the bundle's time window it only warns.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The bundle that was being installed [default: where it was then]
    bundle: Option<PathBuf>,

    #[command(flatten)]
    root: RootArgs,

    /// A file with an age identity or an unencrypted ssh-ed25519 private key; may
    /// be repeated [default: those of the interrupted run]
    #[arg(long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,

    #[command(flatten)]
    format: FormatArgs,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: ResumeArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let memory = Memory::load(&root)?;
    let command = |words: &[&str]| next::command(&root, words);
    if let Some(run) = memory.runs.current()
        && matches!(run.standing, Standing::RollingBack(_))
    {
        return Err(CliError::new(
            Exit::Partial,
            format!(
                "run {} is being rolled back, and that was interrupted",
                run.number()
            ),
        )
        .hint(format!("go on with `{}`", command(&["rollback", "--yes"]))));
    }
    let Some(run) = memory.runs.interrupted() else {
        return Err(
            CliError::new(Exit::Failed, "no installation was interrupted here")
                .hint(format!("see `{}`", command(&["status"]))),
        );
    };
    let mut request = Request::from_record(&run.begin.request);
    request.resumes = Some(run.begin.index_digest);
    if let Some(bundle) = args.bundle {
        request.bundle = bundle;
    }
    if !args.identities.is_empty() {
        request.identities = args.identities;
    }
    // It was asked when the run began.
    super::install::carry_out(&request, &root, true, args.format.format, around, io)
}

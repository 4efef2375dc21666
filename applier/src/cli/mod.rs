//! Arguments in, reports out. Each command is a file: its arguments, and a function that turns them into a
//! request to the rest of the crate.

mod cluster;
mod confirm;
mod discover;
mod facts;
mod failed;
mod install;
mod join;
mod operator;
mod preflight;
mod reset;
mod resume;
mod rollback;
mod show;
mod status;
mod trust;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use kubeplan_bundle::timestamp::Timestamp;

use crate::host::{Root, Surroundings};
use crate::preflight::Ignored;
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Format, Io};

/// What `--version` says.
static LONG_VERSION: LazyLock<String> =
    LazyLock::new(|| kubeplan_terminal::long_version(env!("CARGO_PKG_VERSION")));

/// Verify and install the bundles that kubeplan makes
#[derive(Debug, Parser)]
// Not the name it was started by, which another program chooses.
#[command(name = "kubeapply", bin_name = "kubeapply")]
#[command(version, long_version = LONG_VERSION.as_str(), max_term_width = 80, term_width = 80)]
#[command(
    help_expected = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 bad usage, 3 differences found,\n\
4 verification refused, 5 preflight failed, 6 stopped part-way,\n\
7 another run holds the lock."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Facts(facts::FactsArgs),
    Trust(trust::TrustArgs),
    Verify(verify::VerifyArgs),
    Show(show::ShowArgs),
    Preflight(preflight::PreflightArgs),
    Install(install::InstallArgs),
    Discover(discover::DiscoverArgs),
    Join(Box<join::JoinArgs>),
    Status(status::StatusArgs),
    Resume(resume::ResumeArgs),
    Confirm(confirm::ConfirmArgs),
    Rollback(rollback::RollbackArgs),
    Reset(reset::ResetArgs),
}

/// The whole command line.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Which tree is the host.
#[derive(Debug, Args)]
struct RootArgs {
    /// The host's directory tree: `/`, or a directory such as a mounted image
    #[arg(
        long,
        visible_alias = "rootfs",
        value_name = "DIR",
        default_value = "/"
    )]
    root: PathBuf,
}

/// How the report is written.
#[derive(Debug, Args)]
struct FormatArgs {
    /// Format of the report
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Which checks may fail.
#[derive(Debug, Args)]
struct IgnoreArgs {
    /// Checks whose errors count as warnings, such as NumCPU,Mem, or `all`; never
    /// clock, target or another cluster; may be repeated
    #[arg(long, value_name = "NAMES")]
    ignore_preflight_errors: Vec<String>,
}

impl IgnoreArgs {
    fn parse(&self) -> Result<Ignored, CliError> {
        Ok(Ignored::parse(&self.ignore_preflight_errors)?)
    }
}

/// Which keys a run trusts.
#[derive(Debug, Args)]
struct PolicyArgs {
    /// Trust these signers instead of the host's /etc/kubeplan/allowed_signers
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,

    /// Require at least this many authors (never fewer than the host's policy)
    #[arg(long, value_name = "N")]
    require_authors: Option<u32>,

    /// Require at least this many approvals (never fewer than the host's policy)
    #[arg(long, value_name = "N")]
    require_approvals: Option<u32>,
}

impl PolicyArgs {
    fn options(&self) -> crate::trust::TrustOptions<'_> {
        crate::trust::TrustOptions {
            allowed_signers: self.allowed_signers.as_deref(),
            require_authors: self.require_authors,
            require_approvals: self.require_approvals,
            own_plan: None,
        }
    }
}

impl RootArgs {
    fn open(&self) -> Result<Root, CliError> {
        Root::open(&self.root).map_err(CliError::usage)
    }
}

/// Parses the arguments and runs the command; returns how it ended.
pub(crate) fn run(
    args: impl IntoIterator<Item = OsString>,
    around: &Surroundings,
    io: &mut Io,
) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return io.usage(&error, &command(), &args),
    };
    let outcome = match cli.command {
        Command::Facts(args) => facts::run(&args, io),
        Command::Trust(args) => trust::run(args, around, io),
        Command::Verify(args) => verify::run(&args, around, io),
        Command::Show(args) => show::run(&args, around, io),
        Command::Preflight(args) => preflight::run(args, around, io),
        Command::Install(args) => install::run(args, around, io),
        Command::Discover(args) => discover::run(&args, around, io),
        Command::Join(args) => join::run(*args, around, io),
        Command::Status(args) => status::run(&args, around, io),
        Command::Resume(args) => resume::run(args, around, io),
        Command::Confirm(args) => confirm::run(&args, around, io),
        Command::Rollback(args) => rollback::run(&args, around, io),
        Command::Reset(args) => reset::run(args, around, io),
    };
    match outcome {
        Ok(()) => Exit::Done,
        Err(error) => {
            io.error(&error);
            error.exit()
        }
    }
}

fn now(around: &Surroundings) -> Result<Timestamp, CliError> {
    around.clock.now().ok_or_else(|| {
        CliError::new(
            Exit::Preflight,
            "the system's clock is before 1970 or after 9999",
        )
        .hint("set the clock")
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use clap::CommandFactory as _;

    use super::*;
    use crate::host::{Exposed, Exposure, HostError};
    use crate::state::StateError;
    use crate::{reset, steps};

    #[derive(Debug, thiserror::Error)]
    #[error("stopped part-way")]
    struct PartWay<E: Error + 'static>(#[source] E);

    #[test]
    fn the_command_that_mends_something_is_kept_whatever_wraps_it() {
        let exposed = || {
            let (path, exposure) = ("/state".to_owned(), Exposure::Writable(0o777));
            let exposed = Exposed::new("directory", path, exposure, "chmod go-w /state");
            HostError::from(Box::new(exposed))
        };
        let state = || StateError::from(exposed());
        let recorded = || steps::StepError::Record(Box::new(state()));
        let errors: [Box<dyn Error + Send + Sync>; 8] = [
            Box::new(exposed()),
            Box::new(state()),
            Box::new(PartWay(exposed())),
            Box::new(PartWay(state())),
            Box::new(PartWay(steps::StepError::from(exposed()))),
            Box::new(PartWay(recorded())),
            Box::new(PartWay(reset::StepError::from(exposed()))),
            Box::new(PartWay(reset::StepError::from(state()))),
        ];
        for error in errors {
            let error = CliError::new(Exit::Partial, error).hint("then run it again");
            let hints: Vec<&str> = error.hints().iter().map(|hint| &**hint).collect();
            assert_eq!(
                hints,
                [
                    "check what it holds, then run `chmod go-w /state`",
                    "then run it again"
                ],
                "{error:?}"
            );
            assert!(!error.to_string().contains("chmod"), "{error}");
        }
    }

    #[test]
    fn the_command_line_is_consistent_and_fits_in_80_columns() {
        Cli::command().debug_assert();
        let mut pending = vec![Cli::command()];
        while let Some(mut command) = pending.pop() {
            for text in [
                command.render_help().to_string(),
                command.render_long_help().to_string(),
            ] {
                for line in text.lines() {
                    assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
                }
            }
            pending.extend(command.get_subcommands().cloned());
        }
    }
}

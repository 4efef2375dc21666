//! `kubeapply install`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::PhaseName;
use kubeplan_terminal::{CliError, Format, Io};

use super::operator::Console;
use super::{FormatArgs, IgnoreArgs, PolicyArgs, RootArgs};
use crate::admission::Allowances;
use crate::host::program::Programs;
use crate::host::{Root, Surroundings};
use crate::install::{self, Means, Request, Steps};
use crate::steps::selection::Phases;

/// Install a bundle's files and run its live steps
///
/// Before it writes anything, kubeapply verifies the bundle and checks that it is
/// for this host and that no file of another owner is in its way. Each
/// transaction is applied completely or not at all, even if the process is killed
/// or power fails: `resume` continues, `rollback` restores the files from before,
/// and a further run changes nothing. Steps that need a running host (services,
/// the API) follow the files; below --root they are only listed.
#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// The bundle, NODE.CLUSTER.tar.gz
    bundle: PathBuf,

    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    /// A file with an age identity or an unencrypted ssh-ed25519 private key; may
    /// be repeated [default: the host's /etc/ssh/ssh_host_ed25519_key]
    #[arg(long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,

    /// Show every file with action, mode, owner and difference, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Replace the file PATH, or apply the object `objects/…`, even if it was
    /// changed or has another owner; may be repeated
    #[arg(long = "overwrite-drift", value_name = "PATH")]
    overwrite_drift: Vec<Overwrite>,

    /// Install files and run no live steps
    #[arg(long, conflicts_with = "live_only")]
    files_only: bool,

    /// Run live steps; the files must be as planned
    #[arg(long)]
    live_only: bool,

    /// Run the steps of this phase and of those below it; may be repeated
    #[arg(long = "phase", value_name = "PHASE", value_delimiter = ',')]
    phases: Vec<PhaseName>,

    /// Skip the steps of these phases and of those below them
    #[arg(long, value_name = "PHASES", value_delimiter = ',')]
    skip_phases: Vec<PhaseName>,

    /// Print the join commands for other nodes without the tokens
    #[arg(long)]
    skip_token_print: bool,

    /// Sign the receipt with the host's /etc/ssh/ssh_host_ed25519_key, so that
    /// `kubeplan verify --receipt` knows who wrote it
    #[arg(long)]
    sign_receipt: bool,

    /// Treat this host as the bundle's node NAME even if the bundle's target does
    /// not match it; recorded in the receipt
    #[arg(long, value_name = "NAME")]
    as_node: Option<String>,

    /// Install even if a newer plan of this cluster was installed before
    #[arg(long)]
    allow_older_serial: bool,

    /// Install a bundle that was made with public test keys; only below --root
    #[arg(long)]
    allow_test_only: bool,

    /// Do not ask before writing; without a terminal, kubeapply never asks
    #[arg(long)]
    yes: bool,

    /// Roll back unless `kubeapply confirm` is run within DURATION (such as 10m);
    /// not on a first installation
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    #[arg(conflicts_with = "dry_run")]
    confirm_within: Option<Duration>,

    #[command(flatten)]
    ignored: IgnoreArgs,

    #[command(flatten)]
    format: FormatArgs,
}

/// What may be overwritten.
#[derive(Clone, Debug)]
enum Overwrite {
    File(HostPath),
    Object(EntryName),
}

impl FromStr for Overwrite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("objects/") {
            text.parse()
                .map(Self::Object)
                .map_err(|error| format!("{error}"))
        } else {
            text.parse()
                .map(Self::File)
                .map_err(|error| format!("{error}"))
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: InstallArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let mut overwrite = BTreeSet::new();
    let mut overwrite_objects = BTreeSet::new();
    for named in args.overwrite_drift {
        match named {
            Overwrite::File(path) => overwrite.insert(path),
            Overwrite::Object(name) => overwrite_objects.insert(name),
        };
    }
    let request = Request {
        bundle: args.bundle,
        identities: args.identities,
        allowed_signers: args.policy.allowed_signers,
        require_authors: args.policy.require_authors,
        require_approvals: args.policy.require_approvals,
        own_plan: None,
        allowed: Allowances {
            as_node: args.as_node,
            older_serial: args.allow_older_serial,
            test_only: args.allow_test_only,
        },
        overwrite,
        overwrite_objects,
        steps: Steps {
            phases: Phases {
                only: args.phases,
                skip: args.skip_phases,
            },
            files_only: args.files_only,
            live_only: args.live_only,
        },
        skip_token_print: args.skip_token_print,
        sign_receipt: args.sign_receipt,
        dry_run: args.dry_run,
        confirm_within: args.confirm_within,
        resumes: None,
        ignored: args.ignored.parse()?,
    };
    carry_out(&request, &root, args.yes, args.format.format, around, io)
}

/// Installs, and asks before it writes if there is a terminal to ask. Without one it goes on: the bundle is signed, its target
/// is checked, and everything can be brought back.
///
/// # Errors
/// [`CliError`].
pub(super) fn carry_out(
    request: &Request,
    root: &Root,
    yes: bool,
    format: Format,
    around: &Surroundings,
    io: &mut Io,
) -> Result<(), CliError> {
    let actions = &around.actions;
    let now = super::now(around)?;
    let clock = around.clock;
    let mut console = Console::new(io, format, yes);
    let means = Means {
        operator: &mut console,
        programs: Programs::default(),
        clock,
    };
    let outcome = install::run(request, root, now, actions, means);
    if let Some(report) = &outcome.report {
        io.report(format, report)?;
    }
    outcome.error.map_or(Ok(()), |error| Err(error.into()))
}
/// A length of time as `30s`, `10m`, `1h30m`; at least 10 seconds, at most a week.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let mut seconds: u64 = 0;
    let mut number = String::new();
    for character in text.chars() {
        let unit = match character {
            '0'..='9' if number.len() < 7 => {
                number.push(character);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err("use seconds, minutes and hours, such as 90s, 10m or 1h30m".into()),
        };
        let count: u64 = number
            .parse()
            .map_err(|_| format!("a number is missing before `{character}`"))?;
        number.clear();
        seconds = seconds.saturating_add(count.saturating_mul(unit));
    }
    if !number.is_empty() {
        return Err(format!("`{number}` has no unit: s, m or h"));
    }
    if (10..=7 * 24 * 3600).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err("it must be between 10s and 168h".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        for (text, seconds) in [
            ("10m", 600),
            ("90s", 90),
            ("1h30m", 5400),
            ("168h", 604_800),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "10",
            "m",
            "9s",
            "169h",
            "1d",
            "-10m",
            "10m5",
            "99999999999h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}

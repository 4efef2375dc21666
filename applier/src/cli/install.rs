//! `kubeapply install`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::PhaseName;

use super::live_progress::LiveProgress;
use super::{FormatArgs, PolicyArgs, RootArgs};
use crate::Io;
use crate::error::CliError;
use crate::host::Actions;
use crate::host::service::Programs;
use crate::install::admission::Allowances;
use crate::install::{self, Live, Request, Steps};
use crate::live::selection::Phases;
use crate::ui::write_report;

/// Install a bundle's files and run its live steps
///
/// Nothing is written before the bundle is verified, fits this host and meets
/// nothing that others own. Every file is then the old one or the new one,
/// whatever happens; a further run continues, and one after that changes
/// nothing. Steps that need a running host (services, the API) follow the
/// files; below --root they are only listed.
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

    /// Replace the file PATH, or apply the object `objects/…`, although others
    /// changed it or own it; may be repeated
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

    /// Leave out the steps of these phases and of those below them
    #[arg(long, value_name = "PHASES", value_delimiter = ',')]
    skip_phases: Vec<PhaseName>,

    /// Show how other nodes join without the tokens
    #[arg(long)]
    skip_token_print: bool,

    /// This host is to become the bundle's node NAME, although the bundle's
    /// target does not fit it; recorded
    #[arg(long, value_name = "NAME")]
    as_node: Option<String>,

    /// Install although a newer plan of this cluster was installed before
    #[arg(long)]
    allow_older_serial: bool,

    /// Install a bundle that was made with public test keys; only below --root
    #[arg(long)]
    allow_test_only: bool,

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
pub(super) fn run(args: InstallArgs, io: &mut Io<'_>) -> Result<(), CliError> {
    let root = args.root.open()?;
    let actions = Actions::new(io.fault);
    let mut overwrite = BTreeSet::new();
    let mut overwrite_objects = BTreeSet::new();
    for named in args.overwrite_drift {
        match named {
            Overwrite::File(path) => overwrite.insert(path),
            Overwrite::Object(name) => overwrite_objects.insert(name),
        };
    }
    let request = Request {
        bundle: &args.bundle,
        identities: &args.identities,
        trust: args.policy.options(),
        allowed: Allowances {
            as_node: args.as_node,
            older_serial: args.allow_older_serial,
            test_only: args.allow_test_only,
        },
        overwrite,
        overwrite_objects,
        dry_run: args.dry_run,
        steps: Steps {
            phases: Phases {
                only: args.phases,
                skip: args.skip_phases,
            },
            files_only: args.files_only,
            live_only: args.live_only,
        },
        skip_token_print: args.skip_token_print,
    };
    let now = super::now(io)?;
    let mut progress = LiveProgress::new(io, args.format.format);
    let mut live = Live {
        programs: Programs::default(),
        clock: progress.clock(),
        observer: &mut progress,
    };
    let outcome = install::run(&request, &root, now, &actions, &mut live);
    if let Some(report) = &outcome.report {
        write_report(io, args.format.format, report)?;
    }
    outcome.error.map_or(Ok(()), Err)
}

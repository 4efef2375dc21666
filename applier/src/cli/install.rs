//! `kubeapply install`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use kubeplan_bundle::path::HostPath;

use super::{FormatArgs, IgnoreArgs, PolicyArgs, RootArgs};
use crate::Io;
use crate::error::CliError;
use crate::host::Actions;
use crate::install::admission::Allowances;
use crate::install::{self, Request};
use crate::ui::write_report;

/// Install a bundle's files
///
/// Nothing is written before the bundle is verified, fits this host and meets
/// nothing that others own. Every file is then the old one or the new one,
/// whatever happens; a further run continues, and one after that changes
/// nothing.
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

    /// Replace the file PATH although others changed it or own it; may be
    /// repeated
    #[arg(long = "overwrite-drift", value_name = "PATH")]
    overwrite_drift: Vec<HostPath>,

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
    ignored: IgnoreArgs,

    #[command(flatten)]
    format: FormatArgs,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: InstallArgs, io: &mut Io<'_>) -> Result<(), CliError> {
    let root = args.root.open()?;
    let actions = Actions::new(io.fault);
    let request = Request {
        bundle: &args.bundle,
        identities: &args.identities,
        trust: args.policy.options(),
        allowed: Allowances {
            as_node: args.as_node,
            older_serial: args.allow_older_serial,
            test_only: args.allow_test_only,
        },
        overwrite: args.overwrite_drift.into_iter().collect::<BTreeSet<_>>(),
        dry_run: args.dry_run,
        ignored: args.ignored.parse()?,
    };
    let outcome = install::run(&request, &root, super::now(io)?, &actions);
    if let Some(report) = &outcome.report {
        write_report(io, args.format.format, report)?;
    }
    outcome.error.map_or(Ok(()), Err)
}

//! `kubeapply preflight`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use kubeplan_terminal::{CliError, Io, Report, Text};
use serde::Serialize;

use super::{FormatArgs, IgnoreArgs, PolicyArgs, RootArgs};
use crate::admission::{self, Allowances, Host};
use crate::contents::BundleContents;
use crate::host::Surroundings;
use crate::host::identity::HostIdentity;
use crate::host::system::Live;
use crate::install::open_trusted;
use crate::preflight;
use crate::state;
use crate::state::memory::Memory;
use crate::state::serials::Serials;

/// Check whether a bundle can be installed on this host
///
/// Runs every check of the bundle and shows all findings at once, in kubeadm's
/// words. Writes nothing; below --root it runs only the checks that files can
/// answer.
#[derive(Debug, Args)]
pub(super) struct PreflightArgs {
    /// The bundle, NODE.CLUSTER.tar.gz
    bundle: PathBuf,

    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    ignored: IgnoreArgs,

    /// Pull missing images, as an installation does, instead of only naming them
    #[arg(long)]
    pull_images: bool,

    /// Treat this host as the bundle's node NAME even if the bundle's target does
    /// not match it
    #[arg(long, value_name = "NAME")]
    as_node: Option<String>,

    /// Check even if a newer plan of this cluster was installed before
    #[arg(long)]
    allow_older_serial: bool,

    /// Check a bundle that was made with public test keys; only below --root
    #[arg(long)]
    allow_test_only: bool,

    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PreflightReport {
    cluster: String,
    node: String,
    root: String,
    passed: bool,
    #[serde(flatten)]
    report: preflight::Report,
}

impl Report for PreflightReport {
    const COMMAND: &'static str = "preflight";

    fn text(&self) -> Text {
        self.report.table()
    }
}

/// Runs the command.
///
/// # Errors
/// [`CliError`]: refused if the bundle is not for this host and time, else preflight if a check fails.
pub(super) fn run(args: PreflightArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let ignored = args.ignored.parse()?;
    let root = args.root.open()?;
    let now = super::now(around)?;
    let bundle = open_trusted(&args.bundle, &root, &args.policy.options(), now)?;
    let index = bundle.index();
    let allowed = Allowances {
        as_node: args.as_node,
        older_serial: args.allow_older_serial,
        test_only: args.allow_test_only,
    };
    let identity = HostIdentity::read(&root);
    let host = Host {
        identity: &identity,
        live: root.is_live(),
        now,
    };
    let mut refusals = admission::check(index, &host, &allowed);
    state::check_directories(&root)?;
    let highest = Serials::load(&root)?.highest(index);
    let installed = Memory::load(&root)?.as_found();
    refusals.extend(admission::check_records(
        index, &installed, highest, &allowed,
    ));
    let mut report = preflight::run(&preflight::Request {
        root: &root,
        running: root.is_live(),
        system: &Live,
        index,
        contents: &BundleContents {
            bundle: &bundle,
            unsealed: None,
        },
        now,
        record: installed.node(&index.cluster, &index.node.name),
        overwrite: &BTreeSet::new(),
        ignored: &ignored,
        pull: args.pull_images,
        alone: true,
    })?;
    report.prepend(preflight::admission(&refusals));
    let lines = report.lines();
    let error = admission::into_error(&refusals)
        .map(CliError::from)
        .or_else(|| report.error().map(CliError::from));
    let report = PreflightReport {
        cluster: index.cluster.name.to_string(),
        node: index.node.name.to_string(),
        root: root.shown().to_owned(),
        passed: error.is_none(),
        report,
    };
    io.report(args.format.format, &report)?;
    io.tell(&lines);
    error.map_or(Ok(()), Err)
}

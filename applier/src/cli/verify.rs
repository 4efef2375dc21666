//! `kubeapply verify`.

use std::path::PathBuf;

use clap::Args;
use kubeplan_review::{Judgement, Nothing, Standing, Verdict};
use kubeplan_terminal::{CliError, Io};

use super::{FormatArgs, PolicyArgs, RootArgs};
use crate::host::Surroundings;
use crate::install::{open_trusted, refuse};

/// Check that a bundle is intact and trusted here
///
/// Exits with 0 if every digest and signature holds and the host's policy is
/// met, with 4 if not.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The bundle, NODE.CLUSTER.tar.gz
    bundle: PathBuf,

    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    format: FormatArgs,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: &VerifyArgs, around: &Surroundings, io: &mut Io) -> Result<(), CliError> {
    let root = args.root.open()?;
    let mut bundle = open_trusted(
        &args.bundle,
        &root,
        &args.policy.options(),
        super::now(around)?,
    )?;
    bundle
        .check_payloads()
        .map_err(|error| refuse(&args.bundle, error))?;
    let judgement = Judgement::Trusted(bundle.trust());
    let standing = Standing::new(bundle.signatures(), bundle.approvals(), judgement);
    let report = Verdict::new(bundle.index(), bundle.index_bytes(), standing, Nothing {});
    io.report(args.format.format, &report)
}

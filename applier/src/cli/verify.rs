//! `kubeapply verify`.

use std::path::PathBuf;

use clap::Args;
use kubeplan_review::{Judgement, Nothing, Standing, Verdict};
use kubeplan_terminal::{CliError, Io};

use super::{FormatArgs, PolicyArgs, RootArgs};
use crate::host::Surroundings;
use crate::install::open_judged;

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
    let (bundle, trust) = open_judged(
        &args.bundle,
        &root,
        &args.policy.options(),
        super::now(around)?,
    )?;
    let judgement = Judgement::Trusted(&trust);
    let standing = Standing::new(bundle.signatures(), bundle.approvals(), judgement)
        .of_public_part(bundle.is_public_part());
    let report = Verdict::new(bundle.index(), bundle.index_bytes(), standing, Nothing {});
    io.report(args.format.format, &report)
}

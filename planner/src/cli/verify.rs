//! `kubeplan verify`: whether a bundle is whole, and whether trusted keys signed it.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_review::{Level, More, Verdict};
use kubeplan_terminal::{CliError, Format, Io, Text};
use serde::Serialize;

use super::Surroundings;
use super::input::Now;
use super::open::{BundleFile, TrustArgs, standing};
use super::receipt::{Checked, ReceiptArgs};

/// Check a bundle's digests and signatures
///
/// Without --allowed-signers, checks only that the bundle is whole and that its signatures are valid, prints which keys made
/// them, and exits with 4, because no trusted keys are named.
///
/// With --receipt, also compares the bundle with what a host says that it installed: exit code 3 if the host left
/// something out, 4 if the receipt is about another bundle or is not signed by the host.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 whole, and signed and approved as --allowed-signers,\n\
--require-authors and --require-approvals ask for; 4 if it is not, or no trusted\n\
keys are named; with --receipt 3 if the host left something out, 4 if the receipt\n\
is about another bundle or not signed by the host."
)]
pub(super) struct Args {
    /// The bundle
    bundle: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    receipt: ReceiptArgs,
    #[command(flatten)]
    now: Now,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, false)?;
    let policy = args.trust.policy(io)?;
    let file = BundleFile::open(&args.bundle)?;
    if let Some(policy) = &policy {
        // Trust comes first: nothing of an untrusted bundle is interpreted.
        file.unverified()?
            .into_trusted(policy, now)
            .map_err(|error| file.refused(error))?;
    }
    let mut bundle = file.intact()?;
    bundle
        .check_payloads()
        .map_err(|error| file.refused(error))?;
    let receipt = args.receipt.check(&bundle)?;
    let (standing, _) = standing(&bundle, &args.trust, policy.as_ref(), now);
    let is_trusted = standing.level() == Level::Trusted;
    let index = bundle.index();
    let report = Verdict::new(index, bundle.index_bytes(), standing, Compared { receipt });
    io.report(args.format, &report)?;
    let Compared { receipt } = report.into_more();
    if is_trusted {
        return match receipt.as_ref().and_then(Checked::objection) {
            None => Ok(Exit::Done),
            Some(objection) => Err(objection),
        };
    }
    let message = "the bundle is whole, but nothing says that its signer is trusted";
    Err(CliError::refused(message).hint("name trusted keys with --allowed-signers FILE"))
}

/// The receipt that the bundle was compared with, if one was named.
#[derive(Serialize)]
struct Compared {
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Checked>,
}

impl More for Compared {
    fn tables(&self) -> Text {
        self.receipt.as_ref().map(Checked::text).unwrap_or_default()
    }
}

//! `kubeplan verify`: checks that a bundle is intact, and that trusted keys signed it.

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
/// Without --allowed-signers, checks only that the bundle is intact and that its signatures are valid, prints the keys that
/// made them, and exits with 4, because no trusted keys are named.
///
/// With --receipt, also compares the bundle with the receipt of a host that installed it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 intact, and signed and approved as --allowed-signers,\n\
--require-authors and --require-approvals ask for; 4 if it is not, or no trusted\n\
keys are named. With --receipt also 3 if the host did not install every entry as\n\
planned, 4 if the receipt is about another bundle or not signed by the host."
)]
pub(super) struct Args {
    /// Bundle to check
    bundle: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    receipt: ReceiptArgs,
    #[command(flatten)]
    now: Now,
    /// Output format of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, false)?;
    let policy = args.trust.policy(io)?;
    let file = BundleFile::open(&args.bundle)?;
    let bundle = match &policy {
        // Check trust first: the content of an untrusted bundle is not interpreted.
        Some(policy) => {
            let judged = file.unverified()?.into_judged(policy, now);
            judged.map_err(|error| file.refused(error))?.0
        }
        None => file.readable()?,
    };
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
    let message =
        "the bundle is intact, but no trusted keys were named to check its signatures with";
    Err(CliError::refused(message).hint("name trusted keys with --allowed-signers FILE"))
}

/// The receipt that the bundle was compared with, if the user named one.
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

//! `kubeplan verify`: whether a bundle is whole, and whether trusted keys signed it.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Format, Io, Text};
use serde_json::json;

use super::Surroundings;
use super::input::Now;
use super::open::{BundleFile, Standing, TrustArgs, standing};
use super::receipt::{Checked, ReceiptArgs};

/// Check a bundle's digests and signatures
///
/// Without --allowed-signers the bundle is only found whole and its signatures valid; who made them is printed and
/// the exit code is 4, because nobody said whom to trust.
///
/// With --receipt the bundle is also compared with what a host says it installed: exit code 3 if the host left
/// something out, 4 if the receipt is about another bundle or nobody vouches for it.
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
    let Standing { trust, line, .. } = standing(&bundle, policy.as_ref(), now);
    let index = bundle.index();
    match args.format {
        Format::Text => {
            let mut text = Text::of(&line);
            text.line(format_args!(
                "intact: {} of cluster {}, serial {}, plan digest {}",
                index.node.name, index.cluster.name, index.serial, index.plan_digest
            ));
            if let Some(receipt) = &receipt {
                text.append(&receipt.text());
            }
            io.print(&text)?;
        }
        Format::Json => {
            let keys = bundle
                .signatures()
                .iter()
                .map(|s| s.public_key().fingerprint().to_string());
            let mut document = json!({
                "intact": true,
                "trusted": trust.is_some(),
                "standing": line,
                "signatures": keys.collect::<Vec<_>>(),
                "approvals": bundle.approvals().len(),
                "cluster": index.cluster.name.as_str(),
                "node": index.node.name.as_str(),
                "serial": index.serial,
                "planDigest": index.plan_digest,
            });
            if let (Some(receipt), Some(fields)) = (&receipt, document.as_object_mut()) {
                fields.insert("receipt".to_owned(), receipt.json());
            }
            io.document("verify", 1, &document)?;
        }
    }
    if trust.is_some() {
        return match receipt.as_ref().and_then(Checked::objection) {
            None => Ok(Exit::Done),
            Some(objection) => Err(objection),
        };
    }
    io.say("error: the bundle is whole, but nothing says that its signer is trusted");
    io.say("  hint: name trusted keys with --allowed-signers FILE");
    Ok(Exit::Refused)
}

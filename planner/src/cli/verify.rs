//! `kubeplan verify`: whether a bundle is whole, and whether trusted keys signed it.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use serde_json::json;

use super::input::Now;
use super::open::{TrustArgs, open, open_intact, refused, standing};
use super::{CliError, Format, Io};

/// Check a bundle's digests and signatures
///
/// Without --allowed-signers the bundle is only found whole and its signatures valid; who made them is printed and
/// the exit code is 4, because nobody said whom to trust.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The bundle
    bundle: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    now: Now,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(io, false)?;
    let policy = args.trust.policy()?;
    if let Some(policy) = &policy {
        // Trust comes first: nothing of an untrusted bundle is interpreted.
        open(&args.bundle)?
            .into_trusted(policy, now)
            .map_err(|error| refused(&args.bundle, error))?;
    }
    let mut bundle = open_intact(&args.bundle)?;
    bundle
        .check_payloads()
        .map_err(|error| refused(&args.bundle, error))?;
    let (trust, line) = standing(&bundle, policy.as_ref(), now);
    let index = bundle.index();
    match args.format {
        Format::Text => io.data(&format!(
            "{line}\nintact: {} of cluster {}, serial {}, plan digest {}\n",
            index.node.name, index.cluster.name, index.serial, index.plan_digest
        ))?,
        Format::Json => {
            let keys = bundle
                .signatures()
                .iter()
                .map(|s| s.public_key().fingerprint().to_string());
            let document = json!({
                "version": 1,
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
            io.data(&format!("{document:#}\n"))?;
        }
    }
    if trust.is_some() {
        return Ok(Exit::Done);
    }
    io.say("error: the bundle is whole, but nothing says that its signer is trusted");
    io.say("  hint: name trusted keys with --allowed-signers FILE");
    Ok(Exit::Refused)
}

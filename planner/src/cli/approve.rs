//! `kubeplan approve`: a reviewer's signed statement about one exact bundle.

use std::path::PathBuf;

use kubeplan_bundle::approval::{Approval, ApprovalStatement};
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::writer;

use super::input::Now;
use super::open::open_intact;
use super::{CliError, Io, keys};
use crate::output;

/// Approve a bundle as a reviewer
///
/// The approval names the digest of the bundle's index, so it holds for these bytes and no others. Authors and
/// reviewers are different roles: a host's policy counts them apart.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The bundle
    bundle: PathBuf,
    /// The reviewer's OpenSSH private key (ed25519 or ECDSA)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File whose first line is the key's passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Why the bundle is approved
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
    #[command(flatten)]
    now: Now,
    /// Write the approved bundle here instead of replacing the given one
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(io, false)?;
    let bundle = open_intact(&args.bundle)?;
    let key = keys::read_private_key(&args.key, args.passphrase_file.as_deref(), io)?;
    let approval = ApprovalStatement::new(bundle.index_bytes(), &args.comment, now)
        .and_then(|statement| Approval::sign(&statement, &key))
        .map_err(|error| CliError::caused(Exit::Failed, "signing the approval", error))?;
    let target = args.output.as_ref().unwrap_or(&args.bundle);
    output::replace_with(target, 0o644, |out| -> Result<(), CliError> {
        writer::with_approval(bundle, approval, out)
            .map_err(|error| CliError::caused(Exit::Refused, "the approval cannot be added", error))
    })?;
    io.say(format_args!(
        "{} is approved by {}",
        target.display(),
        key.public().fingerprint()
    ));
    Ok(Exit::Done)
}

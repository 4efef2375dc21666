//! `kubeplan approve`: a reviewer's signed statement about one exact bundle.

use std::path::PathBuf;

use kubeplan_bundle::approval::{Approval, ApprovalStatement};
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::writer;
use kubeplan_terminal::{CliError, Io};

use super::Surroundings;
use super::agreement::{AgreementArgs, Reviewed, not_added};
use super::input::Now;
use super::keys;

/// Approve a bundle as a reviewer
///
/// Reads the bundle once, prints a summary and asks on the terminal; without a terminal, --plan-digest says which plan was
/// reviewed. The approval names the digest of the index that was read, so it holds for these bytes and no others. Authors
/// and reviewers are different roles: a host's policy counts them apart.
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
    agreement: AgreementArgs,
    #[command(flatten)]
    now: Now,
    /// Write the approved bundle here instead of replacing the given one
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, false)?;
    let reviewed = Reviewed::open(&args.bundle)?;
    reviewed.agree("approve", &args.agreement, io)?;
    let key = keys::read_private_key(&args.key, args.passphrase_file.as_deref(), io)?;
    if reviewed
        .signers()
        .any(|signer| signer == key.public().fingerprint())
    {
        io.say("warning: this key signed the bundle as an author, and an author does not approve: where approvals are asked for, this one does not count");
    }
    let approval = ApprovalStatement::new(reviewed.index_bytes(), &args.comment, now)
        .and_then(|statement| Approval::sign(&statement, &key))
        .map_err(|error| CliError::caused(Exit::Failed, "signing the approval", error))?;
    let signed = reviewed.write(args.output.as_deref(), |bundle, out| {
        writer::with_approval(bundle, approval, out)
            .map_err(|error| not_added("the approval cannot be added", error))
    })?;
    let key = key.public().fingerprint().to_string();
    signed.report("approve", "approved", &key, &args.agreement, io)
}

//! `kubeplan approve`: signs a reviewer's statement about one exact bundle and adds it to that bundle.

use std::path::{Path, PathBuf};

use kubeplan_bundle::approval::{Approval, ApprovalStatement};
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::writer;
use kubeplan_terminal::{CliError, Io};

use super::Surroundings;
use super::agreement::{AgreementArgs, Reviewed, not_added};
use super::input::Now;
use super::keys;
use super::open::open_readable;

/// Approve a bundle as a reviewer
///
/// Prints a summary of the bundle and asks on the terminal; without a terminal, give the digest of the plan that you
/// reviewed with --plan-digest. The approval contains the digest of the bundle's index, so it is valid for this bundle
/// only. Authors and reviewers are different roles: a host's policy counts signatures and approvals separately. With --add,
/// takes over the approvals of a copy of the same bundle, such as the public part that a reviewer approved.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Bundle to approve
    bundle: PathBuf,
    /// Reviewer's OpenSSH private key (ed25519 or ECDSA)
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "add",
        conflicts_with = "add"
    )]
    key: Option<PathBuf>,
    /// Copy of the bundle, whole or its public part, to take approvals from
    #[arg(long, value_name = "COPY", conflicts_with = "comment")]
    add: Option<PathBuf>,
    /// File whose first line is the key's passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Reason for the approval, stored with it
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
    #[command(flatten)]
    agreement: AgreementArgs,
    #[command(flatten)]
    now: Now,
    /// Write the approved bundle to FILE instead of replacing BUNDLE
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let now = args.now.instant(around, false)?;
    let reviewed = Reviewed::open(&args.bundle)?;
    let key = match (&args.key, &args.add) {
        (_, Some(copy)) => return take_over(args, reviewed, copy, io),
        (Some(key), None) => key,
        (None, None) => {
            return Err(
                CliError::usage("neither a key nor a copy was given").hint("give --key or --add")
            );
        }
    };
    reviewed.agree("approve", &args.agreement, io)?;
    let key = keys::read_private_key(key, args.passphrase_file.as_deref(), io)?;
    if reviewed
        .signers()
        .any(|signer| signer == key.public().fingerprint())
    {
        io.say("warning: this key signed the bundle as its author: a host that requires approvals will not count this approval; approve with another person's key");
    }
    let approval = ApprovalStatement::new(reviewed.index_bytes(), &args.comment, now)
        .and_then(|statement| Approval::sign(&statement, &key))
        .map_err(|error| CliError::caused(Exit::Failed, "signing the approval", error))?;
    let signed = reviewed.write(args.output.as_deref(), |bundle, out| {
        writer::with_approval(bundle, approval, out)
            .map_err(|error| not_added("adding the approval", error))
    })?;
    let key = key.public().fingerprint().to_string();
    signed.report("approve", "approved", &key, &args.agreement, io)
}

/// Adds the approvals that `copy`, the same bundle, has and the bundle lacks.
fn take_over(args: &Args, reviewed: Reviewed, copy: &Path, io: &mut Io) -> Result<Exit, CliError> {
    let from = open_readable(copy)?;
    if from.index_bytes() != reviewed.index_bytes() {
        return Err(CliError::refused(format!(
            "{} is not a copy of {}: it has another index",
            copy.display(),
            args.bundle.display()
        )));
    }
    let known: Vec<_> = reviewed.approvers().collect();
    let new: Vec<Approval> = from
        .approvals()
        .iter()
        .filter(|approval| !known.contains(&approval.fingerprint()))
        .cloned()
        .collect();
    if new.is_empty() {
        return Err(CliError::usage(format!(
            "{} has no approval that {} lacks",
            copy.display(),
            args.bundle.display()
        )));
    }
    let keys: Vec<String> = new
        .iter()
        .map(|approval| approval.fingerprint().to_string())
        .collect();
    let signed = reviewed.write(args.output.as_deref(), |bundle, out| {
        writer::with_approvals(bundle, new, out)
            .map_err(|error| not_added("adding the approvals", error))
    })?;
    signed.report("approve", "approved", &keys.join(", "), &args.agreement, io)
}

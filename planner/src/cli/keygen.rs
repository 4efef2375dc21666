//! `kubeplan keygen`: a signing key, as `ssh-keygen -t ed25519` would make it.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Io, Text};

use super::keys;

/// Create a signing key
///
/// An ed25519 key in OpenSSH's form; any ed25519 or ECDSA key of ssh-keygen serves as well.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the private key goes; the public one goes to FILE.pub
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Comment of the public key
    #[arg(long, value_name = "TEXT", default_value = "kubeplan")]
    comment: String,
    /// File whose first line is the passphrase that protects the key [default: none]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    if args.comment.contains(['\n', '\r']) {
        return Err(CliError::usage("the comment of a key is one line"));
    }
    let made = keys::make_private_key(&args.comment, args.passphrase_file.as_deref(), io)?;
    let public_file = made.write(&args.output)?;
    io.say(format_args!(
        "wrote {} and {}",
        args.output.display(),
        public_file.display()
    ));
    io.print(&Text::of(made.key.public().fingerprint()))?;
    Ok(Exit::Done)
}

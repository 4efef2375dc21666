//! `kubeplan keygen`: makes a signing key, as `ssh-keygen -t ed25519` does.

use std::path::PathBuf;

use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Io, Text};

use super::keys;

/// Create a signing key
///
/// Writes an ed25519 key pair in OpenSSH format. You can also sign with an ed25519 or ECDSA key made by ssh-keygen.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File to write the private key to; the public key goes to FILE.pub
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Comment to put into the public key
    #[arg(long, value_name = "TEXT", default_value = "kubeplan")]
    comment: String,
    /// File whose first line is the passphrase that protects the key [default: none]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    if args.comment.contains(['\n', '\r']) {
        return Err(CliError::usage(
            "the key's comment (--comment) must be a single line",
        ));
    }
    let made = keys::make_private_key(&args.comment, args.passphrase_file.as_deref())?;
    let public_file = made.write(&args.output)?;
    io.say(format_args!(
        "wrote {} and {}",
        args.output.display(),
        public_file.display()
    ));
    io.print(&Text::of(made.key.public().fingerprint()))?;
    Ok(Exit::Done)
}

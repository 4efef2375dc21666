//! `kubeplan sign`: one more author's signature on a bundle, by a key or made elsewhere.

use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::signature::{Namespace, Signature};
use kubeplan_bundle::writer;

use super::error::io_error;
use super::open::open_intact;
use super::{CliError, Io, keys};
use crate::output;

/// Add an author's signature to a bundle
///
/// Only the bundle's first part is rewritten. With --add the signature was made elsewhere, over the file
/// kubeplan.json of the unpacked bundle: ssh-keygen -Y sign -n kubeplan-bundle -f KEY kubeplan.json
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The bundle
    bundle: PathBuf,
    /// OpenSSH private key to sign with (ed25519 or ECDSA)
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "add",
        conflicts_with = "add"
    )]
    key: Option<PathBuf>,
    /// File whose first line is the key's passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A signature made by ssh-keygen -Y sign
    #[arg(long, value_name = "SIG")]
    add: Option<PathBuf>,
    /// Write the signed bundle here instead of replacing the given one
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let bundle = open_intact(&args.bundle)?;
    let signature = match (&args.key, &args.add) {
        (Some(path), _) => keys::read_private_key(path, args.passphrase_file.as_deref(), io)?
            .sign(Namespace::Bundle, bundle.index_bytes())
            .map_err(|error| CliError::caused(Exit::Failed, "signing the bundle", error))?,
        (None, Some(path)) => read_signature(path)?,
        (None, None) => {
            return Err(CliError::usage("nothing to sign with").hint("give --key or --add"));
        }
    };
    let fingerprint = signature.public_key().fingerprint();
    let target = args.output.as_ref().unwrap_or(&args.bundle);
    output::replace_with(target, 0o644, |out| -> Result<(), CliError> {
        writer::with_signature(bundle, signature, out).map_err(|error| {
            CliError::caused(Exit::Refused, "the signature cannot be added", error)
        })
    })?;
    io.say(format_args!(
        "{} is signed by {fingerprint}",
        target.display()
    ));
    Ok(Exit::Done)
}

fn read_signature(path: &Path) -> Result<Signature, CliError> {
    let armored = std::fs::read(path).map_err(io_error("reading signature", path))?;
    Signature::parse_any(&armored).map_err(|error| {
        CliError::caused(Exit::Usage, format!("signature {}", path.display()), error)
    })
}

//! `kubeplan sign`: adds an author's signature to a bundle, made with a key or elsewhere.

use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::signature::{MAX_ARMOR_SIZE, Namespace, Signature};
use kubeplan_bundle::writer;
use kubeplan_terminal::{CliError, Io};

use super::agreement::{AgreementArgs, Reviewed, not_added};
use super::keys;
use super::reading::read_limited;

/// Add an author's signature to a bundle
///
/// With --key, prints a summary of the bundle and asks on the terminal; without a terminal, give the digest of the plan
/// that you reviewed with --plan-digest. With --add, adds a signature that was made elsewhere over the file kubeplan.json
/// of the unpacked bundle: ssh-keygen -Y sign -n kubeplan-bundle -f KEY kubeplan.json
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Bundle to sign
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
    /// Signature made by ssh-keygen -Y sign
    #[arg(long, value_name = "SIG")]
    add: Option<PathBuf>,
    #[command(flatten)]
    agreement: AgreementArgs,
    /// Write the signed bundle to FILE instead of replacing BUNDLE
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let reviewed = Reviewed::open(&args.bundle)?;
    let signature = match (&args.key, &args.add) {
        (Some(path), _) => {
            reviewed.agree("sign", &args.agreement, io)?;
            keys::read_private_key(path, args.passphrase_file.as_deref(), io)?
                .sign(Namespace::Bundle, reviewed.index_bytes())
                .map_err(|error| CliError::caused(Exit::Failed, "signing the bundle", error))?
        }
        (None, Some(path)) => read_signature(path)?,
        (None, None) => {
            return Err(
                CliError::usage("neither a signing key nor a signature was given")
                    .hint("give --key or --add"),
            );
        }
    };
    let fingerprint = signature.public_key().fingerprint().to_string();
    let signed = reviewed.write(args.output.as_deref(), |bundle, out| {
        writer::with_signature(bundle, signature, out)
            .map_err(|error| not_added("adding the signature", error))
    })?;
    signed.report("sign", "signed", &fingerprint, &args.agreement, io)
}

fn read_signature(path: &Path) -> Result<Signature, CliError> {
    let armored = read_limited(path, "signature", MAX_ARMOR_SIZE as u64)?;
    Signature::parse_any(&armored).map_err(|error| {
        CliError::caused(Exit::Usage, format!("signature {}", path.display()), error)
    })
}

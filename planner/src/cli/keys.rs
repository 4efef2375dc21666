//! Reads and makes the keys that commands sign with.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::{KeyError, PrivateKey};
use kubeplan_terminal::{CliError, Io};

use super::reading::{ask_passphrase, passphrase_in, read_secret};
use crate::files;
use crate::output;

/// Reads the OpenSSH private key in `path`. If the key is encrypted, takes its passphrase from a file or the terminal.
pub(super) fn read_private_key(
    path: &Path,
    passphrase_file: Option<&Path>,
    io: &mut Io,
) -> Result<PrivateKey, CliError> {
    let shown = path.display();
    // Before the mode is judged: the mode of a public key does not matter, and another one would not help.
    if is_public(path) {
        let error = CliError::usage(format!("{shown} is a public key, which cannot sign"));
        let private = path.with_extension("");
        return Err(match path.extension().is_some_and(|end| end == "pub") {
            true => error.hint(format!("name the private key: {}", private.display())),
            false => error.hint("name the file of the private key"),
        });
    }
    let pem = read_secret(path, "signing key")?;
    let failed = |error: KeyError| {
        CliError::caused(Exit::Failed, format!("reading signing key {shown}"), error)
    };
    match PrivateKey::parse(&pem, None) {
        Err(KeyError::Encrypted) => {
            let passphrase = match passphrase_file {
                Some(file) => passphrase_in(file)?,
                None => ask_passphrase(&format!("passphrase of {shown}"), io)?,
            };
            PrivateKey::parse(&pem, Some(&passphrase)).map_err(failed)
        }
        other => other.map_err(failed),
    }
}

/// Whether the file begins as a public key of OpenSSH. Reads so little that no part of a private key gets into memory.
fn is_public(path: &Path) -> bool {
    let mut start = [0; 4];
    let read = files::open_regular(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && [*b"ssh-", *b"ecds", *b"sk-s", *b"sk-e"].contains(&start)
}

/// A new key pair that is not written yet.
pub(super) struct NewKey {
    /// The private key.
    pub key: PrivateKey,
    pem: SecretBytes,
    comment: String,
}

/// Makes an ed25519 key pair in memory.
pub(super) fn make_private_key(
    comment: &str,
    passphrase_file: Option<&Path>,
) -> Result<NewKey, CliError> {
    let failed = |error: KeyError| CliError::caused(Exit::Failed, "making a signing key", error);
    let key = PrivateKey::generate_ed25519(comment).map_err(failed)?;
    let passphrase = passphrase_file
        .map(passphrase_in)
        .transpose()?
        .filter(|passphrase| !passphrase.is_empty());
    Ok(NewKey {
        pem: key.to_openssh(passphrase.as_ref()).map_err(failed)?,
        key,
        comment: comment.to_owned(),
    })
}

impl NewKey {
    /// Writes the private key to `path` (mode 0600) and the public key beside it, as `ssh-keygen` does. Returns the public key's path.
    pub(super) fn write(&self, path: &Path) -> Result<PathBuf, CliError> {
        let exists = |error: std::io::Error| {
            let error = CliError::caused(
                Exit::Failed,
                format!("writing signing key {}", path.display()),
                error,
            );
            error.hint(
                "an existing key is never replaced: choose another file, or remove the old key first",
            )
        };
        output::create_private(path, self.pem.expose()).map_err(exists)?;
        let public_file = public_file(path);
        let line = format!("{} {}\n", self.key.public().to_openssh(), self.comment);
        output::replace(&public_file, 0o644, line.as_bytes())
            .map_err(super::error::io_error("writing public key", &public_file))?;
        Ok(public_file)
    }
}

/// The path of the public key: `<key>.pub`.
pub(super) fn public_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

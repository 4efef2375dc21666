//! The list of trusted signers: reading it, adding to it, taking from it.

use kubeplan_bundle::allowed_signers::{AllowedSigner, AllowedSigners, AllowedSignersError};
use kubeplan_bundle::signature::Fingerprint;

use super::{FOLDER, read_owned};
use crate::error::CliError;
use crate::host::lock::{Lock, LockOutcome, try_lock_directory};
use crate::host::{Actions, Directory, Root, RootPath, ensure_directory};

const NAME: &str = "allowed_signers";

/// A list of signers that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignersError {
    /// Not in OpenSSH's form, or with something that is not accepted.
    #[error("`{path}` cannot be used")]
    Parse {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: AllowedSignersError,
    },
}

/// The host's list.
pub(crate) fn path() -> RootPath {
    FOLDER.join(NAME)
}

/// Reads the host's list; `None` if there is no file.
///
/// # Errors
/// [`CliError`] if it cannot be used.
pub(crate) fn load(root: &Root) -> Result<Option<AllowedSigners>, CliError> {
    let Some(text) = read_owned(root, NAME)? else {
        return Ok(None);
    };
    AllowedSigners::parse(&text).map(Some).map_err(|source| {
        CliError::usage(SignersError::Parse {
            path: path().to_string(),
            source,
        })
    })
}

/// Adds a signer. Returns `false` if the list says the same already.
///
/// # Errors
/// [`CliError`].
pub(crate) fn add(root: &Root, actions: &Actions, signer: AllowedSigner) -> Result<bool, CliError> {
    let folder = ensure_directory(root, actions, &FOLDER, 0o755)?;
    let _lock = lock(&folder)?;
    let mut list = load(root)?.unwrap_or_default();
    match list.add(signer) {
        Ok(()) => {}
        Err(AllowedSignersError::Duplicate(_)) => return Ok(false),
        Err(error) => return Err(CliError::usage(error)),
    }
    actions.replace_file(&folder, NAME, list.to_text().as_bytes(), 0o644)?;
    Ok(true)
}

/// Removes every line of a key and returns them; none if it is not listed.
///
/// # Errors
/// [`CliError`].
pub(crate) fn revoke(
    root: &Root,
    actions: &Actions,
    key: &Fingerprint,
) -> Result<Vec<AllowedSigner>, CliError> {
    let Some(folder) = root.open_directory(&FOLDER)? else {
        return Ok(Vec::new());
    };
    let _lock = lock(&folder)?;
    let mut list = load(root)?.unwrap_or_default();
    if !list
        .entries()
        .iter()
        .any(|entry| entry.key().fingerprint() == *key)
    {
        return Ok(Vec::new());
    }
    let removed = list.remove(key).map_err(CliError::usage)?;
    actions.replace_file(&folder, NAME, list.to_text().as_bytes(), 0o644)?;
    Ok(removed)
}

/// Two changes at once would lose one of them. The folder itself is locked: no file for it is left behind.
fn lock(folder: &Directory) -> Result<Lock, CliError> {
    match try_lock_directory(folder)? {
        LockOutcome::Held(lock) => Ok(lock),
        LockOutcome::Busy(holder) => Err(CliError::locked(holder.as_ref())),
        LockOutcome::Missing => Err(CliError::locked(None)),
    }
}

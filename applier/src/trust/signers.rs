//! The list of trusted signers: reading it, adding to it, taking from it.

use kubeplan_bundle::allowed_signers::{AllowedSigner, AllowedSigners, AllowedSignersError};
use kubeplan_bundle::signature::Fingerprint;
use kubeplan_terminal::CliError;

use super::{FOLDER, open_folder, read_owned, refused};
use crate::host::guarded::Guarded;
use crate::host::lock::{Lock, LockOutcome, Locked, create_and_lock};
use crate::host::{Actions, Root, RootPath};

const NAME: &str = "allowed_signers";

/// Locked while the list is changed.
const LOCK: &str = "lock";

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
    let folder = Guarded::ensure(root, actions, &FOLDER, 0o755).map_err(refused)?;
    let _lock = lock(&folder, actions)?;
    let mut list = load(root)?.unwrap_or_default();
    match list.add(signer) {
        Ok(()) => {}
        Err(AllowedSignersError::Duplicate(_)) => return Ok(false),
        Err(error) => return Err(CliError::usage(error)),
    }
    actions.replace_file(folder.directory(), NAME, list.to_text().as_bytes(), 0o644)?;
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
    let Some(folder) = open_folder(root)? else {
        return Ok(Vec::new());
    };
    let _lock = lock(&folder, actions)?;
    let mut list = load(root)?.unwrap_or_default();
    if !list
        .entries()
        .iter()
        .any(|entry| entry.key().fingerprint() == *key)
    {
        return Ok(Vec::new());
    }
    let removed = list.remove(key).map_err(CliError::usage)?;
    actions.replace_file(folder.directory(), NAME, list.to_text().as_bytes(), 0o644)?;
    Ok(removed)
}

/// Two changes at once would lose one of them. A file of its own is locked, which other users cannot open: the directory
/// can be read, and so locked, by all of them.
fn lock(folder: &Guarded, actions: &Actions) -> Result<Lock, CliError> {
    match create_and_lock(folder, actions, LOCK).map_err(refused)? {
        LockOutcome::Held(lock) => Ok(lock),
        LockOutcome::Busy(holder) => Err(Locked::by(holder.as_ref()).into()),
        LockOutcome::Missing => Err(Locked::by(None).into()),
    }
}

//! The list of trusted signers: reading it, adding to it, taking from it.

use kubeplan_bundle::allowed_signers::{AllowedSigner, AllowedSigners, AllowedSignersError};
use kubeplan_bundle::signature::Fingerprint;

use super::{DIRECTORY, TrustError, of_directory, open_directory, read_owned};
use crate::host::lock::{Lock, LockOutcome, Locked, create_and_lock};
use crate::host::ownership::Guarded;
use crate::host::{Actions, Root, RootPath};

const NAME: &str = "allowed_signers";

/// Locked while the list is changed.
const LOCK: &str = "lock";

/// The host's list.
pub(crate) fn path() -> RootPath {
    DIRECTORY.join(NAME)
}

/// Reads the host's list; `None` if there is no file.
///
/// # Errors
/// [`TrustError`] if it cannot be used.
pub(crate) fn load(root: &Root) -> Result<Option<AllowedSigners>, TrustError> {
    let Some(text) = read_owned(root, NAME)? else {
        return Ok(None);
    };
    AllowedSigners::parse(&text)
        .map(Some)
        .map_err(|source| TrustError::Signers {
            path: path().to_string(),
            source,
        })
}

/// Adds a signer. Returns `false` if the list says the same already.
///
/// # Errors
/// [`TrustError`].
pub(crate) fn add(
    root: &Root,
    actions: &Actions,
    signer: AllowedSigner,
) -> Result<bool, TrustError> {
    let dir = Guarded::ensure(root, actions, &DIRECTORY, 0o755).map_err(of_directory)?;
    let _lock = lock(&dir, actions)?;
    let mut list = load(root)?.unwrap_or_default();
    match list.add(signer) {
        Ok(()) => {}
        Err(AllowedSignersError::Duplicate(_)) => return Ok(false),
        Err(error) => return Err(TrustError::List(error)),
    }
    actions.replace_file(dir.directory(), NAME, list.to_text().as_bytes(), 0o644)?;
    Ok(true)
}

/// Removes every line of a key and returns them; none if it is not listed.
///
/// # Errors
/// [`TrustError`].
pub(crate) fn revoke(
    root: &Root,
    actions: &Actions,
    key: &Fingerprint,
) -> Result<Vec<AllowedSigner>, TrustError> {
    let Some(dir) = open_directory(root)? else {
        return Ok(Vec::new());
    };
    let _lock = lock(&dir, actions)?;
    let mut list = load(root)?.unwrap_or_default();
    if !list
        .entries()
        .iter()
        .any(|entry| entry.key().fingerprint() == *key)
    {
        return Ok(Vec::new());
    }
    let removed = list.remove(key).map_err(TrustError::List)?;
    actions.replace_file(dir.directory(), NAME, list.to_text().as_bytes(), 0o644)?;
    Ok(removed)
}

/// Two changes at once would lose one of them. A file of its own is locked, which other users cannot open: the directory
/// can be read, and so locked, by all of them.
fn lock(dir: &Guarded, actions: &Actions) -> Result<Lock, TrustError> {
    match create_and_lock(dir, actions, LOCK).map_err(of_directory)? {
        LockOutcome::Held(lock) => Ok(lock),
        LockOutcome::Busy(holder) => Err(Locked::by(holder.as_ref()).into()),
        LockOutcome::Missing => Err(Locked::by(None).into()),
    }
}

//! Reading and writing one strict document.

use kubeplan_bundle::canonical::{self, CanonicalError};
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::receipt::ReceiptError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DIRECTORY, open_directory};
use crate::host::lock::Locked;
use crate::host::{Actions, HostError, Root, RootPath};

/// Far more than a thousand nodes' records.
const LIMIT: u64 = 64 * 1024 * 1024;

/// A document of the state directory.
pub(super) trait Document: Serialize + DeserializeOwned {
    /// The file's name.
    const NAME: &'static str;
    /// The value of its `format` field.
    const FORMAT: &'static str;
    /// Values of earlier versions that are read too.
    const EARLIER: &'static [&'static str] = &[];

    /// The document's own `format` field.
    fn format(&self) -> &str;
}

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Another run is at work.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The file is not what this program writes.
    #[error(
        "the state file `{path}` is damaged; restore it from a backup, or move it away and check the installed files by hand (without it kubeapply treats them as not its own)"
    )]
    Damaged {
        /// The file.
        path: RootPath,
        /// Why.
        #[source]
        source: CanonicalError,
    },
    /// Another version wrote it.
    #[error("the state file `{path}` has format `{found}`, this version reads `{expected}`")]
    Format {
        /// The file.
        path: RootPath,
        /// Its format.
        found: String,
        /// The known one.
        expected: &'static str,
    },
    /// A journal with a record that does not fit.
    #[error(
        "the journal `{path}` is damaged: record {record}: {rule}; restore it from a backup, or move its directory away (the run can then no longer be rolled back) and compare the host with `install --dry-run`"
    )]
    Journal {
        /// The file.
        path: RootPath,
        /// Which record, from 0.
        record: u64,
        /// What does not fit.
        rule: &'static str,
    },
    /// A receipt that cannot be made.
    #[error("the receipt `{path}` cannot be made")]
    Receipt {
        /// The file.
        path: RootPath,
        /// Why.
        #[source]
        source: ReceiptError,
    },
    /// A backup that is not there.
    #[error(
        "the backup `{path}` is missing; restore it from a backup of the host, or continue without it (`resume`, `install`)"
    )]
    NoBackup {
        /// The file.
        path: RootPath,
    },
    /// A backup that is not what was kept.
    #[error("the backup `{path}` is damaged: it is not what was kept for `{of}`")]
    BadBackup {
        /// The file.
        path: RootPath,
        /// Whose backup it is.
        of: HostPath,
    },
    /// A run that is not remembered.
    #[error("there is no run {run}")]
    NoRun {
        /// Its number.
        run: u32,
    },
    /// A state file that does not have the only length it can have.
    #[error("the state file `{path}` is damaged: {rule}")]
    Length {
        /// The file.
        path: RootPath,
        /// What it should be.
        rule: &'static str,
    },
    /// Records of secret files without the key they were made with.
    #[error(
        "the state file `{path}` is missing, so records of secret files cannot be compared; restore it from a backup"
    )]
    NoSalt {
        /// The file.
        path: RootPath,
    },
}

/// Reads a document; `None` if it does not exist.
///
/// # Errors
/// [`StateError`].
pub(super) fn load<T: Document>(root: &Root) -> Result<Option<T>, StateError> {
    let path = DIRECTORY.join(T::NAME);
    let Some(dir) = open_directory(root)? else {
        return Ok(None);
    };
    let Some(bytes) = dir.read(T::NAME, LIMIT)? else {
        return Ok(None);
    };
    // The format first: another version's document is not a damaged one.
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(bytes.expose())
        && let Some(found) = fields.get("format").and_then(serde_json::Value::as_str)
        && !is_known::<T>(found)
    {
        return Err(StateError::Format {
            path,
            found: found.escape_debug().take(80).collect(),
            expected: T::FORMAT,
        });
    }
    let document: T =
        canonical::from_slice(bytes.expose()).map_err(|source| StateError::Damaged {
            path: path.clone(),
            source,
        })?;
    if !is_known::<T>(document.format()) {
        return Err(StateError::Format {
            path,
            found: document.format().escape_debug().take(80).collect(),
            expected: T::FORMAT,
        });
    }
    Ok(Some(document))
}

fn is_known<T: Document>(format: &str) -> bool {
    format == T::FORMAT || T::EARLIER.contains(&format)
}

/// Replaces a document; the directory must exist.
///
/// # Errors
/// [`StateError`].
pub(super) fn store<T: Document>(
    root: &Root,
    actions: &Actions,
    document: &T,
) -> Result<(), StateError> {
    let path = DIRECTORY.join(T::NAME);
    let bytes =
        canonical::to_vec(document).map_err(|source| StateError::Damaged { path, source })?;
    let dir = super::create_directory(root, actions)?;
    Ok(actions.replace_file(dir.directory(), T::NAME, &bytes, 0o600)?)
}

//! Files that the operator names on the command line: bundles, keys, identities.
//!
//! They belong to whoever runs the program, not to the root that is installed into, so their paths are used as
//! they are. They are only read.

use std::fs::File;
use std::path::Path;

use kubeplan_bundle::secret::SecretBytes;

use super::directory::read_open_file;
use super::error::HostError;

/// Opens a file for reading.
///
/// # Errors
/// [`HostError`] if it cannot be opened or is no regular file.
pub(crate) fn open(path: &Path) -> Result<File, HostError> {
    let shown = path.display().to_string();
    let failed = |error| HostError::io("open", shown.clone(), error);
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator named this file; nothing is written to it"
    )]
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_file() {
        Ok(file)
    } else {
        Err(HostError::NotAFile { path: shown })
    }
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// [`HostError`] if it cannot be read, is no regular file, or is larger.
pub(crate) fn read(path: &Path, limit: u64) -> Result<SecretBytes, HostError> {
    read_open_file(open(path)?, &path.display().to_string(), limit)
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
/// As for [`read`], or if it is not UTF-8.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, HostError> {
    let bytes = read(path, limit)?;
    std::str::from_utf8(bytes.expose())
        .map(str::to_owned)
        .map_err(|_| HostError::NotText {
            path: path.display().to_string(),
        })
}

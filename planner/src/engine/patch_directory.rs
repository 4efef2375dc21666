//! Why a directory of patches cannot be read.

use std::io;
use std::path::PathBuf;

use crate::encoding::NotUtf8;
use crate::patches::PatchFileError;

/// Why a patch directory cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PatchDirectoryError {
    /// The directory, or one below it, cannot be read.
    #[error("reading patches in {}", .directory.display())]
    Unreadable {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The path is not a directory.
    #[error("the patch directory {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// A file cannot be read.
    #[error("reading patch file {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is too large.
    #[error("patch file {}: larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// A file is not text.
    #[error("patch file {} {error}", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        error: NotUtf8,
    },
    /// A file is not a patch.
    #[error("reading patches")]
    Patch(#[from] PatchFileError),
}

impl PatchDirectoryError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotText { path, error } => Some(error.hint(&path.to_string_lossy())),
            _ => None,
        }
    }
}

//! What one directory of a tree holds.

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use super::Stays;
use crate::host::directory::{Directory, Found};
use crate::host::error::HostError;

/// Says that a directory holds names that are not UTF-8.
pub(crate) fn odd_names(dir: &Directory) -> Stays {
    Stays::left(dir.path().clone(), "it holds names that are not UTF-8")
}

/// What a directory holds, each kind sorted by name.
pub(super) struct Listing {
    pub(super) files: Vec<String>,
    pub(super) directories: Vec<String>,
    /// There are names that are not UTF-8.
    pub(super) odd: bool,
}

pub(super) fn list(dir: &Directory) -> Result<Listing, HostError> {
    let failed = |errno: Errno| HostError::io("list", dir.path().as_str(), errno);
    let readable = dir.readable()?;
    let mut listing = Listing {
        files: Vec::new(),
        directories: Vec::new(),
        odd: false,
    };
    for entry in Dir::read_from(&readable).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = match entry.file_name().to_str() {
            Ok("." | "..") => continue,
            Ok(name) => name,
            Err(_) => {
                listing.odd = true;
                continue;
            }
        };
        let is_directory = match entry.file_type() {
            FileType::Directory => true,
            // A file system that does not say.
            FileType::Unknown => matches!(dir.inspect(name)?, Found::Directory(_)),
            _ => false,
        };
        if is_directory {
            listing.directories.push(name.to_owned());
        } else {
            listing.files.push(name.to_owned());
        }
    }
    listing.files.sort_unstable();
    listing.directories.sort_unstable();
    Ok(listing)
}

/// The names in a directory, sorted, and whether there are others that are not UTF-8.
///
/// # Errors
/// [`HostError`] if the directory cannot be listed.
pub(crate) fn listing(dir: &Directory) -> Result<(Vec<String>, bool), HostError> {
    let Listing {
        files: mut names,
        directories,
        odd,
    } = list(dir)?;
    names.extend(directories);
    names.sort_unstable();
    Ok((names, odd))
}

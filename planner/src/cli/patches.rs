//! Reads directories of patches: `--patches`, or `patches.directory` of the configuration.
//!
//! Reads files in lexical order, also in subdirectories. Reports files that are not patches, and skips them. Does not apply
//! patches. A relative path is relative to the current directory, as with kubeadm.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use kubeplan_bundle::yaml_budget::Budget;

use super::reading::MAX_INPUT;
use crate::encoding;
use crate::engine::{PatchDirectories, PatchDirectoryError};
use crate::files;
use crate::patches::{Ignored, PatchFile, Patches};

/// Directories of patches on disk.
pub(super) struct Directories;

impl PatchDirectories for Directories {
    fn read(
        &self,
        directory: &str,
        ignored: &mut dyn FnMut(&str, Ignored),
    ) -> Result<Patches, PatchDirectoryError> {
        let directory = PathBuf::from(directory);
        // kubeadm does not follow a symbolic link to a directory either.
        let kind =
            fs::symlink_metadata(&directory).map_err(|error| unreadable(&directory, error))?;
        if !kind.is_dir() {
            return Err(PatchDirectoryError::NotADirectory(directory));
        }
        let mut files = Vec::new();
        walk(&directory, "", &mut files, &mut Budget::default(), ignored)?;
        Ok(Patches::new(files))
    }
}

/// Adds the patches in `directory` to `files`. `prefix` is its path relative to the directory of patches.
fn walk(
    directory: &Path,
    prefix: &str,
    files: &mut Vec<PatchFile>,
    budget: &mut Budget,
    ignored: &mut dyn FnMut(&str, Ignored),
) -> Result<(), PatchDirectoryError> {
    let mut entries = fs::read_dir(directory)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(directory, error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&path, error))?;
        if kind.is_dir() {
            walk(&path, &format!("{name}/"), files, budget, ignored)?;
            continue;
        }
        match read(&path, &name, budget)? {
            Ok(file) => files.push(file),
            Err(why) => ignored(&name, why),
        }
    }
    Ok(())
}

fn read(
    path: &Path,
    name: &str,
    budget: &mut Budget,
) -> Result<Result<PatchFile, Ignored>, PatchDirectoryError> {
    // A file whose name is not that of a patch is skipped without a look at its content.
    if let Err(ignored) = PatchFile::read(name, " ")? {
        return Ok(Err(ignored));
    }
    let mut bytes = Vec::new();
    files::open_regular(path)
        .and_then(|file| file.take(MAX_INPUT + 1).read_to_end(&mut bytes))
        .map_err(|source| PatchDirectoryError::File {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(PatchDirectoryError::TooLarge {
            path: path.to_owned(),
            limit: MAX_INPUT,
        });
    }
    let text = encoding::text(bytes).map_err(|error| PatchDirectoryError::NotText {
        path: path.to_owned(),
        error,
    })?;
    Ok(PatchFile::read_within(name, &text, budget)?)
}

fn unreadable(directory: &Path, source: std::io::Error) -> PatchDirectoryError {
    PatchDirectoryError::Unreadable {
        directory: directory.to_owned(),
        source,
    }
}

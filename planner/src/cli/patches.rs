//! The folder of patches: `--patches`, or `patches.directory` of the configuration.
//!
//! Files are read in lexical order, those of folders below too; what is no patch is named and left aside. Nothing
//! is applied here. A relative folder is relative to the current one, as with kubeadm.

use std::fs;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::yaml_budget::Budget;

use super::input::read_found_text;
use super::{CliError, Io};
use crate::patches::{Ignored, PatchFile, Patches};

/// Reads the patches in `folder`; says what is left aside.
pub(super) fn read_folder(folder: &str, io: &mut Io) -> Result<Patches, CliError> {
    let folder = PathBuf::from(folder);
    // As kubeadm, a link to a folder is none.
    let kind = fs::symlink_metadata(&folder).map_err(|error| unreadable(&folder, error))?;
    if !kind.is_dir() {
        return Err(CliError::usage(format!(
            "the folder of patches {} is not a folder",
            folder.display()
        )));
    }
    let mut files = Vec::new();
    walk(&folder, "", &mut files, &mut Budget::default(), io)?;
    Ok(Patches::new(files))
}

/// Adds the patches of `folder` to `files`; `prefix` is its path relative to the folder of patches.
fn walk(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<PatchFile>,
    budget: &mut Budget,
    io: &mut Io,
) -> Result<(), CliError> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(folder, error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&path, error))?;
        if kind.is_dir() {
            walk(&path, &format!("{name}/"), files, budget, io)?;
            continue;
        }
        let ignored = match read(&path, &name, budget)? {
            Ok(file) => {
                files.push(file);
                continue;
            }
            Err(ignored) => ignored,
        };
        io.say(format_args!(
            "note: patch file `{name}` is ignored: {ignored}"
        ));
    }
    Ok(())
}

fn read(
    path: &Path,
    name: &str,
    budget: &mut Budget,
) -> Result<Result<PatchFile, Ignored>, CliError> {
    let usage = |error| CliError::caused(Exit::Usage, "reading patches", error);
    // The name alone decides about files that are none of ours, whatever is in them.
    if let Err(ignored) = PatchFile::read(name, " ").map_err(usage)? {
        return Ok(Err(ignored));
    }
    let text = read_found_text(path, "patch file")?;
    PatchFile::read_within(name, &text, budget).map_err(usage)
}

fn unreadable(path: &Path, error: std::io::Error) -> CliError {
    CliError::caused(
        Exit::Usage,
        format!("reading patches in {}", path.display()),
        error,
    )
}

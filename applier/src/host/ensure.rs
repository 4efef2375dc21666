//! A directory and the directories it lies in.

use super::durable::Actions;
use super::error::HostError;
use super::path::RootPath;
use super::root::Root;
use super::{Directory, Found};

/// Mode of directories that are only on the way to something.
pub(crate) const PARENT_MODE: u32 = 0o755;

/// Opens one of this program's own directories, creating it with `mode`, and missing directories on the way with 0755, all owned by the
/// invoking user. What exists keeps its mode.
///
/// # Errors
/// [`HostError`].
pub(crate) fn ensure_directory(
    root: &Root,
    actions: &Actions,
    path: &RootPath,
    mode: u32,
) -> Result<Directory, HostError> {
    let mut made = false;
    for (directory, mode) in path
        .ancestors()
        .into_iter()
        .map(|directory| (directory, PARENT_MODE))
        .chain([(path.clone(), mode)])
    {
        if root.open_for_own(&directory)?.is_some() {
            continue;
        }
        let parent = root
            .open_for_own(&directory.parent())?
            .ok_or_else(|| missing(&directory.parent()))?;
        if parent.inspect(directory.file_name())? == Found::Missing {
            actions.create_at_once(&parent, directory.file_name(), mode)?;
            made = true;
        }
    }
    if made {
        root.forget_guard();
    }
    open(root, path)
}

/// Opens a directory that must exist.
///
/// # Errors
/// [`HostError`], also if it does not exist.
pub(crate) fn open(root: &Root, path: &RootPath) -> Result<Directory, HostError> {
    root.open_directory(path)?.ok_or_else(|| missing(path))
}

fn missing(path: &RootPath) -> HostError {
    HostError::io(
        "open",
        path.as_str(),
        std::io::Error::from(std::io::ErrorKind::NotFound),
    )
}

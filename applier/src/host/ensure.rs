//! A folder and the folders it lies in.

use super::durable::Actions;
use super::error::HostError;
use super::root::{Root, RootPath};
use super::{Directory, Found};

/// Mode of folders that are only on the way to something.
pub(crate) const PARENT_MODE: u32 = 0o755;

/// Opens the folder `path`, creating it with `mode`, and missing folders on the way with 0755, all owned by
/// whoever runs the program. What exists keeps its mode.
///
/// # Errors
/// [`HostError`].
pub(crate) fn ensure_directory(
    root: &Root,
    actions: &Actions,
    path: &RootPath,
    mode: u32,
) -> Result<Directory, HostError> {
    for (folder, mode) in path
        .ancestors()
        .into_iter()
        .map(|folder| (folder, PARENT_MODE))
        .chain([(path.clone(), mode)])
    {
        if root.open_directory(&folder)?.is_some() {
            continue;
        }
        let parent = open(root, &folder.parent())?;
        if parent.inspect(folder.file_name())? == Found::Missing {
            actions.create_directory(&parent, folder.file_name(), mode, None)?;
        }
    }
    open(root, path)
}

/// Opens a folder that must exist.
///
/// # Errors
/// [`HostError`], also if it does not exist.
pub(crate) fn open(root: &Root, path: &RootPath) -> Result<Directory, HostError> {
    root.open_directory(path)?.ok_or_else(|| {
        HostError::io(
            "open",
            path.as_str(),
            std::io::Error::from(std::io::ErrorKind::NotFound),
        )
    })
}

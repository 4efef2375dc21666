//! Makes many files durable at once.
//!
//! In: open files or directories, at least one of each file system that was written to. When it returns, everything written there
//! is on disk. Syncing one file at a time would cost a journal commit each, which for a thousand nodes takes longer than the rest
//! of a plan.

use std::fs::File;
use std::io;

/// The number of files from which whole file systems are synced instead, on Linux.
pub(crate) const MANY: usize = 32;

/// Syncs every file system that contains one of `files`; directories of the key store may be links or mounts.
///
/// # Errors
/// Any error of the file system.
pub(crate) fn sync_file_systems(files: impl Iterator<Item = io::Result<File>>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    let mut synced = std::collections::BTreeSet::new();
    for file in files {
        let file = file?;
        #[cfg(target_os = "linux")]
        if synced.insert(std::os::unix::fs::MetadataExt::dev(&file.metadata()?)) {
            rustix::fs::syncfs(&file)?;
        }
        #[cfg(not(target_os = "linux"))]
        file.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files to sync")]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_synced_and_others_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, "x").unwrap();
        let open = |path: &std::path::Path| File::open(path);
        sync_file_systems([open(&path), open(directory.path())].into_iter()).unwrap();
        let missing = open(&directory.path().join("missing"));
        assert_eq!(
            sync_file_systems([open(&path), missing].into_iter())
                .unwrap_err()
                .kind(),
            io::ErrorKind::NotFound
        );
    }
}

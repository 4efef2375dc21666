//! Making many files durable at once.
//!
//! In: open files or folders, one of each file system that was written to. Out: all that was written there on the disk. One file
//! at a time costs a journal commit of the file system each; for a thousand nodes that takes longer than everything else a
//! plan does.

use std::fs::File;
use std::io;

/// From how many files on whole file systems are synced in one go, on Linux.
pub(crate) const MANY: usize = 32;

/// Syncs every file system that holds one of `files`; a folder of the store may be a link or a mount.
///
/// # Errors
/// Whatever the file system returns.
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
    fn what_is_open_is_synced_and_what_is_not_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "x").unwrap();
        let open = |path: &std::path::Path| File::open(path);
        sync_file_systems([open(&path), open(folder.path())].into_iter()).unwrap();
        let missing = open(&folder.path().join("missing"));
        assert_eq!(
            sync_file_systems([open(&path), missing].into_iter())
                .unwrap_err()
                .kind(),
            io::ErrorKind::NotFound
        );
    }
}

//! Making many files durable at once.
//!
//! In: files or folders that were written. Out: all of them on the disk. One at a time costs a journal commit of the file
//! system each; for a thousand nodes that takes longer than everything else a plan does.

use std::fs::File;
use std::io;
use std::path::Path;

/// From how many paths on whole file systems are synced in one go.
#[cfg(target_os = "linux")]
const MANY: usize = 32;

/// Syncs files and folders. Whoever wrote them may have closed them.
///
/// # Errors
/// Whatever the file system returns; then some of them may not be durable.
pub(crate) fn sync_all<P: AsRef<Path>>(paths: &[P]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if paths.len() >= MANY {
        return sync_file_systems(paths);
    }
    paths
        .iter()
        .try_for_each(|path| File::open(path)?.sync_all())
}

/// Syncs every file system that holds one of `paths`; a folder of the store may be a link or a mount.
#[cfg(target_os = "linux")]
fn sync_file_systems<P: AsRef<Path>>(paths: &[P]) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let mut synced = std::collections::BTreeSet::new();
    for path in paths {
        if synced.insert(std::fs::metadata(path)?.dev()) {
            rustix::fs::syncfs(File::open(path)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_synced_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for count in [1, 40] {
            let mut paths: Vec<_> = (0..count)
                .map(|number| folder.path().join(number.to_string()))
                .collect();
            for path in &paths {
                std::fs::write(path, "x").unwrap();
            }
            paths.push(folder.path().to_owned());
            sync_all(&paths).unwrap();
            paths.push(folder.path().join("missing"));
            assert_eq!(
                sync_all(&paths).unwrap_err().kind(),
                io::ErrorKind::NotFound
            );
        }
    }
}

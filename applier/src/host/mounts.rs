//! What is mounted below a directory of the running system, and unmounting it.
//!
//! In: an open directory. Out: the mount points strictly below it, deepest first. No link is followed when one is unmounted.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2, readlinkat};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use super::directory::Directory;
use super::error::HostError;

const TABLE: &str = "/proc/self/mountinfo";

/// The mount points strictly below `dir`, each as often as something is mounted there, deepest first.
///
/// # Errors
/// [`HostError`] if the kernel does not say.
pub(crate) fn below(dir: &Directory) -> Result<Vec<OsString>, HostError> {
    // The kernel's table has the paths behind all links.
    let link = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
    let real = readlinkat(CWD, link.as_str(), Vec::new())
        .map_err(|errno| HostError::io("find", dir.path().as_str(), errno))?
        .into_bytes();
    #[expect(
        clippy::disallowed_methods,
        reason = "the kernel's table of mounts is of this system, not of the root"
    )]
    let table = std::fs::read(TABLE).map_err(|error| HostError::io("read", TABLE, error))?;
    Ok(find(&table, &real))
}

/// Unmounts what is mounted at `path`; it is no error if nothing is. No link is followed: `path` is one of [`below`], and had none
/// when it was found, but a user who owns a directory on the way can put one there.
///
/// # Errors
/// [`HostError`] if it is in use, or the kernel refuses.
pub(crate) fn unmount(path: &OsStr) -> Result<(), HostError> {
    let failed = |errno| HostError::io("unmount", path.display().to_string(), errno);
    let way = Path::new(path);
    let (Some(parent), Some(name)) = (way.parent(), way.file_name()) else {
        return Err(failed(Errno::INVAL));
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let handle = match openat2(CWD, parent, flags, Mode::empty(), resolve) {
        Ok(handle) => handle,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(failed(errno)),
    };
    let target = Path::new("/proc/self/fd")
        .join(handle.as_raw_fd().to_string())
        .join(name);
    match rustix::mount::unmount(&target, UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(errno) => Err(failed(errno)),
    }
}

/// Mount points in the text of mountinfo (proc_pid_mountinfo(5): the fifth field, with `\ooo` for blanks and
/// backslashes) that lie below `dir`.
fn find(table: &[u8], dir: &[u8]) -> Vec<OsString> {
    let mut found: Vec<Vec<u8>> = table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(unescape)
        .filter(|path| {
            path.strip_prefix(dir)
                .is_some_and(|rest| rest.len() > 1 && rest.first() == Some(&b'/'))
        })
        .collect();
    // What lies below another mount point has the longer path.
    found.sort_by_key(|path| std::cmp::Reverse(path.len()));
    found.into_iter().map(OsString::from_vec).collect()
}

fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'\\'
            && let Some(digits) = tail.get(..3)
            && let Ok(digits) = std::str::from_utf8(digits)
            && let Ok(byte) = u8::from_str_radix(digits, 8)
        {
            bytes.push(byte);
            rest = tail.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// The path as text, for messages.
pub(crate) fn shown(path: &OsStr) -> String {
    String::from_utf8_lossy(path.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Root, RootPath};

    const MOUNTINFO: &[u8] = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        40 22 0:40 / /data/agent rw - tmpfs tmpfs rw\n\
        41 40 0:41 / /data/agent/pods/1/volumes/a\\040b rw - tmpfs tmpfs rw\n\
        42 41 0:42 / /data/agent/pods/1/volumes/a\\040b/c\\134d rw - tmpfs tmpfs rw\n\
        43 40 0:41 / /data/agent/pods/1/volumes/a\\040b rw - tmpfs tmpfs rw\n\
        44 22 0:43 / /data/agents/x rw - tmpfs tmpfs rw\n\
        45 22 0:44 / /data rw - tmpfs tmpfs rw\n\nbroken\n";

    #[test]
    fn only_what_is_strictly_below_counts_and_the_deepest_comes_first() {
        assert_eq!(
            find(MOUNTINFO, b"/data/agent"),
            [
                "/data/agent/pods/1/volumes/a b/c\\d",
                "/data/agent/pods/1/volumes/a b",
                "/data/agent/pods/1/volumes/a b",
            ]
        );
        assert_eq!(
            find(MOUNTINFO, b"/data/agent/pods/2"),
            Vec::<OsString>::new()
        );
        assert_eq!(find(b"", b"/x"), Vec::<OsString>::new());
    }

    #[test]
    fn the_running_system_has_mounts_and_an_unmounted_path_is_no_error() {
        let root = Root::open(std::path::Path::new("/")).unwrap();
        let proc = root.open_directory(&RootPath::fixed("/usr")).unwrap();
        assert!(below(&proc.unwrap()).is_ok());
        let dir = tempfile::tempdir().unwrap();
        if root.is_privileged() {
            unmount(dir.path().as_os_str()).unwrap();
        }
        unmount(dir.path().join("none").as_os_str()).unwrap_or_else(|error| {
            // Without privileges the kernel refuses before it looks.
            assert!(!root.is_privileged(), "{error}");
        });
        unmount(dir.path().join("none/deeper").as_os_str()).unwrap();
        std::os::unix::fs::symlink("/proc", dir.path().join("link")).unwrap();
        assert!(unmount(dir.path().join("link/sys").as_os_str()).is_err());
    }
}

//! One component of a path, opened below an open directory.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::error::HostError;

/// Opens one name in `directory`; `None` if it does not exist. Never follows a link, never leaves the directory.
pub(super) fn open_beneath(
    directory: BorrowedFd<'_>,
    name: &str,
    flags: OFlags,
    shown: &str,
) -> Result<Option<OwnedFd>, HostError> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match openat2(directory, name, flags, Mode::empty(), resolve) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOSYS) => Err(HostError::NoOpenat2),
        Err(errno) => Err(HostError::io("open", shown, errno)),
    }
}

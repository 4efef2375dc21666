//! Which directory it is, by whatever path it is reached.

use std::os::fd::BorrowedFd;

use rustix::fs::{Stat, fstat};

use super::error::HostError;
use super::path::RootPath;

/// Device and number of a directory: the same by whatever path it is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Inode {
    pub(super) device: u64,
    number: u64,
}

impl Inode {
    /// From what `stat` says.
    pub(super) const fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            number: stat.st_ino,
        }
    }

    /// Of an open directory.
    ///
    /// # Errors
    /// [`HostError`] if the kernel does not say.
    pub(super) fn find(fd: BorrowedFd<'_>, path: &RootPath) -> Result<Self, HostError> {
        fstat(fd)
            .map(|stat| Self::of(&stat))
            .map_err(|errno| HostError::io("look at", path.as_str(), errno))
    }
}

//! What is not a destination, by whatever name it is reached.
//!
//! A [`Guard`], which `root/find_guard.rs` fills, knows by device and inode
//! - this program's own directories, with every directory below them: a link, `/proc/self/root` or a bind mount gives a
//!   directory another path, and never another inode;
//! - the directories that these lie in, so that what does not exist yet cannot be made by another path;
//! - `/dev`, `/proc` and `/sys` of this root, and the file systems mounted there.
//!
//! File systems that hold no files but the kernel's are recognised by their type wherever they are mounted (statfs(2),
//! `include/uapi/linux/magic.h`). Crossing into any other mount is allowed: a data directory is often a disk of its own.

use std::collections::{HashSet, VecDeque};
use std::os::fd::BorrowedFd;

use rustix::fs::{FsWord, fstatfs};

use super::error::{HostError, Refusal};
use super::inode::Inode;
use super::path::RootPath;

/// Types of the kernel's own file systems. devtmpfs has the type of tmpfs and is recognised by its device.
const TYPES: [(FsWord, &str); 26] = [
    (0x9fa0, "procfs"),
    (0x6265_6572, "sysfs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0x6462_6720, "debugfs"),
    (0x7472_6163, "tracefs"),
    (0x7363_6673, "securityfs"),
    (0x6265_6570, "configfs"),
    (0xcafe_4a11, "bpf"),
    (0x6165_676c, "pstore"),
    (0xde5e_81e4, "efivarfs"),
    (0x1980_0202, "mqueue"),
    (0x6573_5543, "fusectl"),
    (0x4249_4e4d, "binfmt_misc"),
    (0xf97c_ff8c, "selinuxfs"),
    (0x4341_5d53, "smackfs"),
    (0x5a3c_69f0, "apparmorfs"),
    (0x1cd1, "devpts"),
    (0x6e73_6673, "nsfs"),
    (0x534f_434b, "sockfs"),
    (0x5049_5045, "pipefs"),
    (0x0904_1934, "anon_inodefs"),
    (0x0765_5821, "resctrl"),
    (0x9fa1, "openpromfs"),
    (0xabba_1974, "xenfs"),
    (0x6c6f_6f70, "binderfs"),
];

/// What is not a destination below one root.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) root: Inode,
    /// The root itself is on a file system of the kernel.
    pub(super) root_refusal: Option<Refusal>,
    /// This program's own directories, and what is below them.
    pub(super) own: HashSet<Inode>,
    /// The directories they lie in, with their names there.
    pub(super) parents: Vec<(Inode, &'static str)>,
    /// Where the directories they lie in do not exist either: the innermost one that does, with the names that lead on.
    pub(super) absent: Vec<(Inode, Vec<&'static str>)>,
    /// The file system of the running system's `/dev`, which can be mounted in any tree.
    pub(super) devices: Option<u64>,
    /// `/dev`, `/proc` and `/sys`.
    pub(super) kernel: Vec<(Inode, &'static str)>,
}

impl Guard {
    /// The root itself.
    pub(super) const fn root(&self) -> Inode {
        self.root
    }

    /// The name in this directory that belongs to this program.
    pub(super) fn kept_name(&self, directory: Inode) -> Option<&'static str> {
        let parent = self.parents.iter().find(|(inode, _)| *inode == directory);
        parent.map(|(_, name)| *name)
    }

    /// Refuses the names of this program's own directories, whether they exist or not.
    ///
    /// # Errors
    /// [`HostError::NotADestination`].
    pub(super) fn check_name(
        &self,
        directory: Inode,
        name: &str,
        path: &RootPath,
    ) -> Result<(), HostError> {
        if directory == self.root
            && let Some(refusal) = self.root_refusal
        {
            return refuse(path, refusal);
        }
        if self.parents.contains(&(directory, name)) {
            return refuse(path, Refusal::Own);
        }
        Ok(())
    }

    /// Refuses a way that ends in this directory for now, but would lead into one of this program's own once the missing
    /// directories were made: from `name`, by the names that are `pending`.
    ///
    /// # Errors
    /// [`HostError::NotADestination`].
    pub(super) fn check_missing(
        &self,
        directory: Inode,
        name: &str,
        pending: &VecDeque<String>,
        path: &RootPath,
    ) -> Result<(), HostError> {
        let leads_there = |names: &Vec<&'static str>| {
            let mut way = std::iter::once(name).chain(pending.iter().map(String::as_str));
            names.iter().all(|name| way.next() == Some(name))
        };
        let found =
            |(inode, names): &(Inode, Vec<&'static str>)| *inode == directory && leads_there(names);
        if self.absent.iter().any(found) {
            return refuse(path, Refusal::Own);
        }
        Ok(())
    }

    /// Refuses a directory that is not a destination, and cannot be on the way to one. Its file system is looked at only where
    /// it is another one than that of the directory it was entered `from`.
    ///
    /// # Errors
    /// [`HostError::NotADestination`].
    pub(super) fn check_entered(
        &self,
        from: Inode,
        entered: Inode,
        handle: BorrowedFd<'_>,
        path: &RootPath,
    ) -> Result<(), HostError> {
        if let Some(refusal) = self.refusal(entered) {
            return refuse(path, refusal);
        }
        if from.device != entered.device
            && let Some(refusal) = kernel_type(handle, path)?
        {
            return refuse(path, refusal);
        }
        Ok(())
    }

    /// Why this directory is not a destination.
    pub(super) fn refusal(&self, directory: Inode) -> Option<Refusal> {
        if self.own.contains(&directory) {
            return Some(Refusal::Own);
        }
        if self.devices == Some(directory.device) && directory.device != self.root.device {
            return Some(Refusal::Kernel("devtmpfs"));
        }
        let of_the_kernel = |(inode, _): &&(Inode, &str)| {
            *inode == directory
                || (inode.device == directory.device && inode.device != self.root.device)
        };
        let found = self.kernel.iter().find(of_the_kernel);
        found.map(|(_, name)| Refusal::Kernel(name))
    }
}

fn refuse<T>(path: &RootPath, reason: Refusal) -> Result<T, HostError> {
    Err(HostError::NotADestination {
        path: path.to_string(),
        reason,
    })
}

/// The kernel's file system that this directory is on, if it is on one.
///
/// # Errors
/// [`HostError`] if the kernel does not say.
pub(super) fn kernel_type(
    handle: BorrowedFd<'_>,
    path: &RootPath,
) -> Result<Option<Refusal>, HostError> {
    let found = fstatfs(handle).map_err(|errno| HostError::io("look at", path.as_str(), errno))?;
    let known = TYPES.iter().find(|(kind, _)| *kind == found.f_type);
    Ok(known.map(|(_, name)| Refusal::Kernel(name)))
}

/// Whether this is a thing of procfs.
///
/// # Errors
/// [`HostError`] if the kernel does not say.
pub(super) fn is_procfs(handle: BorrowedFd<'_>, path: &RootPath) -> Result<bool, HostError> {
    fstatfs(handle)
        .map(|found| found.f_type == rustix::fs::PROC_SUPER_MAGIC)
        .map_err(|errno| HostError::io("look at", path.as_str(), errno))
}

//! Finds what is not a destination below a root, for a [`Guard`].

use std::collections::HashSet;
use std::os::fd::{AsFd as _, OwnedFd};

use kubeplan_bundle::path::{KERNEL, RESERVED};
use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use super::Root;
use crate::host::error::HostError;
use crate::host::guard::{Guard, kernel_type};
use crate::host::inode::Inode;
use crate::host::path::RootPath;

/// Directories inside each other below this program's own; there are three.
const DEPTH: usize = 8;

impl Guard {
    /// Looks for what exists of it.
    ///
    /// # Errors
    /// [`HostError`] if it cannot be looked at.
    pub(in crate::host) fn find(root: &Root) -> Result<Self, HostError> {
        let top = RootPath::fixed("/");
        let mut guard = Self {
            root: Inode::find(root.as_fd(), &top)?,
            root_refusal: kernel_type(root.as_fd(), &top)?,
            own: HashSet::new(),
            parents: Vec::new(),
            absent: Vec::new(),
            devices: running_devices(),
            kernel: Vec::new(),
        };
        for reserved in RESERVED {
            let path = RootPath::fixed(reserved);
            if let Some(parent) = exists(root, &path.parent())? {
                let name = reserved.rsplit('/').next().unwrap_or_default();
                guard.parents.push((parent, name));
            } else {
                guard.add_absent(root, reserved)?;
            }
            if let Some(directory) = root.view(&path).or_else(missing)? {
                let handle = directory.readable();
                guard.own.insert(Inode::find(directory.as_fd(), &path)?);
                if let Some(handle) = readable(handle)? {
                    guard.add_below(&handle, &path, 0)?;
                }
            }
        }
        for reserved in KERNEL {
            if let Some(inode) = exists(root, &RootPath::fixed(reserved))? {
                guard.kernel.push((inode, reserved));
            }
        }
        Ok(guard)
    }

    fn add_absent(&mut self, root: &Root, reserved: &'static str) -> Result<(), HostError> {
        let mut rest: Vec<&'static str> = reserved.split('/').skip(1).collect();
        let mut names = Vec::new();
        let mut path = RootPath::fixed(reserved);
        while let Some(name) = rest.pop() {
            names.insert(0, name);
            path = path.parent();
            if let Some(directory) = exists(root, &path)? {
                self.absent.push((directory, names));
                break;
            }
        }
        Ok(())
    }

    fn add_below(
        &mut self,
        directory: &OwnedFd,
        path: &RootPath,
        depth: usize,
    ) -> Result<(), HostError> {
        let failed = |errno| HostError::io("list", path.as_str(), errno);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for entry in Dir::read_from(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type();
            if !(kind.is_dir() || kind == rustix::fs::FileType::Unknown)
                || matches!(entry.file_name().to_bytes(), b"." | b"..")
            {
                continue;
            }
            let below = match openat(directory, entry.file_name(), flags, Mode::empty()) {
                Ok(below) => below,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => continue,
                Err(errno) => return Err(failed(errno)),
            };
            self.own.insert(Inode::find(below.as_fd(), path)?);
            if depth < DEPTH {
                self.add_below(&below, path, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// A way that cannot be walked leads to nothing that could have another name; opening it says why.
fn missing<T>(error: HostError) -> Result<Option<T>, HostError> {
    match error {
        HostError::Link { .. } | HostError::NotADirectory { .. } => Ok(None),
        error => Err(error),
    }
}

fn exists(root: &Root, path: &RootPath) -> Result<Option<Inode>, HostError> {
    match root.view(path).or_else(missing)? {
        Some(directory) => Inode::find(directory.as_fd(), path).map(Some),
        None => Ok(None),
    }
}

/// `None` for a user who may not list it, and so cannot change anything in it.
fn readable(handle: Result<OwnedFd, HostError>) -> Result<Option<OwnedFd>, HostError> {
    match handle {
        Ok(handle) => Ok(Some(handle)),
        Err(HostError::Io { source, .. })
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The device of the running system's `/dev`; `None` if it is not a file system of its own.
fn running_devices() -> Option<u64> {
    let device = |path| rustix::fs::stat(path).ok().map(|stat| stat.st_dev);
    let found = device("/dev")?;
    (device("/") != Some(found)).then_some(found)
}

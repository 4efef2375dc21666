//! Files: created, replaced, appended to, synced, removed.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, XattrFlags, fchmod, fchown, fremovexattr,
    fsetxattr, fstat, fsync, ftruncate, openat2,
};
use rustix::io::Errno;

use super::{Action, Actions, AppendFailure, Change, at, raw};
use crate::host::attributes::{self, ACCESS_LIST, Attributes};
use crate::host::beneath::open_beneath;
use crate::host::directory::{Directory, FileMeta};
use crate::host::error::HostError;
use crate::host::owner::Owner;

impl Actions {
    /// Appends `bytes` to the file `name`, which has `length` bytes, and syncs it. If that fails, what was written is cut off
    /// again.
    ///
    /// # Errors
    /// [`AppendFailure`], also if the file has another length.
    pub(crate) fn append(
        &self,
        dir: &Directory,
        name: &str,
        length: u64,
        bytes: &[u8],
    ) -> Result<(), AppendFailure> {
        let path = dir.path().join(name);
        let path = path.as_str();
        let untouched = |error| AppendFailure {
            error,
            unchanged: true,
        };
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = open_beneath(dir.as_fd(), name, flags, path)
            .map_err(untouched)?
            .ok_or_else(|| untouched(HostError::io("open", path, Errno::NOENT)))?;
        let found =
            fstat(&file).map_err(|errno| untouched(HostError::io("look at", path, errno)))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile
            || u64::try_from(found.st_size) != Ok(length)
        {
            return Err(untouched(HostError::Changed {
                path: path.to_owned(),
            }));
        }
        let appended = self
            .perform(Action::AppendRecord, path, || write_all(&file, bytes))
            .and_then(|()| {
                self.changed(Change::Written {
                    file: file.as_fd(),
                    before: length,
                });
                self.sync_file(&file, path)
            });
        appended.map_err(|error| AppendFailure {
            error,
            unchanged: self
                .perform(Action::CutRecord, path, || ftruncate(&file, length))
                .and_then(|()| self.sync_file(&file, path))
                .is_ok(),
        })
    }

    fn sync_file(&self, file: &OwnedFd, path: &str) -> Result<(), HostError> {
        self.perform(Action::SyncFile, path, || fsync(file))?;
        self.changed(Change::FileSynced(file.as_fd()));
        Ok(())
    }

    /// Makes the content of the file `name` durable, also if another program wrote it.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn sync_named(&self, dir: &Directory, name: &str) -> Result<(), HostError> {
        let path = dir.path().join(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = open_beneath(dir.as_fd(), name, flags, path.as_str())?
            .ok_or_else(|| HostError::io("open", path.as_str(), Errno::NOENT))?;
        self.sync_file(&file, path.as_str())
    }

    /// Creates the file `name` with these bytes and exactly this mode and, if given, owner, and syncs it.
    ///
    /// # Errors
    /// [`HostError`], also if the name exists; an incomplete file may be left for the caller to remove.
    pub(crate) fn create_file(
        &self,
        dir: &Directory,
        name: &str,
        bytes: &[u8],
        mode: u32,
        owner: Option<Owner>,
    ) -> Result<FileMeta, HostError> {
        self.create_with(dir, name, bytes, (mode, owner), &Attributes::default())
    }

    /// As [`Self::create_file`], with extended attributes. One that this program may not set, or that the file system does not know, is
    /// named among the remarks.
    ///
    /// # Errors
    /// As for [`Self::create_file`].
    pub(crate) fn create_with(
        &self,
        dir: &Directory,
        name: &str,
        bytes: &[u8],
        (mode, owner): (u32, Option<Owner>),
        attributes: &Attributes,
    ) -> Result<FileMeta, HostError> {
        dir.check_name(name)?;
        let path = dir.path().join(name);
        let path = path.as_str();
        let owner = owner.map(|owner| raw(owner, path)).transpose()?;
        let file = self.perform(Action::CreateFile, path, || {
            openat2(
                dir,
                name,
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::from_raw_mode(0o600),
                ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
            )
        })?;
        self.changed(Change::Created(at(dir, name)));
        self.remove_access_list(&file, path)?;
        self.changed(Change::Written {
            file: file.as_fd(),
            before: 0,
        });
        self.perform(Action::Write, path, || write_all(&file, bytes))?;
        if let Some((uid, gid)) = owner {
            self.perform(Action::SetOwner, path, || {
                fchown(&file, Some(uid), Some(gid))
            })?;
        }
        self.perform(Action::SetMode, path, || {
            fchmod(&file, Mode::from_raw_mode(mode))
        })?;
        self.set_attributes(&file, path, attributes)?;
        self.sync_file(&file, path)?;
        fstat(&file)
            .map(FileMeta::from)
            .map_err(|errno| HostError::io("look at", path, errno))
    }

    /// Removes the access control list that the directory's default one gives to a new file: mode and owner alone say who may open it.
    fn remove_access_list(&self, file: &OwnedFd, path: &str) -> Result<(), HostError> {
        let failed = |errno| HostError::io("read an attribute of", path, errno);
        if attributes::value(file, ACCESS_LIST)
            .map_err(failed)?
            .is_none()
        {
            return Ok(());
        }
        self.perform(Action::RemoveAttribute, path, || {
            match fremovexattr(file, ACCESS_LIST) {
                Ok(()) | Err(Errno::NODATA) => Ok(()),
                Err(errno) => Err(errno),
            }
        })
    }

    fn set_attributes(
        &self,
        file: &OwnedFd,
        path: &str,
        attributes: &Attributes,
    ) -> Result<(), HostError> {
        for (name, wanted) in attributes.values() {
            let failed = |errno| HostError::io("read an attribute of", path, errno);
            match attributes::value(file, name) {
                Ok(Some(found)) if found == *wanted => continue,
                Ok(_) | Err(Errno::TOOBIG | Errno::RANGE) => {}
                Err(errno) => return Err(failed(errno)),
            }
            let refused = self.perform(Action::SetAttribute, path, || {
                match fsetxattr(file, name.as_str(), wanted, XattrFlags::empty()) {
                    Ok(()) => Ok(None),
                    // The file system has none, or no room for this one. A label needs a right, or is not in the policy that is loaded now.
                    Err(
                        errno @ (Errno::NOTSUP
                        | Errno::PERM
                        | Errno::ACCESS
                        | Errno::INVAL
                        | Errno::NOSPC
                        | Errno::DQUOT
                        | Errno::TOOBIG
                        | Errno::RANGE),
                    ) => Ok(Some(errno)),
                    Err(errno) => Err(errno),
                }
            })?;
            match refused {
                None => self.changed(Change::Attributed {
                    file: file.as_fd(),
                    name,
                }),
                Some(errno) => self.remark(format!(
                    "the extended attribute `{name}` of `{}` is not kept: {errno}",
                    attributes.path()
                )),
            }
        }
        Ok(())
    }

    /// Replaces the file `name` in `dir` as a whole: afterwards it is the old one or the new one.
    ///
    /// # Errors
    /// [`HostError`]; nothing temporary is left unless removing it fails too.
    pub(crate) fn replace_file(
        &self,
        dir: &Directory,
        name: &str,
        bytes: &[u8],
        mode: u32,
    ) -> Result<(), HostError> {
        dir.check_name(name)?;
        let temporary = self.temporary_name()?;
        let outcome = self
            .create_file(dir, &temporary, bytes, mode, None)
            .and_then(|_| self.rename(dir, &temporary, dir, name));
        if let Err(error) = outcome {
            let _ = self.remove_file(dir, &temporary);
            return Err(error);
        }
        self.sync_directory(dir)
    }

    /// Removes a file (or a link, not what it points to); it is no error if there is none.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn remove_file(&self, dir: &Directory, name: &str) -> Result<(), HostError> {
        self.remove(Action::RemoveFile, dir, name, AtFlags::empty())
    }
}

fn write_all(file: &OwnedFd, bytes: &[u8]) -> rustix::io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(file, rest) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

//! Directories and stages: made, synced, removed.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, Mode, OFlags, RenameFlags, ResolveFlags, chmod, chownat, fchmod, fstat, fsync,
    mkdirat, openat2, renameat, renameat_with,
};
use rustix::io::Errno;

use super::{Action, Actions, Change, at, left_alone, raw};
use crate::host::directory::Directory;
use crate::host::error::HostError;
use crate::host::owner::Owner;

impl Actions {
    /// Creates the directory `name` with exactly this mode and, if given, owner; it appears complete or not at
    /// all. Returns `false` if something of that name appeared meanwhile.
    ///
    /// # Errors
    /// [`HostError`]; nothing temporary is left unless removing it fails too.
    pub(crate) fn create_directory(
        &self,
        parent: &Directory,
        name: &str,
        mode: u32,
        owner: Option<Owner>,
    ) -> Result<bool, HostError> {
        parent.check_name(name)?;
        let temporary = self.temporary_name()?;
        let outcome = self
            .make_directory(parent, &temporary, mode, owner)
            .and_then(|_| self.rename_new(parent, &temporary, name));
        match outcome {
            Ok(true) => {
                self.sync_directory(parent)?;
                Ok(true)
            }
            Ok(false) => {
                self.remove_made(parent, &temporary)?;
                Ok(false)
            }
            Err(error) => {
                // The first error is the one to tell; what is left is removed by the next run.
                let _ = self.remove_directory(parent, &temporary);
                Err(error)
            }
        }
    }

    /// Creates the directory `name`, owned by the invoking user, under its own name at once: for directories of which no journal can tell
    /// yet, so that a run that is killed leaves nothing that a later one would not know. It is no error if it exists.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn create_at_once(
        &self,
        parent: &Directory,
        name: &str,
        mode: u32,
    ) -> Result<(), HostError> {
        parent.check_name(name)?;
        let path = parent.path().join(name);
        let made = self.perform(Action::CreateDirectory, path.as_str(), || {
            match mkdirat(parent, name, Mode::from_raw_mode(mode)) {
                Ok(()) => Ok(true),
                Err(Errno::EXIST) => Ok(false),
                Err(errno) => Err(errno),
            }
        })?;
        if !made {
            return Ok(());
        }
        self.changed(Change::Created(at(parent, name)));
        let handle = open_made(parent, name, mode)?;
        let found = fstat(&handle)
            .map_err(|errno| HostError::io("look at", path.as_str(), errno))?
            .st_mode;
        // Unless the umask took something away.
        if found & 0o7777 != mode {
            self.perform(Action::SetMode, path.as_str(), || set_mode(&handle, mode))?;
        }
        self.sync_directory(parent)
    }

    /// Creates a directory of mode 0700 and a random name, and returns it with that name.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn create_stage(
        &self,
        parent: &Directory,
    ) -> Result<(String, Directory), HostError> {
        let name = self.temporary_name()?;
        let handle = self.make_directory(parent, &name, 0o700, None)?;
        let stage = Directory::new(handle, parent.path().join(&name));
        Ok((name, stage))
    }

    /// Makes a directory, and sets its owner and mode on its handle.
    fn make_directory(
        &self,
        parent: &Directory,
        name: &str,
        mode: u32,
        owner: Option<Owner>,
    ) -> Result<OwnedFd, HostError> {
        let path = parent.path().join(name);
        let owner = owner.map(|owner| raw(owner, path.as_str())).transpose()?;
        self.perform(Action::CreateDirectory, path.as_str(), || {
            mkdirat(parent, name, Mode::from_raw_mode(0o700))
        })?;
        self.changed(Change::Created(at(parent, name)));
        let handle = open_made(parent, name, 0o700)?;
        if let Some((uid, gid)) = owner {
            self.perform(Action::SetOwner, path.as_str(), || {
                chownat(&handle, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
            })?;
        }
        self.perform(Action::SetMode, path.as_str(), || set_mode(&handle, mode))?;
        Ok(handle)
    }

    /// Removes a directory of a temporary name. What another user put in its place, or into it, stays and is named.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn remove_made(&self, dir: &Directory, name: &str) -> Result<(), HostError> {
        match self.remove_directory(dir, name) {
            Err(HostError::Io { source, .. })
                if matches!(
                    source.kind(),
                    std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::NotADirectory
                ) =>
            {
                self.remark(left_alone(dir, name));
                Ok(())
            }
            other => other,
        }
    }

    /// Removes a stage and the files in it. If another user moved it away and put something else in its place, only the files are
    /// removed.
    ///
    /// # Errors
    /// The first [`HostError`]; the rest is tried all the same.
    pub(crate) fn remove_stage(
        &self,
        dir: &Directory,
        name: &str,
        stage: &Directory,
    ) -> Result<(), HostError> {
        let mut outcome = Ok(());
        for file in stage.names()? {
            outcome = outcome.and(self.remove_file(stage, &file));
        }
        outcome?;
        match dir.open(name) {
            Ok(Some(found)) if found.inode()? == stage.inode()? => {
                self.remove_made(dir, name)?;
            }
            Ok(None) => {}
            _ => self.remark(left_alone(dir, name)),
        }
        self.sync_directory(dir)
    }

    /// For a directory: `false` if something has the name already.
    fn rename_new(&self, dir: &Directory, from: &str, to: &str) -> Result<bool, HostError> {
        let path = dir.path().join(to);
        let renamed = self.perform(Action::Rename, path.as_str(), || {
            match renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
                Ok(()) => Ok(true),
                Err(Errno::EXIST) => Ok(false),
                // A filesystem without the flag: a plain rename replaces at most an empty directory.
                Err(Errno::INVAL | Errno::NOSYS) => renameat(dir, from, dir, to).map(|()| true),
                Err(errno) => Err(errno),
            }
        })?;
        if renamed {
            self.changed(Change::Moved(at(dir, from), at(dir, to)));
        }
        Ok(renamed)
    }

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn sync_directory(&self, dir: &Directory) -> Result<(), HostError> {
        let readable = dir.readable()?;
        self.perform(Action::SyncDirectory, dir.path().as_str(), || {
            fsync(&readable)
        })?;
        self.changed(Change::DirectorySynced(dir.as_fd()));
        Ok(())
    }

    /// Removes an empty directory; it is no error if there is none.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn remove_directory(&self, dir: &Directory, name: &str) -> Result<(), HostError> {
        self.remove(Action::RemoveDirectory, dir, name, AtFlags::REMOVEDIR)
    }
}

/// Opens a directory that was just made, and makes sure that it is that one: not a link, on the same mount, empty, of this program's
/// user, and with no permission that was not asked for.
pub(in crate::host) fn open_made(
    parent: &Directory,
    name: &str,
    mode: u32,
) -> Result<OwnedFd, HostError> {
    let path = parent.path().join(name);
    let path = path.as_str();
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    let open = |access| openat2(parent, name, flags | access, Mode::empty(), resolve);
    let (handle, listed) = match open(OFlags::RDONLY) {
        Ok(handle) => (handle, true),
        // A umask that takes away the owner's permissions, too.
        Err(Errno::ACCESS) => (
            open(OFlags::PATH).map_err(|errno| HostError::io("open", path, errno))?,
            false,
        ),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => {
            return Err(HostError::Changed { path: path.into() });
        }
        Err(errno) => return Err(HostError::io("open", path, errno)),
    };
    let found = fstat(&handle).map_err(|errno| HostError::io("look at", path, errno))?;
    let mut ours =
        found.st_uid == rustix::process::geteuid().as_raw() && found.st_mode & 0o777 & !mode == 0;
    if ours && listed {
        let failed = |errno| HostError::io("list", path, errno);
        for entry in Dir::read_from(&handle).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            ours &= matches!(entry.file_name().to_bytes(), b"." | b"..");
        }
    }
    if ours {
        Ok(handle)
    } else {
        Err(HostError::Changed { path: path.into() })
    }
}

/// Sets the mode of an open directory; of one that may not be listed, by the kernel's name for the handle.
fn set_mode(handle: &OwnedFd, mode: u32) -> rustix::io::Result<()> {
    match fchmod(handle, Mode::from_raw_mode(mode)) {
        Err(Errno::BADF) => chmod(
            format!("/proc/self/fd/{}", handle.as_raw_fd()),
            Mode::from_raw_mode(mode),
        ),
        other => other,
    }
}

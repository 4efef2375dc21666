//! Every change to the host, one numbered action at a time.
//!
//! In: open folders, names, bytes with mode and owner. Out: changes that survive a power failure once the
//! call returns. Every action passes through [`Actions::perform`], which counts it, so a test can stop the
//! program after action *n* for every *n* ([`Fault`]). A failed `fsync` is a failure, never a warning.
//!
//! A file is replaced in this order: create a temporary file that only its owner can open → write → set
//! owner → set mode → sync it → rename it over the old one → sync the folder. The umask has no say: modes are
//! set on the open temporary file, before anything has its final name. A new folder is made under a
//! temporary name too, so that it never exists with another mode.
//!
//! Modes and owners are set on handles only, never by name: in a directory that another user may write to, a name can stand for
//! something else the moment after it was looked at. A directory that was made is opened without following a link, and must be
//! empty, of this program's user and closed to all others, before its mode or owner is changed.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, RenameFlags, ResolveFlags, Uid, chmod, chownat,
    fchmod, fchown, fstat, fsync, ftruncate, linkat, mkdirat, openat2, renameat, renameat_with,
    unlinkat,
};
use rustix::io::Errno;

use super::directory::{Directory, FileMeta};
use super::error::HostError;
use super::fault::Verdict;
pub use super::fault::{Action, Failure, Fault};
use super::power_loss::{At, Unsynced};
use super::root::{Owner, open_beneath};
use super::stage_name::RunTag;
pub(crate) use super::stage_name::is_temporary_name;

/// Counts and performs changes.
#[derive(Debug, Default)]
pub struct Actions {
    fault: Fault,
    count: Cell<u64>,
    /// Set once a file system said that it knows no flags of `renameat2`.
    no_flags: Cell<bool>,
    /// Kept only when a power failure is simulated.
    unsynced: Option<Unsynced>,
    /// The tag of this run, once there is a journal that records it.
    tag: RefCell<Option<RunTag>>,
    /// The tags of the runs that the host remembers.
    known: RefCell<Vec<RunTag>>,
    /// What the operator should know, and what stops nothing.
    remarks: RefCell<Vec<String>>,
    /// The same, to say each thing once.
    remarked: RefCell<HashSet<String>>,
}

/// What came of giving a file a name that must not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placing {
    /// It has the name.
    Done,
    /// Something has the name already, or the file is not there (any more).
    Refused,
}

/// A record that was not appended.
#[derive(Debug)]
pub(crate) struct AppendFailure {
    /// Why.
    pub(crate) error: HostError,
    /// Whether the file is durably as it was before. If not, part of the record, or all of it, may be found there later.
    pub(crate) unchanged: bool,
}

impl Actions {
    /// Actions that fail as `fault` says.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            count: Cell::new(0),
            no_flags: Cell::new(false),
            unsynced: fault.loses_unsynced().then(Unsynced::default),
            tag: RefCell::default(),
            known: RefCell::default(),
            remarks: RefCell::default(),
            remarked: RefCell::default(),
        }
    }

    /// Names what follows after the run with this tag, which its journal records. What an earlier process left under it is known
    /// by [`Self::recognise`] alone: a run that is rolled back had come to its end and left nothing.
    pub(crate) fn name_after(&self, tag: Option<RunTag>) {
        self.tag.replace(tag);
    }

    /// Knows again what the runs with these tags left unfinished.
    pub(crate) fn recognise(&self, tags: impl IntoIterator<Item = RunTag>) {
        self.known.borrow_mut().extend(tags);
    }

    /// Whether a name is one that a remembered run gave to something unfinished.
    pub(crate) fn is_leftover(&self, name: &str) -> bool {
        self.known.borrow().iter().any(|tag| tag.marks(name))
    }

    /// Keeps something for the operator to know that stops nothing.
    pub(crate) fn remark(&self, remark: String) {
        if self.remarked.borrow_mut().insert(remark.clone()) {
            self.remarks.borrow_mut().push(remark);
        }
    }

    /// What the operator should know, once.
    pub(crate) fn take_remarks(&self) -> Vec<String> {
        self.remarked.take();
        self.remarks.take()
    }

    fn temporary_name(&self) -> Result<String, HostError> {
        match &*self.tag.borrow() {
            Some(tag) => tag.name(),
            None => RunTag::random()?.name(),
        }
    }

    /// How many actions were performed, or were to be and failed.
    pub const fn count(&self) -> u64 {
        self.count.get()
    }

    /// The one place where a change happens.
    fn perform<T>(
        &self,
        action: Action,
        path: &str,
        change: impl FnOnce() -> rustix::io::Result<T>,
    ) -> Result<T, HostError> {
        let number = self.count.get();
        let verdict = self.fault.verdict(number);
        if matches!(verdict, Verdict::Dead) {
            if let Some(unsynced) = &self.unsynced {
                unsynced.lose();
            }
        } else {
            self.count.set(number.saturating_add(1));
        }
        match verdict {
            Verdict::Happens => {}
            Verdict::Fails(Some(errno)) => return Err(HostError::io(action.words(), path, errno)),
            Verdict::Dead | Verdict::Fails(None) => {
                return Err(HostError::Stopped {
                    number,
                    action,
                    path: path.to_owned(),
                });
            }
        }
        change().map_err(|errno| match errno {
            Errno::NOSYS => HostError::NoOpenat2,
            _ => HostError::io(action.words(), path, errno),
        })
    }

    /// Creates the folder `name` with exactly this mode and, if given, owner; it appears complete or not at
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

    /// Creates the folder `name`, owned by the invoking user, under its own name at once: for folders of which no journal can tell
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
        if let Some(log) = &self.unsynced {
            log.created(At::new(parent, name));
        }
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

    /// Creates a folder of mode 0700 and a random name, and returns it with that name.
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

    /// Makes a folder, and sets its owner and mode on its handle.
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
        if let Some(log) = &self.unsynced {
            log.created(At::new(parent, name));
        }
        let handle = open_made(parent, name, 0o700)?;
        if let Some((uid, gid)) = owner {
            self.perform(Action::SetOwner, path.as_str(), || {
                chownat(&handle, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
            })?;
        }
        self.perform(Action::SetMode, path.as_str(), || set_mode(&handle, mode))?;
        Ok(handle)
    }

    /// Removes a folder of a temporary name. What another user put in its place, or into it, stays and is named.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn remove_made(&self, folder: &Directory, name: &str) -> Result<(), HostError> {
        match self.remove_directory(folder, name) {
            Err(HostError::Io { source, .. })
                if matches!(
                    source.kind(),
                    std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::NotADirectory
                ) =>
            {
                self.remark(left_alone(folder, name));
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
        folder: &Directory,
        name: &str,
        stage: &Directory,
    ) -> Result<(), HostError> {
        let mut outcome = Ok(());
        for file in stage.names()? {
            outcome = outcome.and(self.remove_file(stage, &file));
        }
        outcome?;
        match folder.open(name) {
            Ok(Some(found)) if found.inode()? == stage.inode()? => {
                self.remove_made(folder, name)?;
            }
            Ok(None) => {}
            _ => self.remark(left_alone(folder, name)),
        }
        self.sync_directory(folder)
    }

    /// For a folder: `false` if something has the name already.
    fn rename_new(&self, folder: &Directory, from: &str, to: &str) -> Result<bool, HostError> {
        let path = folder.path().join(to);
        let renamed = self.perform(Action::Rename, path.as_str(), || {
            match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
                Ok(()) => Ok(true),
                Err(Errno::EXIST) => Ok(false),
                // A filesystem without the flag: a plain rename replaces at most an empty folder.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    renameat(folder, from, folder, to).map(|()| true)
                }
                Err(errno) => Err(errno),
            }
        })?;
        if let Some(log) = self.unsynced.as_ref().filter(|_| renamed) {
            log.moved(At::new(folder, from), At::new(folder, to), None);
        }
        Ok(renamed)
    }

    /// Gives the file `old` the name `new`, unless something has that name already: it is not touched then.
    ///
    /// Where a file system does not know how to do that in one step, the file is linked to the new name, which fails if that
    /// exists, and the old name removed.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn place(
        &self,
        from: &Directory,
        old: &str,
        to: &Directory,
        new: &str,
    ) -> Result<Placing, HostError> {
        from.check_name(old)?;
        to.check_name(new)?;
        let path = to.path().join(new);
        if !self.no_flags.get() {
            let placed = self.perform(Action::Rename, path.as_str(), || {
                match renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
                    Ok(()) => Ok(Some(Placing::Done)),
                    Err(Errno::EXIST | Errno::NOENT) => Ok(Some(Placing::Refused)),
                    Err(Errno::INVAL | Errno::NOSYS) => Ok(None),
                    Err(errno) => Err(errno),
                }
            })?;
            match placed {
                Some(Placing::Done) => {
                    if let Some(log) = &self.unsynced {
                        log.moved(At::new(from, old), At::new(to, new), None);
                    }
                    return Ok(Placing::Done);
                }
                Some(Placing::Refused) => return Ok(Placing::Refused),
                None => self.no_flags.set(true),
            }
        }
        let linked = self.perform(Action::Link, path.as_str(), || {
            match linkat(from, old, to, new, AtFlags::empty()) {
                Ok(()) => Ok(Placing::Done),
                Err(Errno::EXIST | Errno::NOENT) => Ok(Placing::Refused),
                Err(errno) => Err(errno),
            }
        })?;
        if linked == Placing::Done {
            if let Some(log) = &self.unsynced {
                log.created(At::new(to, new));
            }
            self.remove_file(from, old)?;
        }
        Ok(linked)
    }

    /// Lets two files change their names, in one step. `false` if the file system cannot, or one of them is not there:
    /// nothing changed then.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn exchange(
        &self,
        one: &Directory,
        first: &str,
        other: &Directory,
        second: &str,
    ) -> Result<bool, HostError> {
        if self.no_flags.get() {
            return Ok(false);
        }
        one.check_name(first)?;
        other.check_name(second)?;
        let path = other.path().join(second);
        let done = self.perform(Action::Exchange, path.as_str(), || {
            match renameat_with(one, first, other, second, RenameFlags::EXCHANGE) {
                Ok(()) => Ok(Some(true)),
                Err(Errno::NOENT) => Ok(Some(false)),
                Err(Errno::INVAL | Errno::NOSYS) => Ok(None),
                Err(errno) => Err(errno),
            }
        })?;
        match done {
            None => self.no_flags.set(true),
            Some(true) => {
                if let Some(log) = &self.unsynced {
                    log.exchanged(At::new(one, first), At::new(other, second));
                }
            }
            Some(false) => {}
        }
        Ok(done.unwrap_or_default())
    }

    /// Whether the file system was found to know no flags of `renameat2`.
    pub(crate) const fn has_no_flags(&self) -> bool {
        self.no_flags.get()
    }

    /// Appends `bytes` to the file `name`, which has `length` bytes, and syncs it. If that fails, what was written is cut off
    /// again.
    ///
    /// # Errors
    /// [`AppendFailure`], also if the file has another length.
    pub(crate) fn append(
        &self,
        folder: &Directory,
        name: &str,
        length: u64,
        bytes: &[u8],
    ) -> Result<(), AppendFailure> {
        let path = folder.path().join(name);
        let path = path.as_str();
        let untouched = |error| AppendFailure {
            error,
            unchanged: true,
        };
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = open_beneath(folder.as_fd(), name, flags, path)
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
                if let Some(log) = &self.unsynced {
                    log.written(&file, length);
                }
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
        if let Some(log) = &self.unsynced {
            log.synced_file(file);
        }
        Ok(())
    }

    /// Makes what is in the file `name` durable, whoever wrote it.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn sync_named(&self, folder: &Directory, name: &str) -> Result<(), HostError> {
        let path = folder.path().join(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = open_beneath(folder.as_fd(), name, flags, path.as_str())?
            .ok_or_else(|| HostError::io("open", path.as_str(), Errno::NOENT))?;
        self.sync_file(&file, path.as_str())
    }

    /// Creates the file `name` with these bytes and exactly this mode and, if given, owner, and syncs it.
    ///
    /// # Errors
    /// [`HostError`], also if the name exists; an incomplete file may be left for the caller to remove.
    pub(crate) fn create_file(
        &self,
        folder: &Directory,
        name: &str,
        bytes: &[u8],
        mode: u32,
        owner: Option<Owner>,
    ) -> Result<FileMeta, HostError> {
        folder.check_name(name)?;
        let path = folder.path().join(name);
        let path = path.as_str();
        let owner = owner.map(|owner| raw(owner, path)).transpose()?;
        let file = self.perform(Action::CreateFile, path, || {
            openat2(
                folder,
                name,
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::from_raw_mode(0o600),
                ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
            )
        })?;
        if let Some(log) = &self.unsynced {
            log.created(At::new(folder, name));
            log.written(&file, 0);
        }
        self.perform(Action::Write, path, || write_all(&file, bytes))?;
        if let Some((uid, gid)) = owner {
            self.perform(Action::SetOwner, path, || {
                fchown(&file, Some(uid), Some(gid))
            })?;
        }
        self.perform(Action::SetMode, path, || {
            fchmod(&file, Mode::from_raw_mode(mode))
        })?;
        self.sync_file(&file, path)?;
        fstat(&file)
            .map(FileMeta::from)
            .map_err(|errno| HostError::io("look at", path, errno))
    }

    /// Replaces the file `name` in `folder` as a whole: afterwards it is the old one or the new one.
    ///
    /// # Errors
    /// [`HostError`]; nothing temporary is left unless removing it fails too.
    pub(crate) fn replace_file(
        &self,
        folder: &Directory,
        name: &str,
        bytes: &[u8],
        mode: u32,
    ) -> Result<(), HostError> {
        folder.check_name(name)?;
        let temporary = self.temporary_name()?;
        let outcome = self
            .create_file(folder, &temporary, bytes, mode, None)
            .and_then(|_| self.rename(folder, &temporary, folder, name));
        if let Err(error) = outcome {
            let _ = self.remove_file(folder, &temporary);
            return Err(error);
        }
        self.sync_directory(folder)
    }

    /// Renames a file over whatever has the new name; a link there is replaced, not followed.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn rename(
        &self,
        from: &Directory,
        old: &str,
        to: &Directory,
        new: &str,
    ) -> Result<(), HostError> {
        from.check_name(old)?;
        to.check_name(new)?;
        let path = to.path().join(new);
        let replaced = self
            .unsynced
            .as_ref()
            .and_then(|_| At::new(to, new)?.save());
        self.perform(Action::Rename, path.as_str(), || {
            renameat(from, old, to, new)
        })?;
        if let Some(log) = &self.unsynced {
            log.moved(At::new(from, old), At::new(to, new), replaced);
        }
        Ok(())
    }

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn sync_directory(&self, folder: &Directory) -> Result<(), HostError> {
        let readable = folder.readable()?;
        self.perform(Action::SyncDirectory, folder.path().as_str(), || {
            fsync(&readable)
        })?;
        if let Some(log) = &self.unsynced {
            log.synced_directory(folder);
        }
        Ok(())
    }

    /// Removes a file (or a link, not what it points to); it is no error if there is none.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn remove_file(&self, folder: &Directory, name: &str) -> Result<(), HostError> {
        self.remove(Action::RemoveFile, folder, name, AtFlags::empty())
    }

    /// Removes an empty folder; it is no error if there is none.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn remove_directory(&self, folder: &Directory, name: &str) -> Result<(), HostError> {
        self.remove(Action::RemoveDirectory, folder, name, AtFlags::REMOVEDIR)
    }

    fn remove(
        &self,
        action: Action,
        folder: &Directory,
        name: &str,
        flags: AtFlags,
    ) -> Result<(), HostError> {
        folder.check_name(name)?;
        let path = folder.path().join(name);
        let saved = self
            .unsynced
            .as_ref()
            .and_then(|_| At::new(folder, name)?.save());
        self.perform(action, path.as_str(), || {
            match unlinkat(folder, name, flags) {
                Err(Errno::NOENT) => Ok(()),
                other => other,
            }
        })?;
        if let Some(log) = &self.unsynced {
            log.removed(At::new(folder, name), saved);
        }
        Ok(())
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

/// Opens a folder that was just made, and makes sure that it is that one: not a link, on the same mount, empty, of this program's
/// user, and with no permission that was not asked for.
pub(super) fn open_made(parent: &Directory, name: &str, mode: u32) -> Result<OwnedFd, HostError> {
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

/// Sets the mode of an open folder; of one that may not be listed, by the kernel's name for the handle.
fn set_mode(handle: &OwnedFd, mode: u32) -> rustix::io::Result<()> {
    match fchmod(handle, Mode::from_raw_mode(mode)) {
        Err(Errno::BADF) => chmod(
            format!("/proc/self/fd/{}", handle.as_raw_fd()),
            Mode::from_raw_mode(mode),
        ),
        other => other,
    }
}

/// What is said of a temporary name that is not removed.
pub(crate) fn left_alone(folder: &Directory, name: &str) -> String {
    format!(
        "`{}` was not made by a run that this host remembers, and is left as it is",
        folder.path().join(name)
    )
}

/// As [`left_alone`], of `count` names in one directory.
pub(crate) fn many_left_alone(folder: &Directory, count: u64) -> String {
    format!(
        "`{}` holds {count} names of unfinished files that were not made by a run that this host remembers; each is left as it is",
        folder.path()
    )
}

/// `chown` takes the highest number for "leave it as it is".
fn raw(owner: Owner, path: &str) -> Result<(Uid, Gid), HostError> {
    if owner.is_unchanged() {
        return Err(HostError::NotAnOwner {
            path: path.to_owned(),
            owner,
        });
    }
    Ok((Uid::from_raw(owner.uid), Gid::from_raw(owner.gid)))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the tree they built"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;
    use crate::host::{Root, RootPath};

    fn root() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let directory = root.open_directory(&RootPath::fixed("/")).unwrap().unwrap();
        (folder, directory)
    }

    #[test]
    fn a_replaced_file_is_the_old_or_the_new_one_at_every_action() {
        let mut finished = false;
        for limit in 0..20 {
            let (folder, directory) = root();
            fs::write(folder.path().join("f"), "old").unwrap();
            let actions = Actions::new(Fault::StopAfter(limit));
            let outcome = actions.replace_file(&directory, "f", b"new", 0o640);
            let found = fs::read_to_string(folder.path().join("f")).unwrap();
            if outcome.is_ok() {
                finished = true;
                assert_eq!(found, "new");
                let mode = fs::metadata(folder.path().join("f")).unwrap().permissions();
                assert_eq!(mode.mode() & 0o7777, 0o640);
                assert_eq!(actions.count(), limit);
                break;
            }
            assert!(found == "old" || found == "new", "{found}");
            assert_eq!(actions.count(), limit);
        }
        assert!(finished);
    }

    #[test]
    fn a_failed_action_leaves_nothing_temporary() {
        for at in 0..5 {
            let (folder, directory) = root();
            let actions = Actions::new(Fault::FailAt(at));
            actions
                .replace_file(&directory, "f", b"new", 0o600)
                .unwrap_err();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{at}");
        }
        for at in 0..3 {
            let (folder, directory) = root();
            let actions = Actions::new(Fault::FailAt(at));
            actions
                .create_directory(&directory, "d", 0o755, None)
                .unwrap_err();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{at}");
        }
    }

    #[test]
    fn a_file_gets_a_name_only_if_nothing_has_it() {
        for without_flags in [false, true] {
            let (folder, directory) = root();
            let actions = Actions::new(Fault::None);
            actions.no_flags.set(without_flags);
            let text = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
            fs::write(folder.path().join("new"), "new").unwrap();
            fs::write(folder.path().join("other"), "theirs").unwrap();
            let place = |to| actions.place(&directory, "new", &directory, to).unwrap();
            assert_eq!(place("other"), Placing::Refused);
            assert_eq!(text("other").as_deref(), Some("theirs"));
            assert_eq!(place("free"), Placing::Done);
            assert_eq!((text("new"), text("free").as_deref()), (None, Some("new")));
            assert_eq!(place("again"), Placing::Refused, "it is not there any more");
            let exchanged = actions
                .exchange(&directory, "free", &directory, "other")
                .unwrap();
            assert_eq!(exchanged, !without_flags);
            let expected = if without_flags { "theirs" } else { "new" };
            assert_eq!(text("other").as_deref(), Some(expected));
            assert!(
                !actions
                    .exchange(&directory, "free", &directory, "none")
                    .unwrap()
            );
        }
    }

    #[test]
    fn what_is_appended_is_whole_or_cut_off_again() {
        for at in 0..2 {
            let (folder, directory) = root();
            fs::write(folder.path().join("f"), "one\n").unwrap();
            let append =
                |fault, length| Actions::new(fault).append(&directory, "f", length, b"two\n");
            let text = || fs::read_to_string(folder.path().join("f")).unwrap();
            assert!(
                append(Fault::FailWith(at, Failure::NoSpace), 4)
                    .unwrap_err()
                    .unchanged
            );
            assert_eq!(text(), "one\n");
            assert!(
                append(Fault::None, 3).unwrap_err().unchanged,
                "somebody wrote to it"
            );
            assert!(
                !append(Fault::FailFrom(at, Failure::Io), 4)
                    .unwrap_err()
                    .unchanged
            );
            fs::write(folder.path().join("f"), "one\n").unwrap();
            append(Fault::None, 4).unwrap();
            assert_eq!(text(), "one\ntwo\n");
        }
    }

    #[test]
    fn what_was_not_synced_is_lost_with_the_power() {
        // create, write, set mode, sync, rename, sync folder
        for limit in 0..6 {
            let (folder, directory) = root();
            fs::write(folder.path().join("f"), "old").unwrap();
            let actions = Actions::new(Fault::LoseUnsynced(limit));
            actions
                .replace_file(&directory, "f", b"new", 0o600)
                .unwrap_err();
            let found = fs::read_to_string(folder.path().join("f")).unwrap();
            assert_eq!(found, "old", "{limit}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{limit}");
        }
    }

    #[test]
    fn only_the_folder_that_was_made_gets_a_mode() {
        let (folder, directory) = root();
        let at = |name: &str| folder.path().join(name);
        let make = |name: &str, mode| {
            fs::create_dir(at(name)).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        make("made", 0o700);
        make("open", 0o755);
        make("full", 0o700);
        fs::write(at("full/file"), "x").unwrap();
        fs::write(at("file"), "x").unwrap();
        symlink(at("made"), at("link")).unwrap();
        open_made(&directory, "made", 0o700).unwrap();
        let mut others = vec!["open", "full", "file", "link", "none"];
        if rustix::process::geteuid().is_root() {
            make("theirs", 0o700);
            chown(at("theirs"), Some(4242), None).unwrap();
            others.push("theirs");
        }
        for name in others {
            assert!(
                matches!(
                    open_made(&directory, name, 0o700),
                    Err(HostError::Changed { .. })
                ),
                "{name}"
            );
        }
    }

    #[test]
    fn nothing_is_given_to_the_number_that_means_unchanged() {
        let (folder, directory) = root();
        let actions = Actions::default();
        for owner in [(u32::MAX, 0), (0, u32::MAX)].map(|(uid, gid)| Owner { uid, gid }) {
            let file = actions.create_file(&directory, "f", b"", 0o600, Some(owner));
            assert!(matches!(file, Err(HostError::NotAnOwner { .. })));
            let made = actions.create_directory(&directory, "d", 0o755, Some(owner));
            assert!(matches!(made, Err(HostError::NotAnOwner { .. })));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stage_that_was_exchanged_is_emptied_and_its_name_left() {
        let (folder, directory) = root();
        let at = |name: &str| folder.path().join(name);
        let actions = Actions::default();
        let (name, stage) = actions.create_stage(&directory).unwrap();
        actions
            .create_file(&stage, "0", b"secret", 0o600, None)
            .unwrap();
        fs::rename(at(&name), at("away")).unwrap();
        fs::create_dir_all(at(&name).join("sub")).unwrap();
        actions.remove_stage(&directory, &name, &stage).unwrap();
        assert!(at(&name).join("sub").exists());
        assert_eq!(fs::read_dir(at("away")).unwrap().count(), 0);
        assert_eq!(actions.take_remarks().len(), 1);
        let (name, stage) = actions.create_stage(&directory).unwrap();
        actions.remove_stage(&directory, &name, &stage).unwrap();
        assert!(!at(&name).exists());
        assert_eq!(actions.take_remarks().len(), 0);
    }

    #[test]
    fn a_fifo_is_not_waited_for() {
        let (folder, directory) = root();
        let fifo = folder.path().join("f");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RWXU).unwrap();
        let actions = Actions::default();
        assert!(directory.read("f", 10).is_err());
        assert!(directory.content("f", 10).is_err());
        assert!(actions.append(&directory, "f", 0, b"x").is_err());
    }
}

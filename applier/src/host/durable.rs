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

use std::cell::Cell;
use std::fmt;

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, ResolveFlags, Uid, chmodat, chownat, fchmod, fchown,
    fstat, fsync, mkdirat, openat2, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::directory::{Directory, FileMeta};
use super::error::HostError;
use super::root::Owner;

/// Start of every temporary name; 16 lower-case hex digits follow.
const STAGE_PREFIX: &str = ".kubeplan-stage-";

/// One kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `mkdir`.
    CreateDirectory,
    /// `open` with `O_CREAT` and `O_EXCL`.
    CreateFile,
    /// `write`.
    Write,
    /// `fchown`.
    SetOwner,
    /// `fchmod`.
    SetMode,
    /// `fsync` of a file.
    SyncFile,
    /// `rename`.
    Rename,
    /// `fsync` of a folder.
    SyncDirectory,
    /// `unlink`.
    RemoveFile,
    /// `rmdir`.
    RemoveDirectory,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl Action {
    const fn words(self) -> &'static str {
        match self {
            Self::CreateDirectory => "create folder",
            Self::CreateFile => "create file",
            Self::Write => "write",
            Self::SetOwner => "set the owner of",
            Self::SetMode => "set the mode of",
            Self::SyncFile => "sync file",
            Self::Rename => "rename to",
            Self::SyncDirectory => "sync folder",
            Self::RemoveFile => "remove file",
            Self::RemoveDirectory => "remove folder",
        }
    }
}

/// A failure to simulate; [`Fault::None`] outside tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing fails.
    #[default]
    None,
    /// As if the process were killed after this many actions: no later one happens, clean-up included.
    StopAfter(u64),
    /// The action with this number (from 0) fails; later ones work, clean-up included.
    FailAt(u64),
}

/// Counts and performs changes.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    fault: Fault,
    count: Cell<u64>,
}

impl Actions {
    /// Actions that fail as `fault` says.
    pub(crate) const fn new(fault: Fault) -> Self {
        Self {
            fault,
            count: Cell::new(0),
        }
    }

    /// How many actions were performed.
    #[cfg(test)]
    pub(crate) const fn count(&self) -> u64 {
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
        let stopped = match self.fault {
            Fault::None => false,
            Fault::StopAfter(limit) => number >= limit,
            Fault::FailAt(at) => number == at,
        };
        if !matches!(self.fault, Fault::StopAfter(limit) if number >= limit) {
            self.count.set(number + 1);
        }
        if stopped {
            return Err(HostError::Stopped {
                number,
                action,
                path: path.to_owned(),
            });
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
        let temporary = temporary_name()?;
        let outcome = self
            .make_directory(parent, &temporary, mode, owner)
            .and_then(|()| self.rename_new(parent, &temporary, name));
        match outcome {
            Ok(true) => {
                self.sync_directory(parent)?;
                Ok(true)
            }
            Ok(false) => {
                self.remove_directory(parent, &temporary)?;
                Ok(false)
            }
            Err(error) => {
                // The first error is the one to tell; what is left is removed by the next run.
                let _ = self.remove_directory(parent, &temporary);
                Err(error)
            }
        }
    }

    /// Creates a folder of mode 0700 and a random name, and returns it with that name.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn create_stage(
        &self,
        parent: &Directory,
    ) -> Result<(String, Directory), HostError> {
        let name = temporary_name()?;
        self.make_directory(parent, &name, 0o700, None)?;
        match parent.open(&name)? {
            Some(stage) => Ok((name, stage)),
            None => Err(HostError::io(
                "open",
                parent.path().join(&name).as_str(),
                Errno::NOENT,
            )),
        }
    }

    fn make_directory(
        &self,
        parent: &Directory,
        name: &str,
        mode: u32,
        owner: Option<Owner>,
    ) -> Result<(), HostError> {
        let path = parent.path().join(name);
        self.perform(Action::CreateDirectory, path.as_str(), || {
            mkdirat(parent, name, Mode::from_raw_mode(0o700))
        })?;
        if let Some(owner) = owner {
            self.perform(Action::SetOwner, path.as_str(), || {
                let (uid, gid) = raw(owner);
                chownat(
                    parent,
                    name,
                    Some(uid),
                    Some(gid),
                    AtFlags::SYMLINK_NOFOLLOW,
                )
            })?;
        }
        // By name and not by handle: under a hostile umask the folder cannot be opened before this.
        self.perform(Action::SetMode, path.as_str(), || {
            chmodat(parent, name, Mode::from_raw_mode(mode), AtFlags::empty())
        })
    }

    fn rename_new(&self, folder: &Directory, from: &str, to: &str) -> Result<bool, HostError> {
        let path = folder.path().join(to);
        self.perform(Action::Rename, path.as_str(), || {
            match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
                Ok(()) => Ok(true),
                Err(Errno::EXIST) => Ok(false),
                // A filesystem without the flag: a plain rename replaces at most an empty folder.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    renameat(folder, from, folder, to).map(|()| true)
                }
                Err(errno) => Err(errno),
            }
        })
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
        let path = folder.path().join(name);
        let path = path.as_str();
        let file = self.perform(Action::CreateFile, path, || {
            openat2(
                folder,
                name,
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::from_raw_mode(0o600),
                ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
            )
        })?;
        self.perform(Action::Write, path, || {
            let mut rest = bytes;
            while !rest.is_empty() {
                match rustix::io::write(&file, rest) {
                    Ok(0) => return Err(Errno::IO),
                    Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(errno),
                }
            }
            Ok(())
        })?;
        if let Some(owner) = owner {
            self.perform(Action::SetOwner, path, || {
                let (uid, gid) = raw(owner);
                fchown(&file, Some(uid), Some(gid))
            })?;
        }
        self.perform(Action::SetMode, path, || {
            fchmod(&file, Mode::from_raw_mode(mode))
        })?;
        self.perform(Action::SyncFile, path, || fsync(&file))?;
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
        let temporary = temporary_name()?;
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
        let path = to.path().join(new);
        self.perform(Action::Rename, path.as_str(), || {
            renameat(from, old, to, new)
        })
    }

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn sync_directory(&self, folder: &Directory) -> Result<(), HostError> {
        let readable = folder.readable()?;
        self.perform(Action::SyncDirectory, folder.path().as_str(), || {
            fsync(&readable)
        })
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
        let path = folder.path().join(name);
        self.perform(action, path.as_str(), || {
            match unlinkat(folder, name, flags) {
                Err(Errno::NOENT) => Ok(()),
                other => other,
            }
        })
    }
}

/// Whether `name` is one of this program's temporary names, left by a run that was killed.
pub(crate) fn is_temporary_name(name: &str) -> bool {
    name.strip_prefix(STAGE_PREFIX).is_some_and(|rest| {
        rest.len() == 16
            && rest
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn temporary_name() -> Result<String, HostError> {
    let mut random = [0; 8];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| HostError::Random)?;
    Ok(format!(
        "{STAGE_PREFIX}{}",
        kubeplan_bundle::digest::to_hex(&random)
    ))
}

fn raw(owner: Owner) -> (Uid, Gid) {
    (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the tree they built"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

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
    fn temporary_names_are_recognised() {
        assert!(is_temporary_name(&temporary_name().unwrap()));
        for other in [
            "",
            ".kubeplan-stage-",
            ".kubeplan-stage-0123456789abcdeF",
            "kubeplan-stage-0123456789abcdef",
            ".kubeplan-stage-0123456789abcdef0",
        ] {
            assert!(!is_temporary_name(other), "{other}");
        }
    }
}

//! The directory tree that is the host: `/`, or the directory given with `--root`.
//!
//! In: names below the root. Out: open directories. The root is opened once; every later name is resolved one
//! component at a time from that handle with `openat2`, so nothing outside the tree can be reached by a
//! link, not even when another process changes the tree in the meantime.
//!
//! Symbolic links on the way to a directory (`/var/run` → `/run`) are followed when they are owned by root (or,
//! without privileges, by the invoking user), and are read as a process with this root would read them: an
//! absolute target starts at the root. A link that climbs above the root, that points to nothing inside it,
//! that another user owns, or that the kernel keeps for a process (`/proc/self/root`) is an error. A link as the
//! last component of a destination is never followed: [`super::Directory::inspect`] reports it as what it is.
//!
//! There are two kinds of walks. [`Root::open_directory`] returns a [`Directory`], in which things can be changed:
//! every directory on the way is compared with what is not a destination ([`super::guard`]). [`Root::view`] and
//! the `read` functions only look, also into `/proc` and `/sys`; a [`View`] cannot be changed.

mod find_guard;
#[cfg(test)]
mod tests;
mod walk;

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use kubeplan_bundle::secret::SecretBytes;
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use self::walk::{Passed, Purpose, Walked};
use super::beneath::open_beneath;
use super::directory::{Directory, Found, View};
use super::error::HostError;
use super::guard::Guard;
use super::owner::Owner;
use super::path::{RootPath, is_own};

/// The open root.
#[derive(Debug)]
pub(crate) struct Root {
    handle: OwnedFd,
    shown: String,
    live: bool,
    invoker: Owner,
    /// What is no destination, as found by the first walk to one.
    guard: Mutex<Option<Arc<Guard>>>,
}

impl Root {
    /// Opens the directory `path` as the root. Links in `path` itself are followed: the operator named it.
    ///
    /// # Errors
    /// [`HostError`] if it cannot be opened, is no directory, or the kernel lacks `openat2`.
    pub(crate) fn open(path: &Path) -> Result<Self, HostError> {
        let shown = path.display().to_string();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(CWD, path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOTDIR => HostError::NotADirectory {
                path: shown.clone(),
            },
            _ => HostError::io("open the root", &shown, errno),
        })?;
        // Asked for here, so that an old kernel is one clear error and not a failure half-way.
        open_beneath(handle.as_fd(), ".", flags, &shown)?;
        let running = openat(CWD, "/", flags, Mode::empty())
            .and_then(fstat)
            .map_err(|errno| HostError::io("open", "/", errno))?;
        let own = fstat(&handle).map_err(|errno| HostError::io("look at", &shown, errno))?;
        Ok(Self {
            handle,
            shown,
            live: (own.st_dev, own.st_ino) == (running.st_dev, running.st_ino),
            invoker: Owner {
                uid: rustix::process::geteuid().as_raw(),
                gid: rustix::process::getegid().as_raw(),
            },
            guard: Mutex::new(None),
        })
    }

    /// The root as the operator named it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The root's absolute path, for commands that are typed somewhere else.
    pub(crate) fn absolute(&self) -> String {
        super::local::absolute(Path::new(&self.shown))
    }

    /// Whether this is the running system's own `/`, and not a tree for it to be copied to.
    pub(crate) const fn is_live(&self) -> bool {
        self.live
    }

    /// Whether files can be given to any owner.
    pub(crate) const fn is_privileged(&self) -> bool {
        self.invoker.uid == 0
    }

    /// Who runs this program.
    pub(crate) const fn invoker(&self) -> Owner {
        self.invoker
    }

    /// Opens the directory `path`, to change something in it; `None` if it, or a directory on the way, does not exist.
    ///
    /// This program's own directories are opened by their own names only.
    ///
    /// # Errors
    /// [`HostError`] if the way leads over a link that is not followed, over something that is not a directory, or into a
    /// directory that is not a destination.
    pub(crate) fn open_directory(&self, path: &RootPath) -> Result<Option<Directory>, HostError> {
        if is_own(path) {
            return self.open_with(path, Purpose::Unguarded);
        }
        let guard = self.guard()?;
        let opened = self.open_with(path, Purpose::Destination(&guard));
        if !matches!(opened, Err(HostError::NotADestination { .. })) {
            return opened;
        }
        // The kernel gives the number of a directory that is gone to a new one: only what is so now counts.
        self.forget_guard();
        self.open_with(path, Purpose::Destination(&*self.guard()?))
    }

    /// Opens a directory on the way to one of this program's own; `None` if it does not exist.
    ///
    /// # Errors
    /// [`HostError`] if the way leads over a link that is not followed, or over something that is not a directory.
    pub(super) fn open_for_own(&self, path: &RootPath) -> Result<Option<Directory>, HostError> {
        self.open_with(path, Purpose::Unguarded)
    }

    /// Opens one of this program's own directories; `None` if it does not exist. `passed` is called for the root and for each
    /// directory that is entered on the way, also for those that only hold a link, before any name in it is looked up.
    ///
    /// # Errors
    /// As for [`Root::open_for_own`], and what `passed` returns.
    pub(super) fn open_checking(
        &self,
        path: &RootPath,
        passed: &Passed<'_>,
    ) -> Result<Option<Directory>, HostError> {
        self.open_with(path, Purpose::Own(passed))
    }

    /// Opens the directory `path`, only to look; `None` if it, or a directory on the way, does not exist.
    ///
    /// # Errors
    /// [`HostError`] if the way leads over a link that is not followed, or over something that is not a directory.
    pub(crate) fn view(&self, path: &RootPath) -> Result<Option<View>, HostError> {
        Ok(self.open_with(path, Purpose::Unguarded)?.map(View::of))
    }

    fn open_with(
        &self,
        path: &RootPath,
        purpose: Purpose<'_>,
    ) -> Result<Option<Directory>, HostError> {
        match self.walk(path, purpose)? {
            Walked::Missing => Ok(None),
            Walked::Directory(fd) => {
                let opened = Directory::new(fd, path.clone());
                match purpose {
                    Purpose::Unguarded | Purpose::Own(_) => Ok(Some(opened)),
                    Purpose::Destination(guard) => {
                        let kept = guard.kept_name(opened.inode()?);
                        Ok(Some(opened.keeping(kept)))
                    }
                }
            }
            Walked::Other { .. } => Err(HostError::NotADirectory {
                path: path.to_string(),
            }),
        }
    }

    /// What is no destination below this root.
    ///
    /// # Errors
    /// [`HostError`] if this program's own directories cannot be looked at.
    pub(super) fn guard(&self) -> Result<Arc<Guard>, HostError> {
        let mut known = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = &*known {
            return Ok(Arc::clone(guard));
        }
        let guard = Arc::new(Guard::find(self)?);
        *known = Some(Arc::clone(&guard));
        Ok(guard)
    }

    /// Lets the next walk look again for what is not a destination; called when a directory is made: one of this program's own can
    /// lie in it from now on.
    pub(crate) fn forget_guard(&self) {
        *self.guard.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The root itself.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// The content of a regular file of at most `limit` bytes; links to it are followed by the rules above.
    ///
    /// # Errors
    /// [`HostError`] if it cannot be read, is no regular file, or is larger.
    pub(crate) fn read(
        &self,
        path: &RootPath,
        limit: u64,
    ) -> Result<Option<SecretBytes>, HostError> {
        match self.walk(path, Purpose::Unguarded)? {
            Walked::Missing => Ok(None),
            Walked::Directory(_) => Err(HostError::NotAFile {
                path: path.to_string(),
            }),
            Walked::Other { parent, name } => {
                Directory::new(parent, path.parent()).read(&name, limit)
            }
        }
    }

    /// The last bytes of a regular file, at most `limit`; links to it are followed by the rules above.
    ///
    /// # Errors
    /// [`HostError`] if it cannot be read, or is not a regular file.
    pub(crate) fn read_end(
        &self,
        path: &RootPath,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, HostError> {
        match self.walk(path, Purpose::Unguarded)? {
            Walked::Missing => Ok(None),
            Walked::Directory(_) => Err(HostError::NotAFile {
                path: path.to_string(),
            }),
            Walked::Other { parent, name } => {
                Directory::new(parent, path.parent()).read_end(&name, limit)
            }
        }
    }

    /// As [`Root::read`], for text.
    ///
    /// # Errors
    /// As for [`Root::read`], or if the file is not UTF-8.
    pub(crate) fn read_text(
        &self,
        path: &RootPath,
        limit: u64,
    ) -> Result<Option<String>, HostError> {
        let Some(bytes) = self.read(path, limit)? else {
            return Ok(None);
        };
        match std::str::from_utf8(bytes.expose()) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(HostError::NotText {
                path: path.to_string(),
            }),
        }
    }

    /// What is at `path`; links to it are followed by the rules above.
    ///
    /// # Errors
    /// [`HostError`] if the way leads over a link that is not followed, or over something that is no directory.
    pub(crate) fn look(&self, path: &RootPath) -> Result<Found, HostError> {
        match self.walk(path, Purpose::Unguarded)? {
            Walked::Missing => Ok(Found::Missing),
            Walked::Directory(fd) => Directory::new(fd, path.clone())
                .meta()
                .map(Found::Directory),
            Walked::Other { parent, name } => Directory::new(parent, path.parent()).inspect(&name),
        }
    }
}

//! One open directory, and what lies in it.
//!
//! In: the name of an entry. Out: what kind of thing it is, its mode and owner, its bytes. No link is
//! followed, and a FIFO or a device is never opened for reading. Nothing here changes anything.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kubeplan_bundle::secret::SecretBytes;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, StatVfsMountFlags, StatxFlags, fstat,
    fstatvfs, openat, openat2, statat, statx,
};
use rustix::io::Errno;

use super::attributes::Attributes;
use super::beneath::open_beneath;
use super::error::{HostError, Refusal};
use super::inode::Inode;
use super::owner::Owner;
use super::path::RootPath;

/// An open directory below the root.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    path: RootPath,
    /// A name in it that belongs to this program, and is not to be touched.
    kept: Option<&'static str>,
}

/// An open directory that is only looked at: nothing that changes a host takes one.
#[derive(Debug)]
pub(crate) struct View(Directory);

/// The content of a file, with the mode and owner of the very file that was read.
#[derive(Debug)]
pub(crate) struct Content {
    /// Mode, owner and size.
    pub(crate) meta: FileMeta,
    /// The bytes; `None` if there are too many.
    pub(crate) bytes: Option<SecretBytes>,
}

/// What is free on a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// Bytes.
    pub(crate) bytes: u64,
    /// Files and directories; absent if the filesystem does not count them.
    pub(crate) inodes: Option<u64>,
    /// Whether it is mounted read-only, there or everywhere.
    pub(crate) read_only: bool,
}

/// Mode, owner and size of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileMeta {
    /// Permission bits, with set-uid, set-gid and sticky.
    pub(crate) mode: u32,
    /// Owner and group.
    pub(crate) owner: Owner,
    /// Bytes.
    pub(crate) size: u64,
}

impl From<Stat> for FileMeta {
    fn from(stat: Stat) -> Self {
        Self {
            mode: stat.st_mode & 0o7777,
            owner: Owner {
                uid: stat.st_uid,
                gid: stat.st_gid,
            },
            size: u64::try_from(stat.st_size).unwrap_or_default(),
        }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Missing,
    /// A regular file.
    File(FileMeta),
    /// A directory.
    Directory(FileMeta),
    /// A symbolic link, wherever it leads.
    Link,
    /// A FIFO, a socket or a device.
    Special(&'static str),
}

impl Directory {
    pub(super) const fn new(fd: OwnedFd, path: RootPath) -> Self {
        Self {
            fd,
            path,
            kept: None,
        }
    }

    /// The same directory, in which this name belongs to the program.
    pub(super) fn keeping(mut self, kept: Option<&'static str>) -> Self {
        self.kept = kept;
        self
    }

    /// Which directory it is, by whatever path.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(super) fn inode(&self) -> Result<Inode, HostError> {
        fstat(&self.fd)
            .map(|stat| Inode::of(&stat))
            .map_err(|errno| HostError::io("look at", self.path.as_str(), errno))
    }

    /// Refuses the names in it that belong to the program.
    ///
    /// # Errors
    /// [`HostError::NotADestination`].
    pub(crate) fn check_name(&self, name: &str) -> Result<(), HostError> {
        if self.kept == Some(name) {
            return Err(HostError::NotADestination {
                path: self.path.join(name).to_string(),
                reason: Refusal::Own,
            });
        }
        Ok(())
    }

    /// Its path below the root.
    pub(crate) const fn path(&self) -> &RootPath {
        &self.path
    }

    /// Mode and owner of the directory itself.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(crate) fn meta(&self) -> Result<FileMeta, HostError> {
        fstat(&self.fd)
            .map(FileMeta::from)
            .map_err(|errno| HostError::io("look at", self.path.as_str(), errno))
    }

    /// The mount the directory is on: files can be renamed within one only. The second number is 0 before Linux 5.8.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(crate) fn mount(&self) -> Result<(u64, u64), HostError> {
        let failed = |errno| HostError::io("look at", self.path.as_str(), errno);
        let device = fstat(&self.fd).map_err(failed)?.st_dev;
        let flags = AtFlags::EMPTY_PATH;
        let mount = match statx(&self.fd, "", flags, StatxFlags::MNT_ID) {
            Ok(found) if found.stx_mask & StatxFlags::MNT_ID.bits() != 0 => found.stx_mnt_id,
            Ok(_) | Err(Errno::NOSYS | Errno::INVAL) => 0,
            Err(errno) => return Err(failed(errno)),
        };
        Ok((device, mount))
    }

    /// Whether something is mounted on the very name, so that it can be neither replaced nor removed. `false` before Linux 5.8.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(crate) fn is_mount_point(&self, name: &str) -> Result<bool, HostError> {
        let (_, own) = self.mount()?;
        match statx(
            &self.fd,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
            StatxFlags::MNT_ID,
        ) {
            Ok(found) => Ok(own != 0
                && found.stx_mask & StatxFlags::MNT_ID.bits() != 0
                && found.stx_mnt_id != own),
            Err(Errno::NOENT | Errno::NOSYS | Errno::INVAL) => Ok(false),
            Err(errno) => Err(HostError::io(
                "look at",
                self.path.join(name).as_str(),
                errno,
            )),
        }
    }

    /// How much can still be written to the filesystem the directory is on.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(crate) fn space(&self) -> Result<Space, HostError> {
        let stat = fstatvfs(&self.fd)
            .map_err(|errno| HostError::io("look at", self.path.as_str(), errno))?;
        Ok(Space {
            bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            // Filesystems without a table of inodes say that they have none at all.
            inodes: (stat.f_files > 0).then_some(stat.f_favail),
            read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }

    /// What `name` stands for here; a link is reported, not followed.
    ///
    /// # Errors
    /// [`HostError::Io`] if it cannot be looked at.
    pub(crate) fn inspect(&self, name: &str) -> Result<Found, HostError> {
        let stat = match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Found::Missing),
            Err(errno) => {
                return Err(HostError::io(
                    "look at",
                    self.path.join(name).as_str(),
                    errno,
                ));
            }
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Found::File(stat.into()),
            FileType::Directory => Found::Directory(stat.into()),
            FileType::Symlink => Found::Link,
            FileType::Fifo => Found::Special("a FIFO"),
            FileType::Socket => Found::Special("a socket"),
            FileType::CharacterDevice | FileType::BlockDevice => Found::Special("a device"),
            _ => Found::Special("something unknown"),
        })
    }

    /// The bytes of the regular file `name`, at most `limit`; `None` if it does not exist.
    ///
    /// # Errors
    /// [`HostError`] if it cannot be read, is no regular file, or is larger.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<SecretBytes>, HostError> {
        let Some(file) = self.open_file(name)? else {
            return Ok(None);
        };
        read_open_file(file, self.path.join(name).as_str(), limit).map(Some)
    }

    /// The regular file `name`, with the mode and owner of what was read; `None` if it does not exist.
    ///
    /// # Errors
    /// [`HostError`] if it cannot be read, or is not a regular file.
    pub(crate) fn content(&self, name: &str, limit: u64) -> Result<Option<Content>, HostError> {
        let Some(file) = self.open_file(name)? else {
            return Ok(None);
        };
        content_of(file, self.path.join(name).as_str(), limit).map(Some)
    }

    /// As [`Self::content`], with the extended attributes of the same file that outlive a change.
    ///
    /// # Errors
    /// As for [`Self::content`].
    pub(crate) fn content_and_attributes(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Option<(Content, Attributes)>, HostError> {
        let Some(file) = self.open_file(name)? else {
            return Ok(None);
        };
        let path = self.path.join(name);
        let attributes = Attributes::read(&file, path.as_str())?;
        content_of(file, path.as_str(), limit).map(|content| Some((content, attributes)))
    }

    /// The last bytes of the regular file `name`, at most `limit`; `None` if it does not exist.
    ///
    /// # Errors
    /// [`HostError`] if it cannot be read, or is not a regular file.
    pub(crate) fn read_end(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, HostError> {
        let Some(mut file) = self.open_file(name)? else {
            return Ok(None);
        };
        let path = self.path.join(name);
        let failed = |error| HostError::io("read", path.as_str(), error);
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        file.seek(SeekFrom::Start(length.saturating_sub(limit)))
            .map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Opens the file `name` for reading, and looks at what was opened: there is no second look at the name. Opening a FIFO
    /// does not wait.
    fn open_file(&self, name: &str) -> Result<Option<File>, HostError> {
        let path = self.path.join(name);
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let not_a_file = || HostError::NotAFile {
            path: path.to_string(),
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let fd = match openat2(&self.fd, name, flags, Mode::empty(), resolve) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOSYS) => return Err(HostError::NoOpenat2),
            // A link, a socket or a device without a driver.
            Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Err(not_a_file()),
            Err(errno) => return Err(HostError::io("open", path.as_str(), errno)),
        };
        let stat = fstat(&fd).map_err(|errno| HostError::io("look at", path.as_str(), errno))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Some(File::from(fd))),
            _ => Err(not_a_file()),
        }
    }

    /// The names in this directory, sorted; names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// [`HostError::Io`] if the directory cannot be listed.
    pub(crate) fn names(&self) -> Result<Vec<String>, HostError> {
        self.names_that(|_| true)
    }

    /// As [`Self::names`], but only those that are `wanted`: any user can fill a directory of theirs with the others.
    ///
    /// # Errors
    /// [`HostError::Io`] if the directory cannot be listed.
    pub(crate) fn names_that(
        &self,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<String>, HostError> {
        let failed = |errno: Errno| HostError::io("list", self.path.as_str(), errno);
        let readable = self.readable()?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&readable).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) if wanted(name) => names.push(name.to_owned()),
                Ok(_) => {}
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// How many `wanted` names in this directory are not UTF-8: no list of names has them, but other programs read such files.
    ///
    /// # Errors
    /// [`HostError::Io`] if the directory cannot be listed.
    pub(crate) fn names_without_text(
        &self,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<usize, HostError> {
        let failed = |errno: Errno| HostError::io("list", self.path.as_str(), errno);
        let readable = self.readable()?;
        let mut count = 0_usize;
        for entry in Dir::read_from(&readable).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            count += usize::from(name.to_str().is_err() && wanted(name.to_bytes()));
        }
        Ok(count)
    }

    /// Whether it is as a stage is: closed to all users but `owner`, with nothing in it but regular files that are numbered as
    /// [`crate::install`] numbers them.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(crate) fn is_stage_of(&self, owner: u32) -> Result<bool, HostError> {
        let meta = self.meta()?;
        if meta.owner.uid != owner || meta.mode & 0o077 != 0 {
            return Ok(false);
        }
        let Ok(handle) = self.readable() else {
            // A stage whose run was stopped before it got its mode may not be listed; it is empty.
            return Ok(true);
        };
        let failed = |errno: Errno| HostError::io("list", self.path.as_str(), errno);
        for entry in Dir::read_from(&handle).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = match entry.file_name().to_str() {
                Ok("." | "..") => continue,
                Ok(name) => name,
                Err(_) => return Ok(false),
            };
            let is_number = name
                .parse::<u32>()
                .is_ok_and(|number| number.to_string() == name);
            if !is_number || !matches!(self.inspect(name)?, Found::File(_) | Found::Missing) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The directory `name` in this one; `None` if it does not exist.
    pub(crate) fn open(&self, name: &str) -> Result<Option<Self>, HostError> {
        self.check_name(name)?;
        let path = self.path.join(name);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(
            open_beneath(self.fd.as_fd(), name, flags, path.as_str())?
                .map(|fd| Self::new(fd, path)),
        )
    }

    /// Another handle of the same directory.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(super) fn duplicate(&self) -> Result<Self, HostError> {
        self.fd
            .try_clone()
            .map(|fd| Self::new(fd, self.path.clone()).keeping(self.kept))
            .map_err(|error| HostError::io("open", self.path.as_str(), error))
    }

    /// A handle that can be listed, synced and locked; the one inside only names the directory.
    pub(super) fn readable(&self) -> Result<OwnedFd, HostError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.fd, ".", flags, Mode::empty())
            .map_err(|errno| HostError::io("open", self.path.as_str(), errno))
    }
}

impl View {
    /// A directory, only to look.
    pub(super) const fn of(directory: Directory) -> Self {
        Self(directory)
    }

    /// As [`Directory::inspect`].
    ///
    /// # Errors
    /// [`HostError::Io`] if it cannot be looked at.
    pub(crate) fn inspect(&self, name: &str) -> Result<Found, HostError> {
        self.0.inspect(name)
    }

    /// As [`Directory::names`].
    ///
    /// # Errors
    /// [`HostError::Io`] if the directory cannot be listed.
    pub(crate) fn names(&self) -> Result<Vec<String>, HostError> {
        self.0.names()
    }

    /// As [`Directory::names_that`].
    ///
    /// # Errors
    /// [`HostError::Io`] if the directory cannot be listed.
    pub(crate) fn names_that(
        &self,
        wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<String>, HostError> {
        self.0.names_that(wanted)
    }

    /// As [`Directory::names_without_text`].
    ///
    /// # Errors
    /// As for [`Directory::names_without_text`].
    pub(crate) fn names_without_text(
        &self,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<usize, HostError> {
        self.0.names_without_text(wanted)
    }

    /// The directory `name` in this one; `None` if it does not exist.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(crate) fn open(&self, name: &str) -> Result<Option<Self>, HostError> {
        Ok(self.0.open(name)?.map(Self))
    }

    pub(super) fn readable(&self) -> Result<OwnedFd, HostError> {
        self.0.readable()
    }
}

impl AsFd for View {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The content of an open file, with its mode and owner.
fn content_of(file: File, path: &str, limit: u64) -> Result<Content, HostError> {
    let meta = fstat(&file)
        .map(FileMeta::from)
        .map_err(|errno| HostError::io("look at", path, errno))?;
    let bytes = match read_open_file(file, path, limit) {
        Ok(bytes) => Some(bytes),
        Err(HostError::TooLarge { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Content { meta, bytes })
}

/// Reads an open file to its end; only a regular one, and at most `limit` bytes.
pub(super) fn read_open_file(
    file: File,
    shown: &str,
    limit: u64,
) -> Result<SecretBytes, HostError> {
    let failed = |error: std::io::Error| HostError::io("read", shown, error);
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(HostError::NotAFile { path: shown.into() });
    }
    read_bounded(file, metadata.len(), shown, limit)
}

/// Reads a pipe to its end, at most `limit` bytes.
pub(super) fn read_pipe(file: File, shown: &str, limit: u64) -> Result<SecretBytes, HostError> {
    read_bounded(file, limit, shown, limit)
}

fn read_bounded(
    file: File,
    expected: u64,
    shown: &str,
    limit: u64,
) -> Result<SecretBytes, HostError> {
    let failed = |error: std::io::Error| HostError::io("read", shown, error);
    // The whole size at once: a buffer that grows leaves copies of a secret behind.
    let capacity = expected.min(limit).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(capacity).unwrap_or_default());
    let outcome = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    let secret = SecretBytes::new(bytes);
    outcome.map_err(failed)?;
    if secret.len() as u64 > limit {
        return Err(HostError::TooLarge {
            path: shown.into(),
            limit,
        });
    }
    Ok(secret)
}

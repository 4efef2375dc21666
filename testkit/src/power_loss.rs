//! A model of a power failure: undoes the changes that were not synced when the power failed.
//!
//! In: each change as it happens, each sync. Out: at the end, the tree as it could be found after the failure. The model is as
//! harsh as the kernel may be: names are lost unless their directory was synced, bytes and extended attributes unless their file was; of bytes that
//! were being written, half arrive. A rename counts as durable once one of its two directories was synced, and as a
//! whole, as on every journaling file system.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid, XattrFlags, fchmod, fchown,
    fgetxattr, flistxattr, fremovexattr, fsetxattr, fstat, ftruncate, mkdirat, openat, renameat,
    renameat_with, statat, unlinkat,
};

/// A name in an open directory.
type Name<'a> = (BorrowedFd<'a>, &'a str);

/// Changes that were not synced, oldest first.
#[derive(Debug, Default)]
pub struct Unsynced {
    changes: RefCell<Vec<Change>>,
    /// What the action that is about to happen replaces or removes.
    losing: RefCell<Option<Saved>>,
}

/// A thing in a directory.
#[derive(Debug)]
struct At {
    directory: OwnedFd,
    name: String,
}

/// What a name stood for.
#[derive(Debug)]
enum Saved {
    File(Vec<u8>, Stat, Vec<(String, Vec<u8>)>),
    Directory(Stat),
}

#[derive(Debug)]
enum Change {
    Created(At),
    Moved(At, At, Option<Saved>),
    Exchanged(At, At),
    Removed(At, Saved),
    Written(OwnedFd, u64),
    Attributed(OwnedFd, String),
}

type Inode = (u64, u64);

impl At {
    /// `None` if the directory's handle cannot be copied, which a test would notice by its outcome.
    fn new((directory, name): Name<'_>) -> Option<Self> {
        Some(Self {
            directory: directory.try_clone_to_owned().ok()?,
            name: name.to_owned(),
        })
    }

    fn restore(&self, saved: &Saved) {
        match saved {
            Saved::File(bytes, stat, attributes) => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
                if let Ok(file) =
                    openat(&self.directory, &self.name, flags, Mode::RUSR | Mode::WUSR)
                {
                    let mut file = File::from(file);
                    let _ = file.write_all(bytes);
                    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
                    let _ = fchown(&file, Some(uid), Some(gid));
                    let _ = fchmod(&file, mode(stat));
                    for (name, value) in attributes {
                        let _ = fsetxattr(&file, name.as_str(), value, XattrFlags::empty());
                    }
                }
            }
            Saved::Directory(stat) => {
                let _ = mkdirat(&self.directory, &self.name, mode(stat));
            }
        }
    }

    fn is_in(&self, inode: Inode) -> bool {
        inode_of(&self.directory) == Some(inode)
    }
}

impl Unsynced {
    /// The thing of this name is about to be replaced or removed.
    pub(crate) fn save(&self, directory: BorrowedFd<'_>, name: &str) {
        self.losing.replace(saved(directory, name));
    }

    /// A file or directory was created.
    pub fn created(&self, directory: BorrowedFd<'_>, name: &str) {
        self.push(At::new((directory, name)).map(Change::Created));
    }

    /// A file or directory got another name, which was free.
    pub fn moved(&self, from: Name<'_>, to: Name<'_>) {
        self.renamed(from, to, None);
    }

    /// A file got another name, and what had that name is gone.
    pub fn replaced(&self, from: Name<'_>, to: Name<'_>) {
        let losing = self.losing.take();
        self.renamed(from, to, losing);
    }

    /// Two files changed their names.
    pub fn exchanged(&self, one: Name<'_>, other: Name<'_>) {
        let both = At::new(one).zip(At::new(other));
        self.push(both.map(|(one, other)| Change::Exchanged(one, other)));
    }

    /// A file or directory was removed, if there was one.
    pub fn removed(&self, directory: BorrowedFd<'_>, name: &str) {
        let removed = At::new((directory, name)).zip(self.losing.take());
        self.push(removed.map(|(at, saved)| Change::Removed(at, saved)));
    }

    /// Bytes are written to a file that has `before` of them.
    pub fn written(&self, file: BorrowedFd<'_>, before: u64) {
        let file = file.try_clone_to_owned().ok();
        self.push(file.map(|file| Change::Written(file, before)));
    }

    /// A file got an extended attribute that it did not have.
    pub fn attributed(&self, file: BorrowedFd<'_>, name: &str) {
        let file = file.try_clone_to_owned().ok();
        self.push(file.map(|file| Change::Attributed(file, name.to_owned())));
    }

    /// The bytes and attributes of a file were synced.
    pub fn synced_file(&self, file: BorrowedFd<'_>) {
        let inode = inode_of(file);
        self.changes.borrow_mut().retain(|change| match change {
            Change::Written(other, _) | Change::Attributed(other, _) => inode_of(other) != inode,
            _ => true,
        });
    }

    /// The names in a directory were synced.
    pub fn synced_directory(&self, directory: BorrowedFd<'_>) {
        let Some(inode) = inode_of(directory) else {
            return;
        };
        self.changes.borrow_mut().retain(|change| match change {
            Change::Created(at) | Change::Removed(at, _) => !at.is_in(inode),
            Change::Moved(one, other, _) | Change::Exchanged(one, other) => {
                !one.is_in(inode) && !other.is_in(inode)
            }
            Change::Written(..) | Change::Attributed(..) => true,
        });
    }

    /// The power fails.
    pub(crate) fn lose(&self) {
        let mut changes = self.changes.borrow_mut();
        while let Some(change) = changes.pop() {
            match change {
                Change::Created(at) => remove(at.directory.as_fd(), &at.name),
                Change::Moved(from, to, replaced) => {
                    let _ = renameat(&to.directory, &to.name, &from.directory, &from.name);
                    if let Some(saved) = replaced {
                        to.restore(&saved);
                    }
                }
                Change::Exchanged(one, other) => {
                    let _ = renameat_with(
                        &one.directory,
                        &one.name,
                        &other.directory,
                        &other.name,
                        RenameFlags::EXCHANGE,
                    );
                }
                Change::Removed(at, saved) => at.restore(&saved),
                Change::Attributed(file, name) => drop(fremovexattr(&file, name.as_str())),
                Change::Written(file, before) => {
                    if let Ok(stat) = fstat(&file) {
                        let size = u64::try_from(stat.st_size).unwrap_or_default();
                        let _ = ftruncate(&file, before + size.saturating_sub(before) / 2);
                    }
                }
            }
        }
    }

    fn renamed(&self, from: Name<'_>, to: Name<'_>, replaced: Option<Saved>) {
        let both = At::new(from).zip(At::new(to));
        self.push(both.map(|(from, to)| Change::Moved(from, to, replaced)));
    }

    fn push(&self, change: Option<Change>) {
        self.changes.borrow_mut().extend(change);
    }
}

fn mode(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode & 0o7777)
}

/// What the name stands for now.
fn saved(directory: BorrowedFd<'_>, name: &str) -> Option<Saved> {
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
            let mut file = File::from(openat(directory, name, flags, Mode::empty()).ok()?);
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).ok()?;
            let attributes = attributes(file.as_fd());
            Some(Saved::File(bytes, stat, attributes))
        }
        FileType::Directory => Some(Saved::Directory(stat)),
        _ => None,
    }
}

/// The extended attributes of a file; none if its file system has none.
fn attributes(file: BorrowedFd<'_>) -> Vec<(String, Vec<u8>)> {
    let mut names = vec![0; 64 * 1024];
    let length = flistxattr(file, names.as_mut_slice()).unwrap_or_default();
    names.truncate(length);
    let names = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    names
        .filter_map(|name| {
            let name = String::from_utf8(name.to_vec()).ok()?;
            let mut value = vec![0; 64 * 1024];
            let length = fgetxattr(file, name.as_str(), value.as_mut_slice()).ok()?;
            value.truncate(length);
            Some((name, value))
        })
        .collect()
}

fn inode_of(fd: impl AsFd) -> Option<Inode> {
    fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

/// Removes a file, or a directory with what is in it.
fn remove(directory: BorrowedFd<'_>, name: &str) {
    if unlinkat(directory, name, AtFlags::empty()).is_ok() {
        return;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    if let Ok(below) = openat(directory, name, flags, Mode::empty()) {
        for entry in Dir::read_from(&below).into_iter().flatten().flatten() {
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                remove(below.as_fd(), name);
            }
        }
        let _ = unlinkat(directory, name, AtFlags::REMOVEDIR);
    }
}

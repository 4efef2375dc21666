//! A model of a power failure, for tests: what was not synced when the power went is undone.
//!
//! In: each change as it happens, each sync. Out: at the end, the tree as it could be found after the failure. The model is as
//! harsh as the kernel may be: names are lost unless their folder was synced, bytes unless their file was; of bytes that
//! were being written, half arrive. A rename counts as durable once one of its two folders was synced, and as a
//! whole, as on every journaling file system.

use std::cell::RefCell;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, Uid, fchmod, fchown, fstat, ftruncate, mkdirat,
    openat, renameat, renameat_with, unlinkat,
};

use super::directory::Directory;
use super::{FileMeta, Found};

/// Changes that were not synced, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unsynced(RefCell<Vec<Change>>);

/// A thing in a folder.
#[derive(Debug)]
pub(super) struct At {
    folder: Directory,
    name: String,
}

/// What a name stood for.
#[derive(Debug)]
pub(super) enum Saved {
    File(Vec<u8>, FileMeta),
    Directory(FileMeta),
}

#[derive(Debug)]
enum Change {
    Created(At),
    Moved(At, At, Option<Saved>),
    Exchanged(At, At),
    Removed(At, Saved),
    Written(OwnedFd, u64),
}

type Inode = (u64, u64);

impl At {
    /// `None` if the folder's handle cannot be copied, which a test would notice by its outcome.
    pub(super) fn new(folder: &Directory, name: &str) -> Option<Self> {
        Some(Self {
            folder: folder.duplicate().ok()?,
            name: name.to_owned(),
        })
    }

    /// What is there now.
    pub(super) fn save(&self) -> Option<Saved> {
        match self.folder.inspect(&self.name).ok()? {
            Found::File(meta) => {
                let bytes = self.folder.read(&self.name, u64::MAX - 1).ok()??;
                Some(Saved::File(bytes.expose().to_vec(), meta))
            }
            Found::Directory(meta) => Some(Saved::Directory(meta)),
            _ => None,
        }
    }

    fn restore(&self, saved: &Saved) {
        let owner = |meta: &FileMeta| {
            (
                Some(Uid::from_raw(meta.owner.uid)),
                Some(Gid::from_raw(meta.owner.gid)),
            )
        };
        match saved {
            Saved::File(bytes, meta) => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
                if let Ok(file) = openat(&self.folder, &self.name, flags, Mode::RUSR | Mode::WUSR) {
                    let _ = rustix::io::write(&file, bytes);
                    let (uid, gid) = owner(meta);
                    let _ = fchown(&file, uid, gid);
                    let _ = fchmod(&file, Mode::from_raw_mode(meta.mode));
                }
            }
            Saved::Directory(meta) => {
                let _ = mkdirat(&self.folder, &self.name, Mode::from_raw_mode(meta.mode));
            }
        }
    }

    fn is_in(&self, inode: Inode) -> bool {
        inode_of(&self.folder) == Some(inode)
    }
}

impl Unsynced {
    pub(super) fn created(&self, at: Option<At>) {
        self.push(at.map(Change::Created));
    }

    pub(super) fn moved(&self, from: Option<At>, to: Option<At>, replaced: Option<Saved>) {
        self.push(
            from.zip(to)
                .map(|(from, to)| Change::Moved(from, to, replaced)),
        );
    }

    pub(super) fn exchanged(&self, one: Option<At>, other: Option<At>) {
        self.push(
            one.zip(other)
                .map(|(one, other)| Change::Exchanged(one, other)),
        );
    }

    pub(super) fn removed(&self, at: Option<At>, saved: Option<Saved>) {
        self.push(at.zip(saved).map(|(at, saved)| Change::Removed(at, saved)));
    }

    /// Bytes were written to a file that had `before` of them.
    pub(super) fn written(&self, file: &OwnedFd, before: u64) {
        self.push(
            file.try_clone()
                .ok()
                .map(|file| Change::Written(file, before)),
        );
    }

    pub(super) fn synced_file(&self, file: &OwnedFd) {
        let inode = inode_of(file);
        self.0.borrow_mut().retain(
            |change| !matches!(change, Change::Written(other, _) if inode_of(other) == inode),
        );
    }

    pub(super) fn synced_directory(&self, folder: &Directory) {
        let Some(inode) = inode_of(folder) else {
            return;
        };
        self.0.borrow_mut().retain(|change| match change {
            Change::Created(at) | Change::Removed(at, _) => !at.is_in(inode),
            Change::Moved(one, other, _) | Change::Exchanged(one, other) => {
                !one.is_in(inode) && !other.is_in(inode)
            }
            Change::Written(..) => true,
        });
    }

    /// The power fails.
    pub(super) fn lose(&self) {
        let mut changes = self.0.borrow_mut();
        while let Some(change) = changes.pop() {
            match change {
                Change::Created(at) => remove(&at.folder, &at.name),
                Change::Moved(from, to, replaced) => {
                    let _ = renameat(&to.folder, &to.name, &from.folder, &from.name);
                    if let Some(saved) = replaced {
                        to.restore(&saved);
                    }
                }
                Change::Exchanged(one, other) => {
                    let _ = renameat_with(
                        &one.folder,
                        &one.name,
                        &other.folder,
                        &other.name,
                        RenameFlags::EXCHANGE,
                    );
                }
                Change::Removed(at, saved) => at.restore(&saved),
                Change::Written(file, before) => {
                    if let Ok(stat) = fstat(&file) {
                        let size = u64::try_from(stat.st_size).unwrap_or_default();
                        let _ = ftruncate(&file, before + size.saturating_sub(before) / 2);
                    }
                }
            }
        }
    }

    fn push(&self, change: Option<Change>) {
        self.0.borrow_mut().extend(change);
    }
}

fn inode_of(fd: impl std::os::fd::AsFd) -> Option<Inode> {
    fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

/// Removes a file, or a folder with what is in it.
fn remove(folder: &Directory, name: &str) {
    if unlinkat(folder, name, AtFlags::empty()).is_ok() {
        return;
    }
    if let Ok(Some(below)) = folder.open(name) {
        for name in below.names().unwrap_or_default() {
            remove(&below, &name);
        }
        let _ = unlinkat(folder, name, AtFlags::REMOVEDIR);
    }
}

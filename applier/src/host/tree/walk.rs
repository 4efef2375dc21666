//! The way down a tree and back up.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::list::{Listing, list, odd_names};
use super::{Census, Stays};
use crate::host::directory::{Directory, Found};
use crate::host::durable::Actions;
use crate::host::error::HostError;
use crate::host::guard::Guard;
use crate::host::inode::Inode;
use crate::host::path::{RootPath, is_own};
use crate::host::root::Root;

/// Directories of a path that are shown; of a longer path the first and last ones are.
const SHOWN_FIRST: usize = 16;
const SHOWN_LAST: usize = 4;

/// Things that stay and are named one by one; of more there is a number.
const NAMED: usize = 100;

enum Entered {
    Directory(Directory),
    MountPoint,
    Gone,
}

/// A directory on the way down.
struct Frame {
    name: String,
    inode: Inode,
    /// Directories in it that are still to be entered, the next one last.
    pending: Vec<String>,
    /// Something in it stays.
    stays: bool,
}

/// Counts a tree, or takes it away.
pub(super) struct Walker<'a> {
    /// `None` only counts.
    actions: Option<&'a Actions>,
    /// What is not entered, besides mount points.
    guard: Option<Arc<Guard>>,
    top: RootPath,
    census: Census,
    /// More that stays than is named.
    more: usize,
}

impl<'a> Walker<'a> {
    pub(super) fn new(
        root: &Root,
        dir: &Directory,
        actions: Option<&'a Actions>,
    ) -> Result<Self, HostError> {
        let guarded = !is_own(dir.path());
        Ok(Self {
            actions,
            guard: guarded.then(|| root.guard()).transpose()?,
            top: dir.path().clone(),
            census: Census::default(),
            more: 0,
        })
    }

    pub(super) fn found(mut self) -> Census {
        if self.more > 0 {
            self.census.stays.push(Stays {
                path: self.top,
                reason: Cow::Owned(format!("{} more in it stay", self.more)),
                mounted: false,
                failed: self.census.stays.iter().any(|stays| stays.failed),
            });
        }
        self.census
    }

    fn stays(&mut self, stays: Stays) {
        // Mount points are looked for by their paths, and there are few.
        if stays.mounted || self.census.stays.len() < NAMED {
            self.census.stays.push(stays);
        } else {
            self.more += 1;
        }
    }

    /// Names what could not be removed.
    fn failed(&mut self, path: RootPath, error: HostError) -> Result<(), HostError> {
        let stays = Stays::failed(path, error)?;
        self.stays(stays);
        Ok(())
    }

    /// Also after a failure: what is gone should stay gone.
    pub(super) fn sync(&mut self, dir: &Directory) -> Result<(), HostError> {
        if let Some(actions) = self.actions
            && let Err(error) = actions.sync_directory(dir)
        {
            self.failed(dir.path().clone(), error)?;
        }
        Ok(())
    }

    pub(super) fn one(&mut self, dir: &Directory, name: &str) -> Result<(), HostError> {
        match dir.inspect(name)? {
            Found::Missing => Ok(()),
            Found::Directory(_) => {
                let frame = Frame {
                    name: String::new(),
                    inode: dir.inode()?,
                    pending: vec![name.to_owned()],
                    stays: false,
                };
                self.descend(dir, frame)
            }
            Found::File(_) | Found::Link | Found::Special(_) => self.file(dir, name).map(drop),
        }
    }

    pub(super) fn everything_in(&mut self, dir: &Directory) -> Result<(), HostError> {
        let frame = self.visit(dir, String::new())?;
        self.descend(dir, frame)
    }

    /// Counts or removes something that is no directory. Returns whether it stays.
    fn file(&mut self, dir: &Directory, name: &str) -> Result<bool, HostError> {
        self.census.files += 1;
        let Some(actions) = self.actions else {
            return Ok(false);
        };
        match actions.remove_file(dir, name) {
            Ok(()) => Ok(false),
            Err(error) => {
                self.failed(dir.path().join(name), error)?;
                Ok(true)
            }
        }
    }

    /// Deals with what is in a directory but the directories there.
    fn visit(&mut self, dir: &Directory, name: String) -> Result<Frame, HostError> {
        let mut frame = Frame {
            name,
            inode: dir.inode()?,
            pending: Vec::new(),
            stays: false,
        };
        let Listing {
            files,
            mut directories,
            odd,
        } = match list(dir) {
            Ok(listing) => listing,
            Err(error) => {
                self.failed(dir.path().clone(), error)?;
                frame.stays = true;
                return Ok(frame);
            }
        };
        if odd {
            self.stays(odd_names(dir));
            frame.stays = true;
        }
        for file in files {
            frame.stays |= self.file(dir, &file)?;
        }
        directories.reverse();
        frame.pending = directories;
        Ok(frame)
    }

    fn descend(&mut self, top: &Directory, first: Frame) -> Result<(), HostError> {
        let mut here = top.duplicate()?;
        let mut way = vec![first];
        while let Some(frame) = way.last_mut() {
            let Some(name) = frame.pending.pop() else {
                let Some(done) = way.pop() else { break };
                if way.is_empty() {
                    break;
                }
                here = self.leave(top, here, &mut way, &done)?;
                continue;
            };
            let path = self.path(&way, &name);
            match enter(&here, &name, path.clone()) {
                Ok(Entered::Directory(inner)) => {
                    let refusal = match &self.guard {
                        Some(guard) => guard.refusal(inner.inode()?),
                        None => None,
                    };
                    if let Some(refusal) = refusal {
                        self.stays(Stays {
                            reason: Cow::Owned(refusal.to_string()),
                            ..Stays::left(path, "")
                        });
                        mark(&mut way);
                        continue;
                    }
                    self.census.directories += 1;
                    way.push(self.visit(&inner, name)?);
                    here = inner;
                }
                Ok(Entered::MountPoint) => {
                    self.stays(Stays {
                        mounted: true,
                        ..Stays::left(path, "it is a mount point")
                    });
                    mark(&mut way);
                }
                Ok(Entered::Gone) => {}
                Err(error) => {
                    self.failed(path, error)?;
                    mark(&mut way);
                }
            }
        }
        Ok(())
    }

    /// Goes up from a directory that is done with, and removes it if it is empty. Returns the directory it was in.
    fn leave(
        &mut self,
        top: &Directory,
        here: Directory,
        way: &mut Vec<Frame>,
        done: &Frame,
    ) -> Result<Directory, HostError> {
        if done.stays {
            self.sync(&here)?;
            mark(way);
        }
        let parent = match up(&here, way, self.path(way, "")) {
            Some(parent) => parent,
            None => {
                drop(here);
                let (parent, moved) = self.back(top, way)?;
                if moved {
                    return Ok(parent);
                }
                parent
            }
        };
        if let Some(actions) = self.actions.filter(|_| !done.stays)
            && let Err(error) = actions.remove_directory(&parent, &done.name)
        {
            self.failed(self.path(way, &done.name), error)?;
            mark(way);
        }
        Ok(parent)
    }

    /// Finds the way again from the top, as far as it is still there. Returns the innermost directory, and whether some of the way was
    /// moved.
    fn back(
        &mut self,
        top: &Directory,
        way: &mut Vec<Frame>,
    ) -> Result<(Directory, bool), HostError> {
        let mut here = top.duplicate()?;
        for at in 1..way.len() {
            let Some((before, frame)) = way
                .split_at_checked(at)
                .and_then(|(before, after)| after.first().map(|frame| (before, frame)))
            else {
                break;
            };
            let path = self.path(before, &frame.name);
            match enter(&here, &frame.name, path.clone()) {
                Ok(Entered::Directory(inner)) if inner.inode()? == frame.inode => here = inner,
                _ => {
                    self.failed(
                        path.clone(),
                        HostError::Changed {
                            path: path.to_string(),
                        },
                    )?;
                    way.truncate(at);
                    mark(way);
                    return Ok((here, true));
                }
            }
        }
        Ok((here, false))
    }

    /// The path of `name` at the end of this way, shortened if it is very deep.
    fn path(&self, way: &[Frame], name: &str) -> RootPath {
        let mut names: Vec<&str> = way
            .iter()
            .skip(1)
            .map(|frame| frame.name.as_str())
            .collect();
        if !name.is_empty() {
            names.push(name);
        }
        let mut path = self.top.clone();
        if names.len() > SHOWN_FIRST + SHOWN_LAST {
            let last = names.split_off(names.len().saturating_sub(SHOWN_LAST));
            names.truncate(SHOWN_FIRST);
            names.push("…");
            names.extend(last);
        }
        for name in names {
            path = path.join(name);
        }
        path
    }
}

/// Something in the innermost directory of the way stays, so it stays, too.
fn mark(way: &mut [Frame]) {
    if let Some(frame) = way.last_mut() {
        frame.stays = true;
    }
}

/// The directory that `here` lies in, if it is still the innermost one of the way.
fn up(here: &Directory, way: &[Frame], path: RootPath) -> Option<Directory> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let parent = openat(here, "..", flags, Mode::empty()).ok()?;
    let parent = Directory::new(parent, path);
    (parent.inode().ok()? == way.last()?.inode).then_some(parent)
}

/// Opens a directory inside another one, unless something is mounted there.
fn enter(dir: &Directory, name: &str, path: RootPath) -> Result<Entered, HostError> {
    dir.check_name(name)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_XDEV
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS;
    match openat2(dir.as_fd(), name, flags, Mode::empty(), resolve) {
        Ok(fd) => Ok(Entered::Directory(Directory::new(fd, path))),
        Err(Errno::XDEV) => Ok(Entered::MountPoint),
        Err(Errno::NOENT) => Ok(Entered::Gone),
        Err(Errno::NOSYS) => Err(HostError::NoOpenat2),
        Err(errno) => Err(HostError::io("open", path.as_str(), errno)),
    }
}

//! Every change to the host, one numbered action at a time.
//!
//! In: open directories, names, bytes with mode and owner. Out: changes that survive a power failure once the
//! call returns. Every action passes through [`Actions::perform_on`], where an [`Observer`] may stand, so a test can stop the
//! program after action *n* for every *n*. A failed `fsync` is a failure, never a warning.
//!
//! | module | concern |
//! |---|---|
//! | [`directories`] | directories and stages: made, synced, removed |
//! | [`files`] | files: created, replaced, appended to, synced, removed |
//! | [`names`] | files that get another name |
//!
//! A file is replaced in this order: create a temporary file that only its owner can open → write → set
//! owner → set mode and extended attributes ([`super::attributes`]) → sync it → rename it over the old one → sync the
//! directory. The umask has no say: modes are set on the open temporary file, before anything has its final name. A new
//! directory is made under a temporary name too, so that it never exists with another mode.
//!
//! Modes and owners are set on handles only, never by name: in a directory that another user may write to, a name can stand for
//! something else the moment after it was looked at. A directory that was made is opened without following a link, and must be
//! empty, of this program's user and closed to all others, before its mode or owner is changed.

mod directories;
mod files;
mod names;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::os::fd::AsFd as _;
use std::rc::Rc;

use rustix::fs::{AtFlags, Gid, Uid, unlinkat};
use rustix::io::Errno;

pub(crate) use super::action::Action;
use super::directory::Directory;
use super::error::HostError;
use super::observer::{Change, Observer, Place, Prevented};
use super::owner::Owner;
use super::stage_name::RunTag;
pub(crate) use super::stage_name::is_temporary_name;

pub(super) use directories::open_made;

/// Performs changes.
#[derive(Debug, Default)]
pub struct Actions {
    /// What stands beside every action; nothing in production.
    observer: Option<Rc<dyn Observer>>,
    /// Set once a file system said that it knows no flags of `renameat2`.
    no_flags: Cell<bool>,
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
    /// Actions of which the observer is told.
    #[must_use]
    pub fn observed(observer: Rc<dyn Observer>) -> Self {
        Self {
            observer: Some(observer),
            ..Self::default()
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

    /// As [`Self::perform_on`], of an action that takes nothing away.
    fn perform<T>(
        &self,
        action: Action,
        path: &str,
        change: impl FnOnce() -> rustix::io::Result<T>,
    ) -> Result<T, HostError> {
        self.perform_on(action, path, None, change)
    }

    /// The one place where a change happens; `losing` is what it replaces or removes.
    fn perform_on<T>(
        &self,
        action: Action,
        path: &str,
        losing: Option<Place<'_>>,
        change: impl FnOnce() -> rustix::io::Result<T>,
    ) -> Result<T, HostError> {
        if let Some(observer) = &self.observer {
            observer
                .before(losing)
                .map_err(|prevented| match prevented {
                    Prevented::Failed(error) => HostError::io(action.words(), path, error),
                    Prevented::Stopped => HostError::Stopped {
                        action,
                        path: path.to_owned(),
                    },
                })?;
        }
        change().map_err(|errno| match errno {
            Errno::NOSYS => HostError::NoOpenat2,
            _ => HostError::io(action.words(), path, errno),
        })
    }

    /// Tells the observer of a change.
    fn changed(&self, change: Change<'_>) {
        if let Some(observer) = &self.observer {
            observer.after(change);
        }
    }

    fn remove(
        &self,
        action: Action,
        dir: &Directory,
        name: &str,
        flags: AtFlags,
    ) -> Result<(), HostError> {
        dir.check_name(name)?;
        let path = dir.path().join(name);
        let removed = at(dir, name);
        self.perform_on(action, path.as_str(), Some(removed), || {
            match unlinkat(dir, name, flags) {
                Err(Errno::NOENT) => Ok(()),
                other => other,
            }
        })?;
        self.changed(Change::Removed(removed));
        Ok(())
    }
}

/// A name in an open directory, for the observer.
fn at<'a>(dir: &'a Directory, name: &'a str) -> Place<'a> {
    Place {
        directory: dir.as_fd(),
        name,
    }
}

/// What is said of a temporary name that is not removed.
pub(crate) fn left_alone(dir: &Directory, name: &str) -> String {
    format!(
        "`{}` was not made by a run that this host remembers, and is left as it is",
        dir.path().join(name)
    )
}

/// As [`left_alone`], of `count` names in one directory.
pub(crate) fn many_left_alone(dir: &Directory, count: u64) -> String {
    format!(
        "`{}` holds {count} names of unfinished files that were not made by a run that this host remembers; each is left as it is",
        dir.path()
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

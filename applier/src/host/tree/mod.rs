//! Whole trees that are taken away.
//!
//! In: an open directory. Out: what lies in it, and it without that. No link is followed: a link is removed as the link it is.
//! No mount point is entered, bind mounts included: what is mounted is another tree, and stays with the directories that
//! lead to it. Every removal goes through [`Actions`].
//!
//! However deep a tree is, one of its directories is open at a time: the way back up is `..`, which must be the very directory that was
//! come from, by device and inode. What cannot be removed is named, and the rest goes on.

mod list;
mod walk;

use std::borrow::Cow;

use kubeplan_terminal::with_causes;

use self::walk::Walker;
use super::directory::Directory;
use super::durable::Actions;
use super::error::HostError;
use super::path::RootPath;
use super::root::Root;

pub(crate) use list::{listing, odd_names};

/// What a directory holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Everything that is no directory.
    pub(crate) files: u64,
    /// Directories.
    pub(crate) directories: u64,
    /// What stays when the tree is cleared: mount points, directories with names that are not UTF-8, what cannot be looked at.
    pub(crate) stays: Vec<Stays>,
}

/// Something that is not removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stays {
    /// Where.
    pub(crate) path: RootPath,
    /// Why.
    pub(crate) reason: Cow<'static, str>,
    /// Whether it is a mount point.
    pub(crate) mounted: bool,
    /// Whether it was to be removed, and could not be.
    pub(crate) failed: bool,
}

impl Stays {
    /// Something that is left, and is to be.
    pub(crate) fn left(path: RootPath, reason: &'static str) -> Self {
        Self {
            path,
            reason: Cow::Borrowed(reason),
            mounted: false,
            failed: false,
        }
    }

    /// Something that could not be removed.
    ///
    /// # Errors
    /// The error itself if it ends the run.
    pub(crate) fn failed(path: RootPath, error: HostError) -> Result<Self, HostError> {
        if matches!(error, HostError::Stopped { .. }) {
            return Err(error);
        }
        Ok(Self {
            path,
            reason: Cow::Owned(with_causes(&error)),
            mounted: false,
            failed: true,
        })
    }
}

/// Counts `name` in `dir` and everything below it.
///
/// # Errors
/// [`HostError`] if `name` itself cannot be looked at.
pub(crate) fn census_of(root: &Root, dir: &Directory, name: &str) -> Result<Census, HostError> {
    let mut walker = Walker::new(root, dir, None)?;
    walker.one(dir, name)?;
    Ok(walker.found())
}

/// Removes everything in `dir`, and syncs it. Returns what stays.
///
/// # Errors
/// [`HostError`] if the run is to end.
pub(crate) fn clear(
    root: &Root,
    actions: &Actions,
    dir: &Directory,
) -> Result<Vec<Stays>, HostError> {
    let mut walker = Walker::new(root, dir, Some(actions))?;
    walker.everything_in(dir)?;
    walker.sync(dir)?;
    Ok(walker.found().stays)
}

/// Removes `name` from `dir` with everything below it, and syncs the directory. Returns what stays.
///
/// # Errors
/// As for [`clear`], or if `name` itself cannot be looked at.
pub(crate) fn remove(
    root: &Root,
    actions: &Actions,
    dir: &Directory,
    name: &str,
) -> Result<Vec<Stays>, HostError> {
    let mut walker = Walker::new(root, dir, Some(actions))?;
    walker.one(dir, name)?;
    walker.sync(dir)?;
    Ok(walker.found().stays)
}

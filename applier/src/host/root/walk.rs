//! The way from the root to a path, one component at a time.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, OFlags, fstat, readlinkat};

use super::Root;
use crate::host::beneath::open_beneath;
use crate::host::error::{HostError, LinkRefusal};
use crate::host::guard::{self, Guard};
use crate::host::inode::Inode;
use crate::host::path::{RootPath, split};

/// Links followed on the way to one path; the kernel's own limit.
const MAX_LINKS: usize = 40;

/// What a directory is opened for.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// To look at what is in it, or to keep this program's own files in it.
    Unguarded,
    /// To change something in it.
    Destination(&'a Guard),
    /// To keep this program's own files in it: every directory on the way is reported first, with its path.
    Own(&'a Passed<'a>),
}

/// What a directory that is passed must stand.
pub(super) type Passed<'a> = dyn Fn(BorrowedFd<'_>, &str) -> Result<(), HostError> + 'a;

/// Where the way to a path ended.
pub(super) enum Walked {
    Missing,
    Directory(OwnedFd),
    /// Neither directory nor link.
    Other {
        parent: OwnedFd,
        name: String,
    },
}

impl Root {
    /// Goes to `path`.
    ///
    /// # Errors
    /// [`HostError`] if the way leads over a link that is not followed, or over something that is not a directory.
    pub(super) fn walk(&self, path: &RootPath, purpose: Purpose<'_>) -> Result<Walked, HostError> {
        // The directories from the root down to here, so that `..` in a link goes back the way that was come.
        let mut way: Vec<(OwnedFd, Inode)> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut pending: VecDeque<String> = split(path.as_str()).collect();
        // How many of the pending components come from a link, and that link's own text.
        let mut from_link = 0_usize;
        let mut target = String::new();
        let mut links = 0_usize;
        if let Purpose::Own(passed) = purpose {
            passed(self.handle.as_fd(), "/")?;
        }
        while let Some(part) = pending.pop_front() {
            let in_link = from_link > 0;
            from_link = from_link.saturating_sub(1);
            let link_error = |reason| {
                Err(HostError::Link {
                    path: path.to_string(),
                    reason,
                })
            };
            if part == ".." {
                if way.pop().is_none() {
                    return link_error(LinkRefusal::LeavesRoot);
                }
                names.pop();
                continue;
            }
            let (here, inode) = match (way.last(), purpose) {
                (Some((fd, inode)), _) => (fd.as_fd(), *inode),
                (None, Purpose::Unguarded | Purpose::Own(_)) => {
                    (self.handle.as_fd(), Inode::default())
                }
                (None, Purpose::Destination(guard)) => (self.handle.as_fd(), guard.root()),
            };
            if let Purpose::Destination(guard) = purpose {
                guard.check_name(inode, &part, path)?;
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let found = match open_beneath(here, &part, flags, path.as_str())? {
                Some(found) => found,
                None if in_link => return link_error(LinkRefusal::Dangling { target }),
                None => {
                    if let Purpose::Destination(guard) = purpose {
                        guard.check_missing(inode, &part, &pending, path)?;
                    }
                    return Ok(Walked::Missing);
                }
            };
            let stat =
                fstat(&found).map_err(|errno| HostError::io("look at", path.as_str(), errno))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let entered = Inode::of(&stat);
                    if let Purpose::Destination(guard) = purpose {
                        guard.check_entered(inode, entered, found.as_fd(), path)?;
                    }
                    names.push(part);
                    if let Purpose::Own(passed) = purpose {
                        passed(found.as_fd(), &format!("/{}", names.join("/")))?;
                    }
                    way.push((found, entered));
                }
                FileType::Symlink => {
                    links += 1;
                    if links > MAX_LINKS {
                        return link_error(LinkRefusal::TooMany);
                    }
                    if stat.st_uid != 0 && stat.st_uid != self.invoker.uid {
                        return link_error(LinkRefusal::Owner { uid: stat.st_uid });
                    }
                    target = read_link(&found, path)?;
                    // `/proc/self` is a link like any other; `/proc/self/root` is not what its text says.
                    if target.starts_with('/') && guard::is_procfs(found.as_fd(), path)? {
                        return link_error(LinkRefusal::Kernel);
                    }
                    if target.starts_with('/') {
                        way.clear();
                        names.clear();
                    }
                    let parts: Vec<String> = split(&target).collect();
                    from_link += parts.len();
                    for part in parts.into_iter().rev() {
                        pending.push_front(part);
                    }
                }
                _ if pending.is_empty() => {
                    let parent = match way.pop() {
                        Some((parent, _)) => parent,
                        None => self.duplicate(path)?,
                    };
                    return Ok(Walked::Other { parent, name: part });
                }
                _ => {
                    return Err(HostError::NotADirectory {
                        path: path.to_string(),
                    });
                }
            }
        }
        match way.pop() {
            Some((directory, _)) => Ok(Walked::Directory(directory)),
            None => self.duplicate(path).map(Walked::Directory),
        }
    }

    fn duplicate(&self, path: &RootPath) -> Result<OwnedFd, HostError> {
        self.handle
            .try_clone()
            .map_err(|error| HostError::io("open", path.as_str(), error))
    }
}

fn read_link(link: &OwnedFd, path: &RootPath) -> Result<String, HostError> {
    readlinkat(link, "", Vec::new())
        .map_err(|errno| HostError::io("read the link on the way to", path.as_str(), errno))?
        .into_string()
        .map_err(|_| HostError::NotText {
            path: path.to_string(),
        })
}

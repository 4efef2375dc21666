//! Whole trees that are taken away.
//!
//! In: an open folder. Out: what lies in it, and it without that. No link is followed: a link is removed as the link it is.
//! No mount point is entered, bind mounts included: what is mounted is another tree, and stays with the folders that
//! lead to it. Every removal goes through [`Actions`].

use std::os::fd::AsFd as _;

use rustix::fs::{Dir, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::directory::{Directory, Found};
use super::durable::Actions;
use super::error::HostError;
use super::root::RootPath;

/// Folders inside folders; each is an open file while it is worked on.
const MAX_DEPTH: usize = 256;

/// What a folder holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Everything that is no folder.
    pub(crate) files: u64,
    /// Folders.
    pub(crate) folders: u64,
    /// What stays when the tree is cleared: mount points, and folders with names that are not UTF-8.
    pub(crate) stays: Vec<Stays>,
}

/// Something that is not removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stays {
    /// Where.
    pub(crate) path: RootPath,
    /// Why.
    pub(crate) reason: &'static str,
    /// Whether it is a mount point.
    pub(crate) mounted: bool,
}

enum Entered {
    Folder(Directory),
    MountPoint,
    Gone,
}

/// Counts `name` in `folder` and everything below it.
///
/// # Errors
/// [`HostError`] if something in it cannot be looked at.
pub(crate) fn census_of(folder: &Directory, name: &str) -> Result<Census, HostError> {
    let mut found = Census::default();
    count_one(folder, name, 0, &mut found)?;
    Ok(found)
}

fn count(folder: &Directory, depth: usize, found: &mut Census) -> Result<(), HostError> {
    let (names, odd) = listing(folder)?;
    if odd {
        found.stays.push(odd_names(folder));
    }
    for name in names {
        count_one(folder, &name, depth, found)?;
    }
    Ok(())
}

fn count_one(
    folder: &Directory,
    name: &str,
    depth: usize,
    found: &mut Census,
) -> Result<(), HostError> {
    match folder.inspect(name)? {
        Found::Missing => {}
        Found::Directory(_) => match enter(folder, name, depth)? {
            Entered::Folder(inner) => {
                found.folders += 1;
                count(&inner, depth + 1, found)?;
            }
            Entered::MountPoint => found.stays.push(mount_point(folder, name)),
            Entered::Gone => {}
        },
        Found::File(_) | Found::Link | Found::Special(_) => found.files += 1,
    }
    Ok(())
}

/// Removes everything in `folder`, and syncs it. Returns what stays.
///
/// # Errors
/// [`HostError`] of the first thing that cannot be removed.
pub(crate) fn clear(actions: &Actions, folder: &Directory) -> Result<Vec<Stays>, HostError> {
    let mut stays = Vec::new();
    let empty = clear_inside(actions, folder, 0, &mut stays);
    // Also after a failure: what is gone should stay gone.
    let synced = actions.sync_directory(folder);
    empty?;
    synced?;
    Ok(stays)
}

/// Removes `name` from `folder` with everything below it, and syncs the folder. Returns what stays.
///
/// # Errors
/// As for [`clear`].
pub(crate) fn remove(
    actions: &Actions,
    folder: &Directory,
    name: &str,
) -> Result<Vec<Stays>, HostError> {
    let mut stays = Vec::new();
    let gone = remove_one(actions, folder, name, 0, &mut stays);
    let synced = actions.sync_directory(folder);
    gone?;
    synced?;
    Ok(stays)
}

/// Returns whether nothing stays.
fn clear_inside(
    actions: &Actions,
    folder: &Directory,
    depth: usize,
    stays: &mut Vec<Stays>,
) -> Result<bool, HostError> {
    let (names, odd) = listing(folder)?;
    if odd {
        stays.push(odd_names(folder));
    }
    let mut empty = !odd;
    for name in names {
        empty &= remove_one(actions, folder, &name, depth, stays)?;
    }
    Ok(empty)
}

fn remove_one(
    actions: &Actions,
    folder: &Directory,
    name: &str,
    depth: usize,
    stays: &mut Vec<Stays>,
) -> Result<bool, HostError> {
    match folder.inspect(name)? {
        Found::Missing => Ok(true),
        Found::Directory(_) => match enter(folder, name, depth)? {
            Entered::Folder(inner) => {
                if !clear_inside(actions, &inner, depth + 1, stays)? {
                    actions.sync_directory(&inner)?;
                    return Ok(false);
                }
                actions.remove_directory(folder, name)?;
                Ok(true)
            }
            Entered::MountPoint => {
                stays.push(mount_point(folder, name));
                Ok(false)
            }
            Entered::Gone => Ok(true),
        },
        Found::File(_) | Found::Link | Found::Special(_) => {
            actions.remove_file(folder, name)?;
            Ok(true)
        }
    }
}

fn mount_point(folder: &Directory, name: &str) -> Stays {
    Stays {
        path: folder.path().join(name),
        reason: "it is a mount point",
        mounted: true,
    }
}

/// Says that a folder holds names that are not UTF-8.
pub(crate) fn odd_names(folder: &Directory) -> Stays {
    Stays {
        path: folder.path().clone(),
        reason: "it holds names that are not UTF-8",
        mounted: false,
    }
}

/// Opens a folder inside another one, unless something is mounted there.
fn enter(folder: &Directory, name: &str, depth: usize) -> Result<Entered, HostError> {
    let path = folder.path().join(name);
    if depth >= MAX_DEPTH {
        return Err(HostError::io(
            "go deeper than 256 folders into",
            path.as_str(),
            Errno::NAMETOOLONG,
        ));
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_XDEV
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS;
    match openat2(folder.as_fd(), name, flags, Mode::empty(), resolve) {
        Ok(fd) => Ok(Entered::Folder(Directory::new(fd, path))),
        Err(Errno::XDEV) => Ok(Entered::MountPoint),
        Err(Errno::NOENT) => Ok(Entered::Gone),
        Err(Errno::NOSYS) => Err(HostError::NoOpenat2),
        Err(errno) => Err(HostError::io("open", path.as_str(), errno)),
    }
}

/// The names in a folder, sorted, and whether there are others that are not UTF-8.
///
/// # Errors
/// [`HostError`] if the folder cannot be listed.
pub(crate) fn listing(folder: &Directory) -> Result<(Vec<String>, bool), HostError> {
    let failed = |errno: Errno| HostError::io("list", folder.path().as_str(), errno);
    let readable = folder.readable()?;
    let mut names = Vec::new();
    let mut odd = false;
    for entry in Dir::read_from(&readable).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        match entry.file_name().to_str() {
            Ok("." | "..") => {}
            Ok(name) => names.push(name.to_owned()),
            Err(_) => odd = true,
        }
    }
    names.sort_unstable();
    Ok((names, odd))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;
    use crate::host::Root;
    use crate::host::durable::Fault;

    fn census(folder: &Directory) -> Result<Census, HostError> {
        let mut found = Census::default();
        count(folder, 0, &mut found).map(|()| found)
    }

    fn open(path: &Path) -> Directory {
        let root = Root::open(path).unwrap();
        root.open_directory(&RootPath::fixed("/")).unwrap().unwrap()
    }

    #[test]
    fn links_go_as_links_and_sockets_go_too() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        let outside = dir.path().join("outside");
        fs::create_dir_all(inside.join("a/b")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("kept"), "kept").unwrap();
        fs::write(inside.join("a/b/file"), "x").unwrap();
        symlink(&outside, inside.join("a/link")).unwrap();
        symlink("/nowhere", inside.join("dangling")).unwrap();
        let _listener = UnixListener::bind(inside.join("socket")).unwrap();
        let folder = open(&inside);
        let expected = Census {
            files: 4,
            folders: 2,
            stays: Vec::new(),
        };
        assert_eq!(census(&folder).unwrap(), expected);
        assert_eq!(clear(&Actions::default(), &folder).unwrap(), []);
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
    }

    #[test]
    fn one_name_is_removed_and_its_neighbours_stay() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("member/wal")).unwrap();
        fs::write(dir.path().join("member/wal/1"), "x").unwrap();
        fs::write(dir.path().join("other"), "x").unwrap();
        let folder = open(dir.path());
        assert_eq!(census_of(&folder, "member").unwrap().files, 1);
        assert_eq!(remove(&Actions::default(), &folder, "member").unwrap(), []);
        assert_eq!(listing(&folder).unwrap(), (vec!["other".to_owned()], false));
        assert_eq!(remove(&Actions::default(), &folder, "member").unwrap(), []);
    }

    #[test]
    fn names_that_are_no_text_stay_with_the_folders_that_lead_to_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b").join(OsStr::from_bytes(b"\xff")), "x").unwrap();
        fs::write(dir.path().join("a/plain"), "x").unwrap();
        let folder = open(dir.path());
        let stays = clear(&Actions::default(), &folder).unwrap();
        assert_eq!(stays, census(&folder).unwrap().stays);
        assert_eq!(stays.len(), 1);
        assert_eq!(stays[0].path.as_str(), "/a/b");
        assert!(!dir.path().join("a/plain").exists());
    }

    #[test]
    fn mount_points_are_not_entered() {
        // Every Linux system has another filesystem at /proc.
        let root = open(Path::new("/"));
        assert!(matches!(
            enter(&root, "proc", 0).unwrap(),
            Entered::MountPoint
        ));
        assert!(matches!(
            enter(&root, "no-such-folder", 0).unwrap(),
            Entered::Gone
        ));
    }

    #[test]
    fn a_tree_that_is_too_deep_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut path = dir.path().to_owned();
        for _ in 0..=MAX_DEPTH {
            path.push("d");
            fs::create_dir(&path).unwrap();
        }
        let folder = open(dir.path());
        assert!(census(&folder).is_err());
        assert!(clear(&Actions::default(), &folder).is_err());
    }

    #[test]
    fn a_stopped_removal_goes_on_where_it_was() {
        for limit in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("a/b")).unwrap();
            fs::write(dir.path().join("a/b/file"), "x").unwrap();
            fs::write(dir.path().join("a/file"), "x").unwrap();
            let folder = open(dir.path());
            let stopped = clear(&Actions::new(Fault::StopAfter(limit)), &folder);
            if stopped.is_ok() {
                assert!(limit >= 5);
                return;
            }
            clear(&Actions::default(), &folder).unwrap();
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
        panic!("never finished");
    }
}

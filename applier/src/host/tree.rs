//! Whole trees that are taken away.
//!
//! In: an open folder. Out: what lies in it, and it without that. No link is followed: a link is removed as the link it is.
//! No mount point is entered, bind mounts included: what is mounted is another tree, and stays with the folders that
//! lead to it. Every removal goes through [`Actions`].
//!
//! However deep a tree is, one of its folders is open at a time: the way back up is `..`, which must be the very folder that was
//! come from, by device and inode. What cannot be removed is named, and the rest goes on.

use std::borrow::Cow;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use kubeplan_terminal::with_causes;
use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::directory::{Directory, Found};
use super::durable::Actions;
use super::error::HostError;
use super::guard::{Guard, Inode};
use super::root::{Root, RootPath, is_own};

/// Folders of a path that are shown; of a longer path the first and last ones are.
const SHOWN_FIRST: usize = 16;
const SHOWN_LAST: usize = 4;

/// Things that stay and are named one by one; of more there is a number.
const NAMED: usize = 100;

/// What a folder holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Everything that is no folder.
    pub(crate) files: u64,
    /// Folders.
    pub(crate) folders: u64,
    /// What stays when the tree is cleared: mount points, folders with names that are not UTF-8, what cannot be looked at.
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

enum Entered {
    Folder(Directory),
    MountPoint,
    Gone,
}

/// Counts `name` in `folder` and everything below it.
///
/// # Errors
/// [`HostError`] if `name` itself cannot be looked at.
pub(crate) fn census_of(root: &Root, folder: &Directory, name: &str) -> Result<Census, HostError> {
    let mut walker = Walker::new(root, folder, None)?;
    walker.one(folder, name)?;
    Ok(walker.found())
}

/// Removes everything in `folder`, and syncs it. Returns what stays.
///
/// # Errors
/// [`HostError`] if the run is to end.
pub(crate) fn clear(
    root: &Root,
    actions: &Actions,
    folder: &Directory,
) -> Result<Vec<Stays>, HostError> {
    let mut walker = Walker::new(root, folder, Some(actions))?;
    walker.everything_in(folder)?;
    walker.sync(folder)?;
    Ok(walker.found().stays)
}

/// Removes `name` from `folder` with everything below it, and syncs the folder. Returns what stays.
///
/// # Errors
/// As for [`clear`], or if `name` itself cannot be looked at.
pub(crate) fn remove(
    root: &Root,
    actions: &Actions,
    folder: &Directory,
    name: &str,
) -> Result<Vec<Stays>, HostError> {
    let mut walker = Walker::new(root, folder, Some(actions))?;
    walker.one(folder, name)?;
    walker.sync(folder)?;
    Ok(walker.found().stays)
}

/// A folder on the way down.
struct Frame {
    name: String,
    inode: Inode,
    /// Folders in it that are still to be entered, the next one last.
    pending: Vec<String>,
    /// Something in it stays.
    stays: bool,
}

struct Walker<'a> {
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
    fn new(
        root: &Root,
        folder: &Directory,
        actions: Option<&'a Actions>,
    ) -> Result<Self, HostError> {
        let guarded = !is_own(folder.path());
        Ok(Self {
            actions,
            guard: guarded.then(|| root.guard()).transpose()?,
            top: folder.path().clone(),
            census: Census::default(),
            more: 0,
        })
    }

    fn found(mut self) -> Census {
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
    fn sync(&mut self, folder: &Directory) -> Result<(), HostError> {
        if let Some(actions) = self.actions
            && let Err(error) = actions.sync_directory(folder)
        {
            self.failed(folder.path().clone(), error)?;
        }
        Ok(())
    }

    fn one(&mut self, folder: &Directory, name: &str) -> Result<(), HostError> {
        match folder.inspect(name)? {
            Found::Missing => Ok(()),
            Found::Directory(_) => {
                let frame = Frame {
                    name: String::new(),
                    inode: folder.inode()?,
                    pending: vec![name.to_owned()],
                    stays: false,
                };
                self.descend(folder, frame)
            }
            Found::File(_) | Found::Link | Found::Special(_) => self.file(folder, name).map(drop),
        }
    }

    fn everything_in(&mut self, folder: &Directory) -> Result<(), HostError> {
        let frame = self.visit(folder, String::new())?;
        self.descend(folder, frame)
    }

    /// Counts or removes something that is no folder. Returns whether it stays.
    fn file(&mut self, folder: &Directory, name: &str) -> Result<bool, HostError> {
        self.census.files += 1;
        let Some(actions) = self.actions else {
            return Ok(false);
        };
        match actions.remove_file(folder, name) {
            Ok(()) => Ok(false),
            Err(error) => {
                self.failed(folder.path().join(name), error)?;
                Ok(true)
            }
        }
    }

    /// Deals with what is in a folder but the folders there.
    fn visit(&mut self, folder: &Directory, name: String) -> Result<Frame, HostError> {
        let mut frame = Frame {
            name,
            inode: folder.inode()?,
            pending: Vec::new(),
            stays: false,
        };
        let Listing {
            files,
            mut folders,
            odd,
        } = match list(folder) {
            Ok(listing) => listing,
            Err(error) => {
                self.failed(folder.path().clone(), error)?;
                frame.stays = true;
                return Ok(frame);
            }
        };
        if odd {
            self.stays(odd_names(folder));
            frame.stays = true;
        }
        for file in files {
            frame.stays |= self.file(folder, &file)?;
        }
        folders.reverse();
        frame.pending = folders;
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
                Ok(Entered::Folder(inner)) => {
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
                    self.census.folders += 1;
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

    /// Goes up from a folder that is done with, and removes it if it is empty. Returns the folder it was in.
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

    /// Finds the way again from the top, as far as it is still there. Returns the innermost folder, and whether some of the way was
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
                Ok(Entered::Folder(inner)) if inner.inode()? == frame.inode => here = inner,
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

/// Something in the innermost folder of the way stays, so it stays, too.
fn mark(way: &mut [Frame]) {
    if let Some(frame) = way.last_mut() {
        frame.stays = true;
    }
}

/// The folder that `here` lies in, if it is still the innermost one of the way.
fn up(here: &Directory, way: &[Frame], path: RootPath) -> Option<Directory> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let parent = openat(here, "..", flags, Mode::empty()).ok()?;
    let parent = Directory::new(parent, path);
    (parent.inode().ok()? == way.last()?.inode).then_some(parent)
}

/// Says that a folder holds names that are not UTF-8.
pub(crate) fn odd_names(folder: &Directory) -> Stays {
    Stays::left(folder.path().clone(), "it holds names that are not UTF-8")
}

/// Opens a folder inside another one, unless something is mounted there.
fn enter(folder: &Directory, name: &str, path: RootPath) -> Result<Entered, HostError> {
    folder.check_name(name)?;
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

/// What a folder holds, each kind sorted by name.
struct Listing {
    files: Vec<String>,
    folders: Vec<String>,
    /// There are names that are not UTF-8.
    odd: bool,
}

fn list(folder: &Directory) -> Result<Listing, HostError> {
    let failed = |errno: Errno| HostError::io("list", folder.path().as_str(), errno);
    let readable = folder.readable()?;
    let mut listing = Listing {
        files: Vec::new(),
        folders: Vec::new(),
        odd: false,
    };
    for entry in Dir::read_from(&readable).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = match entry.file_name().to_str() {
            Ok("." | "..") => continue,
            Ok(name) => name,
            Err(_) => {
                listing.odd = true;
                continue;
            }
        };
        let is_folder = match entry.file_type() {
            FileType::Directory => true,
            // A file system that does not say.
            FileType::Unknown => matches!(folder.inspect(name)?, Found::Directory(_)),
            _ => false,
        };
        if is_folder {
            listing.folders.push(name.to_owned());
        } else {
            listing.files.push(name.to_owned());
        }
    }
    listing.files.sort_unstable();
    listing.folders.sort_unstable();
    Ok(listing)
}

/// The names in a folder, sorted, and whether there are others that are not UTF-8.
///
/// # Errors
/// [`HostError`] if the folder cannot be listed.
pub(crate) fn listing(folder: &Directory) -> Result<(Vec<String>, bool), HostError> {
    let Listing {
        files: mut names,
        folders,
        odd,
    } = list(folder)?;
    names.extend(folders);
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
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use rustix::fs::mkdirat;

    use super::*;
    use crate::host::durable::{Failure, Fault};

    fn census(root: &Root, folder: &Directory) -> Census {
        let mut walker = Walker::new(root, folder, None).unwrap();
        walker.everything_in(folder).unwrap();
        walker.found()
    }

    fn open(path: &Path) -> (Root, Directory) {
        let root = Root::open(path).unwrap();
        let folder = root.open_directory(&RootPath::fixed("/")).unwrap().unwrap();
        (root, folder)
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
        let (root, folder) = open(&inside);
        let expected = Census {
            files: 4,
            folders: 2,
            stays: Vec::new(),
        };
        assert_eq!(census(&root, &folder), expected);
        assert_eq!(clear(&root, &Actions::default(), &folder).unwrap(), []);
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
    }

    #[test]
    fn one_name_is_removed_and_its_neighbours_stay() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("member/wal")).unwrap();
        fs::write(dir.path().join("member/wal/1"), "x").unwrap();
        fs::write(dir.path().join("other"), "x").unwrap();
        let (root, folder) = open(dir.path());
        let actions = Actions::default();
        assert_eq!(census_of(&root, &folder, "member").unwrap().files, 1);
        assert_eq!(remove(&root, &actions, &folder, "member").unwrap(), []);
        assert_eq!(listing(&folder).unwrap(), (vec!["other".to_owned()], false));
        assert_eq!(remove(&root, &actions, &folder, "member").unwrap(), []);
    }

    #[test]
    fn names_that_are_no_text_stay_with_the_folders_that_lead_to_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b").join(OsStr::from_bytes(b"\xff")), "x").unwrap();
        fs::write(dir.path().join("a/plain"), "x").unwrap();
        let (root, folder) = open(dir.path());
        let stays = clear(&root, &Actions::default(), &folder).unwrap();
        assert_eq!(stays, census(&root, &folder).stays);
        assert_eq!(stays.len(), 1);
        assert_eq!(stays[0].path.as_str(), "/a/b");
        assert!(!stays[0].failed);
        assert!(!dir.path().join("a/plain").exists());
    }

    #[test]
    fn mount_points_are_not_entered() {
        // Every Linux system has another filesystem at /proc.
        let (_, root) = open(Path::new("/"));
        let enter = |name: &str| enter(&root, name, RootPath::from_text(name)).unwrap();
        assert!(matches!(enter("proc"), Entered::MountPoint));
        assert!(matches!(enter("no-such-folder"), Entered::Gone));
    }

    #[test]
    fn what_belongs_to_this_program_is_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("var/lib/kubeplan");
        fs::create_dir_all(state.join("runs/0001")).unwrap();
        fs::create_dir_all(dir.path().join("var/lib/other/deeper")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let folder = root.open_directory(&RootPath::fixed("/")).unwrap().unwrap();
        let stays = remove(&root, &Actions::default(), &folder, "var").unwrap();
        assert_eq!(stays.len(), 1);
        assert_eq!(stays[0].path.as_str(), "/var/lib/kubeplan");
        assert!(state.join("runs/0001").exists());
        assert!(!dir.path().join("var/lib/other").exists());
    }

    #[test]
    fn a_deep_tree_is_removed_with_few_open_files() {
        const LEVELS: u64 = 10_000;
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("key"), "secret").unwrap();
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let mut here = openat(rustix::fs::CWD, dir.path(), flags, Mode::empty()).unwrap();
        for _ in 0..LEVELS {
            mkdirat(&here, "d", Mode::RWXU).unwrap();
            here = openat(&here, "d", flags, Mode::empty()).unwrap();
        }
        drop(here);
        let (root, folder) = open(dir.path());
        let found = census(&root, &folder);
        assert_eq!((found.files, found.folders), (1, LEVELS));
        assert_eq!(found.stays, []);
        assert_eq!(clear(&root, &Actions::default(), &folder).unwrap(), []);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_removed_is_named_and_the_rest_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["a/stuck", "b"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("a/stuck/file"), "x").unwrap();
        fs::write(dir.path().join("b/key"), "x").unwrap();
        let (root, folder) = open(dir.path());
        // Action 0 is the removal of `a/stuck/file`.
        let actions = Actions::new(Fault::FailWith(0, Failure::Io));
        let stays = clear(&root, &actions, &folder).unwrap();
        assert_eq!(stays.len(), 1, "{stays:?}");
        assert_eq!(stays[0].path.as_str(), "/a/stuck/file");
        assert!(stays[0].failed);
        assert!(dir.path().join("a/stuck/file").exists());
        assert!(!dir.path().join("b").exists());
        assert_eq!(clear(&root, &Actions::default(), &folder).unwrap(), []);
    }

    #[test]
    fn a_folder_that_may_not_be_listed_is_named_and_the_rest_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (root, folder) = open(dir.path());
        if root.is_privileged() {
            // Every folder may be listed.
            return;
        }
        fs::create_dir_all(dir.path().join("a/closed/x")).unwrap();
        fs::create_dir_all(dir.path().join("b")).unwrap();
        let closed = dir.path().join("a/closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
        let stays = clear(&root, &Actions::default(), &folder).unwrap();
        assert_eq!(stays.len(), 1, "{stays:?}");
        assert_eq!(stays[0].path.as_str(), "/a/closed");
        assert!(!dir.path().join("b").exists());
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn a_long_path_is_shown_by_its_ends() {
        let dir = tempfile::tempdir().unwrap();
        let (root, folder) = open(dir.path());
        let walker = Walker::new(&root, &folder, None).unwrap();
        let frame = |number: usize| Frame {
            name: number.to_string(),
            inode: Inode::default(),
            pending: Vec::new(),
            stays: false,
        };
        let way: Vec<Frame> = (0..1000).map(frame).collect();
        let path = walker.path(&way, "last");
        assert!(path.as_str().starts_with("/1/2/3/"), "{path}");
        assert!(path.as_str().ends_with("/16/…/997/998/999/last"), "{path}");
    }

    #[test]
    fn a_stopped_removal_goes_on_where_it_was() {
        for limit in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("a/b")).unwrap();
            fs::write(dir.path().join("a/b/file"), "x").unwrap();
            fs::write(dir.path().join("a/file"), "x").unwrap();
            let (root, folder) = open(dir.path());
            let stopped = clear(&root, &Actions::new(Fault::StopAfter(limit)), &folder);
            if stopped.is_ok() {
                assert!(limit >= 5);
                return;
            }
            clear(&root, &Actions::default(), &folder).unwrap();
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
        panic!("never finished");
    }

    /// A user who owns the tree moves a folder away while it is cleared.
    #[test]
    fn a_folder_that_is_moved_meanwhile_is_left_and_the_rest_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("in/a/b/c")).unwrap();
        fs::create_dir_all(dir.path().join("in/z")).unwrap();
        fs::create_dir_all(dir.path().join("out")).unwrap();
        let (root, folder) = open(&dir.path().join("in"));
        let actions = Actions::default();
        let mut walker = Walker::new(&root, &folder, Some(&actions)).unwrap();
        let frame = |folder: &Directory, name: &str| Frame {
            name: name.to_owned(),
            inode: folder.inode().unwrap(),
            pending: Vec::new(),
            stays: false,
        };
        let a = folder.open("a").unwrap().unwrap();
        let b = a.open("b").unwrap().unwrap();
        let mut way = vec![frame(&folder, ""), frame(&a, "a")];
        let done = frame(&b, "b");
        let moved = |from: &str, to: &str| {
            fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
        };
        moved("in/a/b", "out/b");
        let here = walker
            .leave(&folder, b.duplicate().unwrap(), &mut way, &done)
            .unwrap();
        assert_eq!(here.inode().unwrap(), a.inode().unwrap());
        assert!(
            dir.path().join("out/b/c").exists(),
            "nothing outside is removed"
        );
        moved("in/a", "out/a");
        let here = walker.leave(&folder, b, &mut way, &done).unwrap();
        assert_eq!(here.inode().unwrap(), folder.inode().unwrap());
        assert_eq!(way.len(), 1);
        assert!(way[0].stays);
        assert_eq!(walker.found().stays[0].path.as_str(), "/a");
        assert_eq!(clear(&root, &actions, &folder).unwrap(), []);
        assert!(dir.path().join("out/a").exists() && dir.path().join("out/b/c").exists());
    }
}

//! The directory tree that is the host: `/`, or the folder given with `--root`.
//!
//! In: names below the root. Out: open folders. The root is opened once; every later name is resolved one
//! component at a time from that handle with `openat2`, so nothing outside the tree can be reached by a
//! link, not even when somebody changes the tree meanwhile.
//!
//! Symbolic links on the way to a folder (`/var/run` → `/run`) are followed when they are owned by root (or,
//! without privileges, by the invoking user), and are read as a process with this root would read them: an
//! absolute target starts at the root. A link that climbs above the root, that points to nothing inside it,
//! that another user owns, or that the kernel keeps for a process (`/proc/self/root`) is an error. A link as the
//! last component of a destination is never followed: [`super::Directory::inspect`] reports it as what it is.
//!
//! There are two kinds of walks. [`Root::open_directory`] returns a [`Directory`], in which things can be changed:
//! every directory on the way is compared with what is no destination ([`super::guard`]). [`Root::view`] and
//! the `read` functions only look, also into `/proc` and `/sys`; a [`View`] cannot be changed.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use kubeplan_bundle::check::LookPath;
use kubeplan_bundle::path::{HostPath, RESERVED, is_within_any};
use kubeplan_bundle::secret::SecretBytes;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::Errno;

use super::directory::{Directory, Found, View};
use super::error::{HostError, LinkRefusal};
use super::guard::{self, Guard, Inode};

/// Links followed on the way to one path; the kernel's own limit.
const MAX_LINKS: usize = 40;

/// An absolute, normalised path below the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RootPath(Cow<'static, str>);

impl RootPath {
    /// A path this program knows by itself; must be absolute and normalised.
    pub(crate) const fn fixed(path: &'static str) -> Self {
        Self(Cow::Borrowed(path))
    }

    /// Any absolute path; what is not normalised is resolved as it is walked, and never above the root.
    pub(crate) fn from_text(path: &str) -> Self {
        Self(Cow::Owned(path.to_owned()))
    }

    /// The path as text, starting with `/`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder this path is in; the root is its own.
    pub(crate) fn parent(&self) -> Self {
        match self.0.rsplit_once('/') {
            None | Some(("", _)) => Self::fixed("/"),
            Some((parent, _)) => Self(Cow::Owned(parent.to_owned())),
        }
    }

    /// The last component; empty for the root.
    pub(crate) fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// `self/name`.
    pub(crate) fn join(&self, name: &str) -> Self {
        Self(Cow::Owned(join(&self.0, name)))
    }

    /// Every folder on the way here, outermost first, without the root and without the path itself.
    pub(crate) fn ancestors(&self) -> Vec<Self> {
        let mut folders = Vec::new();
        let mut folder = self.parent();
        while folder.as_str() != "/" {
            let next = folder.parent();
            folders.push(folder);
            folder = next;
        }
        folders.reverse();
        folders
    }
}

impl From<&HostPath> for RootPath {
    fn from(path: &HostPath) -> Self {
        Self(Cow::Owned(path.as_str().to_owned()))
    }
}

impl From<&LookPath> for RootPath {
    fn from(path: &LookPath) -> Self {
        Self::from_text(path.as_str())
    }
}

impl fmt::Display for RootPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// User and group of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// User.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
}

impl Owner {
    /// Whether `chown` would take one of the numbers for "leave it as it is".
    pub(crate) const fn is_unchanged(self) -> bool {
        self.uid == u32::MAX || self.gid == u32::MAX
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

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

/// What a directory is opened for.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// To look at what is in it, or to keep this program's own files in it.
    Unguarded,
    /// To change something in it.
    Destination(&'a Guard),
    /// To keep this program's own files in it: every directory on the way is reported first, with its path.
    Own(&'a Passed<'a>),
}

/// What a directory that is passed must stand.
type Passed<'a> = dyn Fn(BorrowedFd<'_>, &str) -> Result<(), HostError> + 'a;

impl Root {
    /// Opens the folder `path` as the root. Links in `path` itself are followed: the operator named it.
    ///
    /// # Errors
    /// [`HostError`] if it cannot be opened, is no folder, or the kernel lacks `openat2`.
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

    /// Lets the next walk look again for what is no destination; called when a directory is made: one of this program's own can
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
    /// [`HostError`] if the way leads over a link that is not followed, or over something that is no folder.
    pub(crate) fn look(&self, path: &RootPath) -> Result<Found, HostError> {
        match self.walk(path, Purpose::Unguarded)? {
            Walked::Missing => Ok(Found::Missing),
            Walked::Directory(fd) => Directory::new(fd, path.clone())
                .meta()
                .map(Found::Directory),
            Walked::Other { parent, name } => Directory::new(parent, path.parent()).inspect(&name),
        }
    }

    fn walk(&self, path: &RootPath, purpose: Purpose<'_>) -> Result<Walked, HostError> {
        // The folders from the root down to here, so that `..` in a link goes back the way that was come.
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
            Some((folder, _)) => Ok(Walked::Directory(folder)),
            None => self.duplicate(path).map(Walked::Directory),
        }
    }

    fn duplicate(&self, path: &RootPath) -> Result<OwnedFd, HostError> {
        self.handle
            .try_clone()
            .map_err(|error| HostError::io("open", path.as_str(), error))
    }
}

/// Where the way to a path ended.
enum Walked {
    Missing,
    Directory(OwnedFd),
    /// Neither folder nor link.
    Other {
        parent: OwnedFd,
        name: String,
    },
}

/// Whether the path is the name of one of this program's own directories, or lies below one.
pub(crate) fn is_own(path: &RootPath) -> bool {
    is_within_any(path.as_str(), RESERVED) && split(path.as_str()).all(|part| part != "..")
}

fn split(path: &str) -> impl Iterator<Item = String> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
}

fn read_link(link: &OwnedFd, path: &RootPath) -> Result<String, HostError> {
    readlinkat(link, "", Vec::new())
        .map_err(|errno| HostError::io("read the link on the way to", path.as_str(), errno))?
        .into_string()
        .map_err(|_| HostError::NotText {
            path: path.to_string(),
        })
}

/// `folder/name` for messages; `name` may itself be several components.
pub(super) fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// Opens one name in `folder`; `None` if it does not exist. Never follows a link, never leaves the folder.
pub(super) fn open_beneath(
    folder: BorrowedFd<'_>,
    name: &str,
    flags: OFlags,
    shown: &str,
) -> Result<Option<OwnedFd>, HostError> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match openat2(folder, name, flags, Mode::empty(), resolve) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOSYS) => Err(HostError::NoOpenat2),
        Err(errno) => Err(HostError::io("open", shown, errno)),
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{chown, lchown, symlink};

    use super::*;
    use crate::host::Found;

    fn tree() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root/run/lock")).unwrap();
        fs::create_dir_all(folder.path().join("root/var")).unwrap();
        fs::create_dir_all(folder.path().join("outside/secret")).unwrap();
        let root = Root::open(&folder.path().join("root")).unwrap();
        (folder, root)
    }

    fn open(root: &Root, path: &'static str) -> Result<Option<Directory>, HostError> {
        root.open_directory(&RootPath::fixed(path))
    }

    #[test]
    fn links_inside_the_root_are_followed_as_a_process_there_would() {
        let (folder, root) = tree();
        let at = folder.path().join("root/var");
        symlink("/run", at.join("absolute")).unwrap();
        symlink("../run/lock", at.join("relative")).unwrap();
        symlink("absolute/lock", at.join("chain")).unwrap();
        for path in [
            "/run",
            "/var/absolute/lock",
            "/var/relative",
            "/var/chain",
            "/",
        ] {
            assert!(open(&root, path).unwrap().is_some(), "{path}");
        }
        assert!(open(&root, "/var/absolute/none/deeper").unwrap().is_none());
        assert!(open(&root, "/none").unwrap().is_none());
    }

    #[test]
    fn links_that_lead_out_or_to_nothing_are_refused() {
        let (folder, root) = tree();
        let at = folder.path().join("root/var");
        symlink("../../outside", at.join("climbs")).unwrap();
        symlink(folder.path().join("outside"), at.join("absolute")).unwrap();
        symlink("loop", at.join("loop")).unwrap();
        fs::write(at.join("file"), "x").unwrap();
        let reason = |path| match open(&root, path) {
            Err(HostError::Link { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason("/var/climbs/secret"), LinkRefusal::LeavesRoot);
        assert!(matches!(
            reason("/var/absolute/secret"),
            LinkRefusal::Dangling { .. }
        ));
        assert_eq!(reason("/var/loop"), LinkRefusal::TooMany);
        assert!(matches!(
            open(&root, "/var/file/x"),
            Err(HostError::NotADirectory { .. })
        ));
    }

    #[test]
    fn links_of_other_users_are_not_followed() {
        let (folder, root) = tree();
        let link = folder.path().join("root/var/run");
        symlink("/run", &link).unwrap();
        assert!(open(&root, "/var/run").unwrap().is_some());
        if root.is_privileged() {
            lchown(&link, Some(4242), Some(4242)).unwrap();
            assert!(matches!(
                open(&root, "/var/run"),
                Err(HostError::Link {
                    reason: LinkRefusal::Owner { uid: 4242 },
                    ..
                })
            ));
            chown(folder.path().join("root/run"), Some(4242), None).unwrap();
            assert!(open(&root, "/run").unwrap().is_some());
        }
    }

    #[test]
    fn a_link_at_the_end_is_reported_and_not_followed() {
        let (folder, root) = tree();
        symlink("/run", folder.path().join("root/var/last")).unwrap();
        let var = open(&root, "/var").unwrap().unwrap();
        assert!(matches!(var.inspect("last").unwrap(), Found::Link));
        assert!(matches!(var.inspect("lost").unwrap(), Found::Missing));
    }

    #[test]
    fn the_running_system_is_recognised() {
        let (_folder, root) = tree();
        assert!(!root.is_live());
        assert!(Root::open(Path::new("/")).unwrap().is_live());
    }

    #[test]
    fn what_is_this_programs_own_is_no_destination_under_another_name() {
        let (folder, root) = tree();
        let at = |name: &str| folder.path().join("root").join(name);
        let refused = |path| matches!(open(&root, path), Err(HostError::NotADestination { .. }));
        fs::create_dir_all(at("etc")).unwrap();
        fs::create_dir_all(at("var/lib")).unwrap();
        symlink("/etc", at("srv")).unwrap();
        symlink("/etc/../var/lib/kubeplan/runs", at("runs")).unwrap();
        // Before they exist nothing can be made in their places.
        assert!(refused("/srv/kubeplan") && refused("/srv/kubeplan/x"));
        let etc = open(&root, "/srv").unwrap().unwrap();
        assert!(matches!(
            etc.check_name("kubeplan"),
            Err(HostError::NotADestination { .. })
        ));
        assert!(etc.check_name("kubeplanner").is_ok());
        let actions = crate::host::Actions::default();
        let create = |name| actions.create_file(&etc, name, b"", 0o600, None);
        assert!(create("kubeplan").is_err());
        create("other").unwrap();
        // Once they do, neither can they be entered, nor what is below them.
        let own = RootPath::fixed("/var/lib/kubeplan/runs/0001");
        crate::host::ensure::ensure_directory(&root, &actions, &own, 0o700).unwrap();
        crate::host::ensure::ensure_directory(
            &root,
            &actions,
            &RootPath::fixed("/etc/kubeplan"),
            0o755,
        )
        .unwrap();
        assert!(refused("/srv/kubeplan") && refused("/runs") && refused("/runs/0001"));
        // By their own names, and only to look, they are open.
        assert!(root.open_directory(&own).unwrap().is_some());
        assert!(root.view(&RootPath::fixed("/runs/0001")).unwrap().is_some());
        // A new folder may get the number of one that is gone.
        fs::remove_dir(at("var/lib/kubeplan/runs/0001")).unwrap();
        for number in 0..20 {
            fs::create_dir(at("var").join(number.to_string())).unwrap();
            let path = RootPath::from_text(&format!("/var/{number}"));
            assert!(root.open_directory(&path).unwrap().is_some());
        }
    }

    #[test]
    fn file_systems_of_the_kernel_are_looked_at_and_not_changed() {
        let root = Root::open(Path::new("/")).unwrap();
        for path in ["/proc", "/proc/self", "/sys", "/dev"] {
            assert!(
                matches!(
                    open(&root, path),
                    Err(HostError::NotADestination {
                        reason: crate::host::error::Refusal::Kernel(_),
                        ..
                    })
                ),
                "{path}"
            );
            assert!(root.view(&RootPath::fixed(path)).unwrap().is_some());
        }
        assert!(
            root.read(&RootPath::fixed("/proc/mounts"), 1 << 24)
                .unwrap()
                .is_some()
        );
        for link in [
            "/proc/self/root/etc",
            "/proc/thread-self/cwd/x",
            "/proc/self/exe",
        ] {
            assert!(
                matches!(
                    root.look(&RootPath::fixed(link)),
                    Err(HostError::Link {
                        reason: LinkRefusal::Kernel,
                        ..
                    })
                ),
                "{link}"
            );
        }
    }
}

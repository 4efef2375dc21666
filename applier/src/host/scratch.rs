//! A private directory below `/run` for the files of one run: gone with the next boot at the latest.
//!
//! In: a root. Out: a directory that only its owner can enter, files in it that only their owner can read. It is removed when it is
//! dropped, unless it is kept; what is forgotten on the way is removed in any case. Nothing here is durable, and nothing
//! that has to survive a power failure belongs here.
//!
//! `/run` is found as every other destination is: a link in its place that another user owns, or that leads out of the root, is
//! not followed. All files are made and removed below the handle of the directory. Another program finds them by the
//! directory's path, so no other user may be able to exchange `/run`.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, mkdirat, openat2, readlinkat, unlinkat,
};
use rustix::io::Errno;

use super::directory::Directory;
use super::durable::{Actions, open_made};
use super::error::HostError;
use super::path::RootPath;
use super::root::Root;
use super::tree;

const RUN: RootPath = RootPath::fixed("/run");

/// A private directory.
#[derive(Debug)]
pub(crate) struct Scratch<'a> {
    root: &'a Root,
    run: Directory,
    dir: Directory,
    name: String,
    path: PathBuf,
    kept: bool,
}

impl<'a> Scratch<'a> {
    /// Makes the directory `/run/PREFIX-RANDOM` below the root.
    ///
    /// # Errors
    /// [`HostError`], also if another user could exchange `/run`.
    pub(crate) fn create(root: &'a Root, prefix: &str) -> Result<Self, HostError> {
        let run = open_run(root)?;
        let mut random = [0; 8];
        // Without random bytes the name is not secret either: the directory must not exist.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let name = format!("{prefix}-{:016x}", u64::from_be_bytes(random));
        let dir = make_directory(&run, &name)?;
        let failed = |errno| HostError::io("find", dir.path().as_str(), errno);
        let link = format!("/proc/self/fd/{}", directory_fd(&dir));
        let path = readlinkat(CWD, link.as_str(), Vec::new())
            .map_err(failed)?
            .into_string()
            .map_err(|_| HostError::NotText {
                path: dir.path().to_string(),
            })?;
        Ok(Self {
            root,
            run,
            dir,
            name,
            path: PathBuf::from(path),
            kept: false,
        })
    }

    /// The directory's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file or directory in it.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Makes a directory in it.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn create_directory(&self, name: &str) -> Result<(), HostError> {
        make_directory(&self.dir, name).map(drop)
    }

    /// Writes a new file into it; `name` may be `directory/name`.
    ///
    /// # Errors
    /// [`HostError`], also if it exists.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), HostError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let failed = |error| HostError::io("write", self.at(name), error);
        let file = openat2(&self.dir, name, flags, Mode::RUSR | Mode::WUSR, resolve)
            .map_err(|errno| failed(errno.into()))?;
        File::from(file).write_all(bytes).map_err(failed)
    }

    /// Removes a file from it.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn forget(&self, name: &str) -> Result<(), HostError> {
        unlinkat(&self.dir, name, AtFlags::empty())
            .map_err(|errno| HostError::io("remove", self.at(name), errno))
    }

    /// The files in one of its directories whose names end so.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn files(&self, dir: &str, suffix: &str) -> Result<Vec<PathBuf>, HostError> {
        let below = self
            .dir
            .open(dir)?
            .ok_or_else(|| HostError::io("list", self.at(dir), Errno::NOENT))?;
        let names = below.names()?.into_iter();
        Ok(names
            .filter(|name| name.ends_with(suffix))
            .map(|name| self.path.join(dir).join(name))
            .collect())
    }

    /// Lets the directory stay.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // If that fails, the next boot does it.
            let actions = Actions::default();
            let _ = tree::clear(self.root, &actions, &self.dir);
            let _ = unlinkat(&self.run, self.name.as_str(), AtFlags::REMOVEDIR);
        }
    }
}

/// Opens `/run`, and makes it where it is missing.
fn open_run(root: &Root) -> Result<Directory, HostError> {
    let top = super::ensure::open(root, &RootPath::fixed("/"))?;
    check_owner(root, &top)?;
    if let Some(run) = root.open_directory(&RUN)? {
        check_owner(root, &run)?;
        return Ok(run);
    }
    match mkdirat(&top, RUN.file_name(), Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(HostError::io("create", RUN.as_str(), errno)),
    }
    let run = super::ensure::open(root, &RUN)?;
    check_owner(root, &run)?;
    Ok(run)
}

/// Whether only root and the invoking user can exchange what lies in the directory.
fn check_owner(root: &Root, dir: &Directory) -> Result<(), HostError> {
    const STICKY: u32 = 0o1000;
    let meta = dir.meta()?;
    let owned = meta.owner.uid == 0 || meta.owner.uid == root.invoker().uid;
    if owned && (meta.mode & 0o022 == 0 || meta.mode & STICKY != 0) {
        return Ok(());
    }
    Err(HostError::NotPrivate {
        path: dir.path().to_string(),
        owner: meta.owner,
        mode: meta.mode,
    })
}

fn make_directory(parent: &Directory, name: &str) -> Result<Directory, HostError> {
    let path = parent.path().join(name);
    mkdirat(parent, name, Mode::RWXU)
        .map_err(|errno| HostError::io("create", path.as_str(), errno))?;
    open_made(parent, name, 0o700).map(|handle: OwnedFd| Directory::new(handle, path))
}

fn directory_fd(dir: &Directory) -> i32 {
    use std::os::fd::AsFd as _;
    dir.as_fd().as_raw_fd()
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the tree they built"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};

    use super::*;

    #[test]
    fn only_its_owner_can_look_and_it_goes_with_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let scratch = Scratch::create(&root, "join").unwrap();
        let path = scratch.path().to_owned();
        assert!(path.starts_with(dir.path().canonicalize().unwrap().join("run")));
        scratch.write("key", b"secret").unwrap();
        assert!(scratch.write("key", b"other").is_err());
        scratch.create_directory("out").unwrap();
        fs::write(path.join("out/a.tar.gz"), "").unwrap();
        fs::write(path.join("out/b.age"), "").unwrap();
        assert_eq!(
            scratch.files("out", ".tar.gz").unwrap(),
            [path.join("out/a.tar.gz")]
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("key")), 0o600);
        scratch.forget("key").unwrap();
        assert!(!path.join("key").exists());
        drop(scratch);
        assert!(!path.exists());
        let kept = Scratch::create(&root, "join").unwrap();
        let path = kept.path().to_owned();
        kept.keep();
        assert!(path.exists());
    }

    #[test]
    fn nothing_is_written_over_a_link_that_leads_out_or_of_another_user() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("root")).unwrap();
        fs::create_dir_all(at("outside")).unwrap();
        symlink("../outside", at("root/run")).unwrap();
        let root = Root::open(&at("root")).unwrap();
        assert!(Scratch::create(&root, "join").is_err());
        assert_eq!(fs::read_dir(at("outside")).unwrap().count(), 0);
        // Within the root it leads to another directory, as on a running system.
        fs::remove_file(at("root/run")).unwrap();
        fs::create_dir_all(at("root/var/run")).unwrap();
        symlink("/var/run", at("root/run")).unwrap();
        let scratch = Scratch::create(&root, "join").unwrap();
        assert!(
            scratch
                .path()
                .starts_with(at("root").canonicalize().unwrap().join("var/run"))
        );
        drop(scratch);
        assert_eq!(fs::read_dir(at("root/var/run")).unwrap().count(), 0);
        fs::set_permissions(at("root/var/run"), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            Scratch::create(&root, "join"),
            Err(HostError::NotPrivate { .. })
        ));
        fs::set_permissions(at("root/var/run"), fs::Permissions::from_mode(0o1777)).unwrap();
        drop(Scratch::create(&root, "join").unwrap());
        if root.is_privileged() {
            lchown(at("root/run"), Some(4242), Some(4242)).unwrap();
            assert!(matches!(
                Scratch::create(&root, "join"),
                Err(HostError::Link { .. })
            ));
            lchown(at("root/run"), Some(0), Some(0)).unwrap();
            chown(at("root/var/run"), Some(4242), None).unwrap();
            assert!(matches!(
                Scratch::create(&root, "join"),
                Err(HostError::NotPrivate { .. })
            ));
        }
    }
}

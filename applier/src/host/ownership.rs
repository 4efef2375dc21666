//! Directories and files that decide what this program does, read only if no other user can change them.
//!
//! In: the root and a path below it. Out: an open directory. It, every directory that the way from the root passes, those that only
//! hold a link included, and every file that is read in it are checked on their handles: the owner is root (or, in a tree that is not the running system, also the
//! invoking user), and neither the group nor other users may write. The sticky bit excuses nothing: it does not keep another user from
//! adding names. Directories above the root of a tree are the operator's choice.
//!
//! What does not exist is reported as missing only after the directories that lead there were checked: otherwise the
//! owner of one of them could hide a policy.

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::quote;
use rustix::fs::{FileType, OFlags, Stat, fstat};
use rustix::io::Errno;

use super::beneath::open_beneath;
use super::directory::{Directory, FileMeta, read_open_file};
use super::durable::Actions;
use super::ensure::ensure_directory;
use super::error::{Exposed, Exposure, HostError};
use super::path::RootPath;
use super::root::Root;

/// Write permission for the group or for other users.
const SHARED_WRITE: u32 = 0o022;

/// Any permission for the group or for other users.
const SHARED: u32 = 0o077;

/// An open directory that no other user can change, nor one on the way to it.
#[derive(Debug)]
pub(crate) struct Guarded {
    directory: Directory,
    rule: Rule,
}

/// Who may own what is read, and how the commands are written that mend it.
#[derive(Clone, Debug)]
struct Rule {
    /// Accepted owner besides root.
    owner: u32,
    /// For `chown`.
    group: u32,
    /// What precedes a path below the root; empty for the running system.
    prefix: String,
}

impl Guarded {
    /// Opens the directory at `path`; `None` if it, or one on the way, does not exist.
    ///
    /// # Errors
    /// [`HostError::Exposed`] if another user can change the directory or one on the way to it; otherwise as for
    /// [`Root::open_directory`].
    pub(crate) fn open(root: &Root, path: &RootPath) -> Result<Option<Self>, HostError> {
        let rule = Rule::of(root);
        let passed = |handle: BorrowedFd<'_>, shown: &str| {
            let stat = fstat(handle).map_err(|errno| HostError::io("look at", shown, errno))?;
            rule.check("directory", shown, stat.into())
        };
        let found = root.open_checking(path, &passed)?;
        Ok(found.map(|directory| Self { directory, rule }))
    }

    /// Opens a directory that must exist.
    ///
    /// # Errors
    /// As for [`Guarded::open`], also if it does not exist.
    pub(crate) fn must_open(root: &Root, path: &RootPath) -> Result<Self, HostError> {
        Self::open(root, path)?.ok_or_else(|| HostError::io("open", path.as_str(), Errno::NOENT))
    }

    /// Opens the directory at `path`, creating it with `mode` and missing ones on the way with 0755.
    ///
    /// # Errors
    /// As for [`Guarded::open`]; nothing is created below a directory that is exposed.
    pub(crate) fn ensure(
        root: &Root,
        actions: &Actions,
        path: &RootPath,
        mode: u32,
    ) -> Result<Self, HostError> {
        if let Some(found) = Self::open(root, path)? {
            return Ok(found);
        }
        ensure_directory(root, actions, path, mode)?;
        Self::must_open(root, path)
    }

    /// The directory itself, for changes.
    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The directory `name` in this one; `None` if it does not exist.
    ///
    /// # Errors
    /// As for [`Guarded::open`].
    pub(crate) fn child(&self, name: &str) -> Result<Option<Self>, HostError> {
        let Some(directory) = self.directory.open(name)? else {
            return Ok(None);
        };
        let rule = self.rule.clone();
        rule.check("directory", directory.path().as_str(), directory.meta()?)?;
        Ok(Some(Self { directory, rule }))
    }

    /// The bytes of the regular file `name`, at most `limit`; `None` if it does not exist.
    ///
    /// # Errors
    /// [`HostError::Exposed`] if another user can change the file; [`HostError`] if it cannot be read, is not a regular file, or
    /// is larger.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<SecretBytes>, HostError> {
        let path = self.directory.path().join(name);
        let Some((file, stat)) = self.open_file(name)? else {
            return Ok(None);
        };
        self.rule.check("file", path.as_str(), stat.into())?;
        read_open_file(File::from(file), path.as_str(), limit).map(Some)
    }

    /// Opens the regular file `name`, which only its owner may open and which has no other name; `None` if it does not
    /// exist. For locks: who can open a file can lock it.
    ///
    /// # Errors
    /// As for [`Guarded::read`].
    pub(crate) fn open_private(&self, name: &str) -> Result<Option<OwnedFd>, HostError> {
        let path = self.directory.path().join(name);
        let Some((file, stat)) = self.open_file(name)? else {
            return Ok(None);
        };
        let has_one_name = stat.st_nlink == 1;
        let meta = FileMeta::from(stat);
        self.rule.check("file", path.as_str(), meta)?;
        let (exposure, mend) = if meta.mode & SHARED != 0 {
            (Exposure::Shared(meta.mode), "chmod go=")
        } else if !has_one_name {
            (Exposure::Links, "rm")
        } else {
            return Ok(Some(file));
        };
        Err(self.rule.exposed("file", path.as_str(), exposure, mend))
    }

    /// Opens the regular file `name` once, without waiting for a writer of a FIFO.
    fn open_file(&self, name: &str) -> Result<Option<(OwnedFd, Stat)>, HostError> {
        let path = self.directory.path().join(name);
        let path = path.as_str();
        let other = || HostError::NotAFile { path: path.into() };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = open_beneath(self.directory.as_fd(), name, flags, path);
        let file = match opened {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(HostError::Io { source, .. })
                if source.raw_os_error() == Some(Errno::LOOP.raw_os_error()) =>
            {
                return Err(HostError::linked(path));
            }
            // A socket.
            Err(HostError::Io { source, .. })
                if source.raw_os_error() == Some(Errno::NXIO.raw_os_error()) =>
            {
                return Err(other());
            }
            Err(error) => return Err(error),
        };
        let stat = fstat(&file).map_err(|errno| HostError::io("look at", path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(other());
        }
        Ok(Some((file, stat)))
    }
}

impl Rule {
    fn of(root: &Root) -> Self {
        let invoker = root.invoker();
        let (owner, group, prefix) = if root.is_live() {
            (0, 0, String::new())
        } else {
            let prefix = root.absolute().trim_end_matches('/').to_owned();
            (invoker.uid, invoker.gid, prefix)
        };
        Self {
            owner,
            group: if owner == 0 { 0 } else { group },
            prefix,
        }
    }

    fn check(&self, kind: &'static str, path: &str, meta: FileMeta) -> Result<(), HostError> {
        if meta.owner.uid != 0 && meta.owner.uid != self.owner {
            let to = if self.owner == 0 {
                "chown root:root".to_owned()
            } else {
                format!("chown {}:{}", self.owner, self.group)
            };
            return Err(self.exposed(kind, path, Exposure::Owner(meta.owner.uid), &to));
        }
        if meta.mode & SHARED_WRITE != 0 {
            return Err(self.exposed(kind, path, Exposure::Writable(meta.mode), "chmod go-w"));
        }
        Ok(())
    }

    fn exposed(
        &self,
        kind: &'static str,
        path: &str,
        exposure: Exposure,
        command: &str,
    ) -> HostError {
        let full = format!("{}{path}", self.prefix);
        let mend = format!("{command} {}", quote(&full));
        HostError::Exposed(Box::new(Exposed::new(kind, full, exposure, &mend)))
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
    use std::path::Path;

    use super::*;

    const STATE: RootPath = RootPath::fixed("/var/lib/state");

    fn tree() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("var/lib/state/runs")).unwrap();
        fs::write(dir.path().join("var/lib/state/file"), "content").unwrap();
        for path in [
            "",
            "var",
            "var/lib",
            "var/lib/state",
            "var/lib/state/runs",
            "var/lib/state/file",
        ] {
            mode(&dir.path().join(path), 0o755);
        }
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    fn mode(path: &Path, bits: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    }

    fn read(root: &Root) -> Result<Option<Vec<u8>>, HostError> {
        let Some(place) = Guarded::open(root, &STATE)? else {
            return Ok(None);
        };
        place.child("runs")?;
        let bytes = place.read("file", 100)?;
        Ok(bytes.map(|bytes| bytes.expose().to_vec()))
    }

    /// The command that mends what `error` names.
    fn hint(error: &HostError) -> String {
        let HostError::Exposed(exposed) = error else {
            panic!("{error}");
        };
        let hint = exposed.mend.to_string();
        let command = hint.strip_prefix("check what it holds, then run `");
        command
            .and_then(|rest| rest.strip_suffix('`'))
            .unwrap()
            .to_owned()
    }

    #[test]
    fn a_directory_on_the_way_that_others_can_write_is_refused_with_the_command_that_mends_it() {
        let (dir, root) = tree();
        assert_eq!(read(&root).unwrap().unwrap(), b"content");
        for path in [
            "",
            "var",
            "var/lib",
            "var/lib/state",
            "var/lib/state/runs",
            "var/lib/state/file",
        ] {
            for bits in [0o775, 0o757, 0o1777] {
                let place = dir.path().join(path);
                mode(&place, bits);
                let error = read(&root).unwrap_err();
                let shown = place.display().to_string();
                assert_eq!(
                    hint(&error).trim_end_matches('/'),
                    format!("chmod go-w {}", shown.trim_end_matches('/')),
                );
                assert!(error.to_string().contains(&format!("{bits:04o}")));
                mode(&place, 0o755);
            }
        }
        assert!(read(&root).is_ok());
    }

    #[test]
    fn what_is_missing_is_missing_only_behind_directories_that_are_checked() {
        let (dir, root) = tree();
        fs::remove_dir_all(dir.path().join("var/lib/state")).unwrap();
        assert_eq!(read(&root).unwrap(), None);
        mode(&dir.path().join("var/lib"), 0o777);
        assert!(hint(&read(&root).unwrap_err()).ends_with("/var/lib"));
        let error = Guarded::ensure(&root, &Actions::default(), &STATE, 0o700).unwrap_err();
        assert!(hint(&error).ends_with("/var/lib"));
        assert!(!dir.path().join("var/lib/state").exists());
        mode(&dir.path().join("var/lib"), 0o755);
        Guarded::ensure(&root, &Actions::default(), &STATE, 0o700).unwrap();
    }

    #[test]
    fn a_directory_that_a_link_leads_to_is_checked_with_what_it_lies_in() {
        let (dir, root) = tree();
        fs::create_dir_all(dir.path().join("data/disk")).unwrap();
        for path in ["data", "data/disk"] {
            mode(&dir.path().join(path), 0o755);
        }
        fs::rename(dir.path().join("var/lib"), dir.path().join("data/disk/lib")).unwrap();
        symlink("/data/disk/lib", dir.path().join("var/lib")).unwrap();
        assert_eq!(read(&root).unwrap().unwrap(), b"content");
        mode(&dir.path().join("data"), 0o777);
        let error = read(&root).unwrap_err();
        assert!(error.to_string().contains("/data` has"), "{error}");
        mode(&dir.path().join("data"), 0o755);
        mode(&dir.path().join("var"), 0o777);
        assert!(read(&root).is_err());
    }

    #[test]
    fn a_directory_that_only_holds_a_link_on_the_way_is_checked() {
        let (dir, root) = tree();
        for path in ["data", "data/hop", "other"] {
            fs::create_dir(dir.path().join(path)).unwrap();
            mode(&dir.path().join(path), 0o755);
        }
        fs::rename(dir.path().join("var/lib"), dir.path().join("other/lib")).unwrap();
        // Neither directory lies above the one that is opened in the end.
        symlink("/data/hop/lib", dir.path().join("var/lib")).unwrap();
        symlink("../../other/lib", dir.path().join("data/hop/lib")).unwrap();
        assert_eq!(read(&root).unwrap().unwrap(), b"content");
        for path in ["data", "data/hop", "other", "other/lib"] {
            let place = dir.path().join(path);
            mode(&place, 0o777);
            let error = read(&root).unwrap_err();
            assert!(hint(&error).ends_with(&format!("/{path}")), "{error}");
            mode(&place, 0o755);
            if root.is_privileged() {
                chown(&place, Some(65534), None).unwrap();
                assert!(hint(&read(&root).unwrap_err()).ends_with(&format!("/{path}")));
                chown(&place, Some(0), None).unwrap();
            }
        }
        fs::remove_dir_all(dir.path().join("other/lib/state")).unwrap();
        assert_eq!(read(&root).unwrap(), None);
    }

    #[test]
    fn owners_are_root_and_the_user_who_made_the_tree() {
        let (dir, root) = tree();
        if !root.is_privileged() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        for path in ["", "var/lib", "var/lib/state", "var/lib/state/file"] {
            let place = dir.path().join(path);
            chown(&place, Some(65534), Some(65534)).unwrap();
            let error = read(&root).unwrap_err();
            assert!(hint(&error).starts_with("chown root:root "), "{error}");
            assert!(error.to_string().contains("user 65534"), "{error}");
            chown(&place, Some(0), Some(0)).unwrap();
        }
        assert!(read(&root).is_ok());
    }

    #[test]
    fn only_regular_files_are_read_and_nothing_waits() {
        let (dir, root) = tree();
        let file = dir.path().join("var/lib/state/file");
        fs::remove_file(&file).unwrap();
        assert_eq!(read(&root).unwrap(), None);
        symlink("runs", &file).unwrap();
        let error = read(&root).unwrap_err();
        assert!(matches!(error, HostError::LinkedFile { .. }), "{error}");
        assert_eq!(kubeplan_terminal::hints(&error).len(), 1);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(matches!(read(&root), Err(HostError::NotAFile { .. })));
        fs::remove_dir(&file).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            &file,
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .unwrap();
        assert!(matches!(read(&root), Err(HostError::NotAFile { .. })));
    }
}

//! Opens files and directories for the planner.
//!
//! In: a path, or a name in an open directory. Out: a handle. Kind, owner and mode are read from the handle, never from the path
//! again. Opening never blocks: a FIFO without a writer is an error that says so. Files and directories get their mode when they
//! are created, and no umask can widen it.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use kubeplan_terminal::quote;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::path::Arg;

/// Flags for opening files to read: without waiting for a writer, and without making a terminal the controlling one.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Opens a regular file for reading; follows links.
///
/// # Errors
/// `InvalidInput` with the kind of file if it is not a regular file; or any error of the file system.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    regular(File::from(rustix::fs::open(path, READ, Mode::empty())?))
}

/// Opens a file that the user named on the command line: a regular file, or a pipe of the shell's process substitution
/// (`<(…)`), which has a writer.
///
/// # Errors
/// As for [`open_regular`]. A named FIFO is refused, because it may have no writer.
pub(crate) fn open_given(path: &Path) -> io::Result<File> {
    let file = File::from(rustix::fs::open(path, READ, Mode::empty())?);
    let of_the_shell = ["/dev/fd", "/proc/self/fd"]
        .iter()
        .any(|dir| path.parent() == Some(Path::new(dir)))
        || path == Path::new("/dev/stdin");
    if of_the_shell && file.metadata()?.file_type().is_fifo() {
        // Opening created a new file description, so this does not affect the program that made the pipe.
        rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
        return Ok(file);
    }
    regular(file)
}

fn regular(file: File) -> io::Result<File> {
    let kind = file.metadata()?.file_type();
    let found = if kind.is_file() {
        return Ok(file);
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO (named pipe)"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {found}, not a regular file"),
    ))
}

/// Creates the directory `path` and its missing parents, with at most the permissions of `mode`, whatever the umask.
///
/// # Errors
/// Any error of the file system.
pub(crate) fn make_directories(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// What owner and mode a file or directory must have so that secrets in it are safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It belongs to the invoking user or to root.
    Owned,
    /// Also, no other user can change it.
    Unchanged,
    /// Also, no other user can read it.
    Private,
    /// Also, no other user can read it, except members of its group: for the key of an SSH server, which some distributions make
    /// readable for the group `ssh_keys`.
    HostKey,
}

/// Why a file or directory does not satisfy a [`Need`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exposed {
    /// It belongs to another user.
    #[error("`{}` belongs to the user with ID {owner}, but kubeplan runs as the user with ID {user}", .path.display())]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// The ID of its owner.
        owner: u32,
        /// The ID of the user who runs this program.
        user: u32,
    },
    /// Other users can read or change it.
    #[error("`{}` is open to other users (mode {mode:04o})", .path.display())]
    Mode {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The argument for `chmod` that closes it.
        wanted: &'static str,
    },
}

impl Exposed {
    /// A command that corrects owner or mode.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Owner { path, owner, user } => format!(
                "run kubeplan as the user with ID {owner}, or take ownership with `chown {}{user} {}`",
                if path.is_dir() { "-R " } else { "" },
                quote(&path.to_string_lossy())
            ),
            Self::Mode { path, wanted, .. } => match workspace_of(path) {
                // If one file of a workspace is open, others usually are too, and nothing in a workspace is for other users.
                Some(workspace) => format!(
                    "run `chmod -R go= {}`, which makes the whole workspace private",
                    quote(&workspace.to_string_lossy())
                ),
                None => format!("run `chmod {wanted} {}`", quote(&path.to_string_lossy())),
            },
        }
    }

    /// A hint for a file or directory that cannot be opened because it belongs to another user; `None` for other errors. `path` may
    /// be below the directory that cannot be opened.
    pub(crate) fn hint_if_denied(error: &io::Error, path: &Path) -> Option<String> {
        if error.kind() != io::ErrorKind::PermissionDenied {
            return None;
        }
        let user = rustix::process::geteuid().as_raw();
        let (path, metadata) = path.ancestors().find_map(|path| {
            let path = if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            };
            Some((path, path.metadata().ok()?))
        })?;
        let owner = metadata.uid();
        let path = path.to_owned();
        (owner != user).then(|| Self::Owner { path, owner, user }.hint())
    }
}

/// The workspace that `path` is or is in.
fn workspace_of(path: &Path) -> Option<&Path> {
    path.ancestors()
        .find(|path| path.extension().is_some_and(|end| end == "kubeplan"))
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// Its owner and mode cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Other users own it, or can read or change it.
    #[error(transparent)]
    Exposed(#[from] Exposed),
}

/// Refuses an open file or directory that does not satisfy `need`. Messages call it `path`.
///
/// Accepts root as owner, because root can read and change everything anyway.
///
/// # Errors
/// [`Unusable`] if it does not satisfy `need`, or cannot be inspected.
pub(crate) fn check(file: &File, path: &Path, need: Need) -> Result<(), Unusable> {
    let metadata = file.metadata()?;
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user && metadata.uid() != 0 {
        return Err(Exposed::Owner {
            path: path.to_owned(),
            owner: metadata.uid(),
            user,
        }
        .into());
    }
    let (forbidden, wanted) = match (need, metadata.is_dir()) {
        (Need::Owned, _) => return Ok(()),
        (Need::Unchanged, _) => (0o022, "go-w"),
        (Need::Private | Need::HostKey, true) => (0o077, "700"),
        (Need::Private, false) => (0o077, "600"),
        (Need::HostKey, false) => (0o037, "600"),
    };
    let mode = metadata.mode() & 0o7777;
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(Exposed::Mode {
        path: path.to_owned(),
        mode,
        wanted,
    }
    .into())
}

/// Who can write a file besides its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// The owner alone; or the file is a pipe.
    Owner,
    /// The members of its group.
    Group {
        /// The mode.
        mode: u32,
    },
    /// Every user.
    Everyone {
        /// The mode.
        mode: u32,
    },
}

/// Returns who can write an open file.
///
/// # Errors
/// Any error of the file system.
pub(crate) fn writers(file: &File) -> io::Result<Writers> {
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o7777;
    Ok(match metadata.is_file() {
        true if mode & 0o002 != 0 => Writers::Everyone { mode },
        true if mode & 0o020 != 0 => Writers::Group { mode },
        _ => Writers::Owner,
    })
}

/// An open directory. Names are looked up in the directory that was opened, even if its path now leads elsewhere.
#[derive(Debug)]
pub(crate) struct Directory {
    handle: File,
    path: PathBuf,
}

impl Directory {
    /// Opens a directory; follows links.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self {
            handle: handle.into(),
            path: path.to_owned(),
        })
    }

    /// The handle.
    pub(crate) fn handle(&self) -> &File {
        &self.handle
    }

    /// The path with which it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a directory in this one; does not follow links.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn directory(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
        Ok(Self {
            handle: handle.into(),
            path: self.path.join(name),
        })
    }

    /// Opens the directory at `relative`, names separated by `/`. If there is a mode, creates missing directories with it.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn below(&self, relative: &str, make: Option<u16>) -> io::Result<Self> {
        let mut at = Self {
            handle: self.handle.try_clone()?,
            path: self.path.clone(),
        };
        for name in relative.split('/').filter(|name| !name.is_empty()) {
            if let Some(mode) = make {
                match rustix::fs::mkdirat(&at.handle, name, bits(mode)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            at = at.directory(name)?;
        }
        Ok(at)
    }

    /// Opens a regular file in this directory for reading; follows links.
    ///
    /// # Errors
    /// As for [`open_regular`].
    pub(crate) fn file<P: Arg>(&self, name: P) -> io::Result<File> {
        regular(File::from(rustix::fs::openat(
            &self.handle,
            name,
            READ,
            Mode::empty(),
        )?))
    }

    /// Opens the regular file `path` below this directory for reading. Follows links that stay below it.
    ///
    /// # Errors
    /// As for [`open_regular`]; `EXDEV` if the path or a link leads out of the directory.
    pub(crate) fn file_beneath(&self, path: &str) -> io::Result<File> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        regular(File::from(rustix::fs::openat2(
            &self.handle,
            path,
            READ,
            Mode::empty(),
            resolve,
        )?))
    }

    /// Opens a regular file in this directory for writing, and creates it if it is missing. Refuses a link.
    ///
    /// # Errors
    /// As for [`open_regular`].
    pub(crate) fn keep_file(&self, name: &str, mode: u16) -> io::Result<File> {
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.handle, name, flags, bits(mode));
        match opened {
            Err(Errno::LOOP) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is a link, not a regular file",
            )),
            other => regular(File::from(other?)),
        }
    }

    /// Creates a file in this directory.
    ///
    /// # Errors
    /// `AlreadyExists` if the name exists, also as a link; or any error of the file system.
    pub(crate) fn create<P: Arg>(&self, name: P, mode: u16) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.handle, name, flags, bits(mode))?.into())
    }

    /// Creates a file with a name that starts with `prefix` and cannot be guessed.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn create_temporary(&self, prefix: &str, mode: u16) -> io::Result<(String, File)> {
        let name = unguessable(prefix)?;
        let file = self.create(&name, mode)?;
        Ok((name, file))
    }

    /// Creates a directory with a name that starts with `prefix` and cannot be guessed, and opens it.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn make_temporary(&self, prefix: &str, mode: u16) -> io::Result<(String, Self)> {
        let name = unguessable(prefix)?;
        rustix::fs::mkdirat(&self.handle, &name, bits(mode))?;
        let made = self.directory(&name)?;
        // If other users can change this directory, the name could be another directory by now.
        check(&made.handle, &made.path, Need::Unchanged).map_err(io::Error::other)?;
        Ok((name, made))
    }

    /// Lists the names and kinds of the directory's entries.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn entries(&self) -> io::Result<Vec<(OsString, FileType)>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = std::ffi::OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    let found = rustix::fs::statat(&self.handle, &name, AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(found.st_mode)
                }
                kind => kind,
            };
            entries.push((name, kind));
        }
        Ok(entries)
    }

    /// Moves the file `from` of this directory to the name `to` in another directory, and replaces what exists there.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn rename_into<P: Arg + Copy>(
        &self,
        from: P,
        other: &Self,
        to: P,
    ) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, from, &other.handle, to)?)
    }

    /// Renames the file `from` of this directory to `to`.
    ///
    /// # Errors
    /// `AlreadyExists` if the name exists and `replace` is not set; or any error of the file system.
    pub(crate) fn rename<P: Arg + Copy>(&self, from: &str, to: P, replace: bool) -> io::Result<()> {
        let here = &self.handle;
        if replace {
            return Ok(rustix::fs::renameat(here, from, here, to)?);
        }
        match rustix::fs::renameat_with(here, from, here, to, RenameFlags::NOREPLACE) {
            // File systems without this operation, such as NFS, have hard links.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(here, from, here, to, AtFlags::empty())?;
                self.remove(from)
            }
            other => Ok(other?),
        }
    }

    /// Removes a file.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn remove<P: Arg>(&self, name: P) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn remove_directory(&self, name: &str) -> io::Result<()> {
        let flags = AtFlags::REMOVEDIR;
        Ok(rustix::fs::unlinkat(&self.handle, name, flags)?)
    }

    /// Makes created, renamed and removed names durable.
    ///
    /// # Errors
    /// Any error of the file system.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

fn unguessable(prefix: &str) -> io::Result<String> {
    let mut random = [0; 12];
    // From the operating system: a name is not a key, and the first random number from aws-lc takes 30 ms.
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(format!(
        "{prefix}{}",
        kubeplan_bundle::digest::to_hex(&random)
    ))
}

fn bits(mode: u16) -> Mode {
    Mode::from_bits_truncate(mode.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn fifo(path: &Path) {
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            FileType::Fifo,
            Mode::from_bits_truncate(0o600),
            0,
        );
        made.unwrap();
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        symlink("file", at("link")).unwrap();
        fifo(&at("fifo"));
        symlink("fifo", at("link-to-fifo")).unwrap();
        let directory = Directory::open(dir.path()).unwrap();
        for open in [open_regular, open_given] {
            for name in ["file", "link"] {
                assert!(open(&at(name)).is_ok(), "{name}");
                assert!(directory.file(name).is_ok(), "{name}");
            }
            for (path, found) in [
                (at("fifo"), "a FIFO"),
                (at("link-to-fifo"), "a FIFO"),
                (at("."), "a directory"),
                ("/dev/null".into(), "a device"),
            ] {
                let error = open(&path).unwrap_err().to_string();
                assert!(error.contains(found), "{}: {error}", path.display());
            }
        }
        assert!(directory.file("fifo").is_err());
    }

    #[test]
    fn a_pipe_of_the_shell_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        let thread = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            writer.write_all(b"late").unwrap();
        });
        let mut text = String::new();
        let mut opened = open_given(&path).unwrap();
        drop(reader);
        opened.read_to_string(&mut text).unwrap();
        thread.join().unwrap();
        assert_eq!(text, "late");
    }

    #[test]
    fn owner_and_mode_are_checked_by_the_handle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "x").unwrap();
        let check = |mode: u32, need: Need| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            super::check(&open_regular(&path).unwrap(), &path, need)
        };
        for (mode, owned, unchanged, host_key, private) in [
            (0o600, true, true, true, true),
            (0o400, true, true, true, true),
            (0o640, true, true, true, false),
            (0o644, true, true, false, false),
            (0o620, true, false, false, false),
            (0o602, true, false, false, false),
        ] {
            assert_eq!(check(mode, Need::Owned).is_ok(), owned, "{mode:o}");
            assert_eq!(check(mode, Need::Unchanged).is_ok(), unchanged, "{mode:o}");
            assert_eq!(check(mode, Need::HostKey).is_ok(), host_key, "{mode:o}");
            assert_eq!(check(mode, Need::Private).is_ok(), private, "{mode:o}");
        }
    }

    #[test]
    fn names_are_looked_up_in_the_directory_that_was_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("mine")).unwrap();
        std::fs::create_dir(at("other")).unwrap();
        let mine = Directory::open(&at("mine")).unwrap();
        std::fs::rename(at("mine"), at("moved")).unwrap();
        symlink("other", at("mine")).unwrap();
        mine.create("key", 0o600).unwrap();
        assert!(at("moved/key").exists() && !at("other/key").exists());
        assert!(
            Directory::open(dir.path())
                .unwrap()
                .directory("mine")
                .is_err()
        );
        // A planted link is not followed either.
        symlink("../other/planted", at("moved/link")).unwrap();
        assert!(mine.create("link", 0o600).is_err());
        assert!(mine.keep_file("link", 0o600).is_err());
        assert!(!at("other/planted").exists());
    }

    #[test]
    fn a_hint_is_a_command_that_removes_the_problem() {
        let mode = |path: &str| Exposed::Mode {
            path: path.into(),
            mode: 0o644,
            wanted: "600",
        };
        assert_eq!(mode("a b").hint(), "run `chmod 600 'a b'`");
        for path in ["x/c.kubeplan/keys/author", "x/c.kubeplan"] {
            let hint = mode(path).hint();
            assert!(
                hint.starts_with("run `chmod -R go= x/c.kubeplan`"),
                "{hint}"
            );
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "").unwrap();
        for (path, recursive) in [(dir.path(), true), (&file, false)] {
            let owner = Exposed::Owner {
                path: path.into(),
                owner: 1,
                user: 2,
            };
            assert_eq!(owner.hint().contains("`chown -R 2 "), recursive);
            assert!(recursive || owner.hint().contains("`chown 2 "));
        }
        // A file of the invoking user gets no hint about another user.
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Exposed::hint_if_denied(&denied, &file.join("below")), None);
        let root = Exposed::hint_if_denied(&denied, Path::new("/"));
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(root.is_none(), is_root);
    }
}

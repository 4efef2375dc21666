//! Files and directories as the planner opens them.
//!
//! In: a path, or a name in an open directory. Out: a handle. What it is, whose it is and who else may read or change it
//! is asked of the handle, never of the path a second time. Opening never waits: a FIFO without a writer is an error
//! that says so. A mode is given when a file or directory is made, so no umask makes it wider than that.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use kubeplan_terminal::quote;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::path::Arg;

/// How files are opened for reading: without waiting for a writer, and without taking over a terminal.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Opens a regular file for reading; a link to one counts.
///
/// # Errors
/// `InvalidInput`, naming what it is, if it is not a regular file; or whatever the file system returns.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    regular(File::from(rustix::fs::open(path, READ, Mode::empty())?))
}

/// Opens what the user named on the command line: a regular file, or a pipe of the shell's process substitution
/// (`<(…)`), which has a writer.
///
/// # Errors
/// As for [`open_regular`]. A FIFO with a name of its own is refused: it may have no writer.
pub(crate) fn open_given(path: &Path) -> io::Result<File> {
    let file = File::from(rustix::fs::open(path, READ, Mode::empty())?);
    let of_the_shell = ["/dev/fd", "/proc/self/fd"]
        .iter()
        .any(|folder| path.parent() == Some(Path::new(folder)))
        || path == Path::new("/dev/stdin");
    if of_the_shell && file.metadata()?.file_type().is_fifo() {
        // Opening made a description of its own, so this is not seen by the program that made the pipe.
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

/// Creates the directory `path` and those above it that are missing; none is open to more than `mode` says, whatever the
/// umask.
///
/// # Errors
/// Whatever the file system returns.
pub(crate) fn make_directories(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// What a file or directory has to be like before secrets in it count as secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The invoker's or root's.
    Owned,
    /// And no other user may change it.
    Unchanged,
    /// And no other user may read it.
    Private,
    /// And no other user may read it but members of its group: the key of an SSH server, which some distributions let the
    /// group `ssh_keys` read.
    HostKey,
}

/// Why a file or directory does not fulfil a [`Need`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exposed {
    /// It is another user's.
    #[error("`{}` belongs to the user with ID {owner}, and kubeplan runs as {user}", .path.display())]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who runs this program.
        user: u32,
    },
    /// Other users can read or change it.
    #[error("`{}` is open to other users (mode {mode:04o})", .path.display())]
    Mode {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What `chmod` should set.
        wanted: &'static str,
    },
}

impl Exposed {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Owner { path, owner, user } => format!(
                "run kubeplan as the user with ID {owner}; or, if that user is to have no part in it, run `chown {}{user} {}`",
                if path.is_dir() { "-R " } else { "" },
                quote(&path.to_string_lossy())
            ),
            Self::Mode { path, wanted, .. } => match workspace_of(path) {
                // Seldom is one file of a workspace open alone, and nothing in it is for other users.
                Some(workspace) => format!(
                    "run `chmod -R go= {}`, which closes everything of the workspace",
                    quote(&workspace.to_string_lossy())
                ),
                None => format!("run `chmod {wanted} {}`", quote(&path.to_string_lossy())),
            },
        }
    }

    /// What to do about a file or directory that may not even be opened; `None` if the error is another one, or the invoker's own
    /// mode forbids it. `path` may be below what is closed.
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

/// The cluster's workspace that `path` is in, or is.
fn workspace_of(path: &Path) -> Option<&Path> {
    path.ancestors()
        .find(|path| path.extension().is_some_and(|end| end == "kubeplan"))
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// It cannot be inspected.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is exposed.
    #[error(transparent)]
    Exposed(#[from] Exposed),
}

/// Refuses an open file or directory that does not fulfil `need`. `path` is what messages call it.
///
/// Root may own anything, for root can read and change everything anyway.
///
/// # Errors
/// [`Unusable`].
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

/// Who may write a file besides its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// The owner, or it is the end of a pipe.
    Owner,
    /// The file's group.
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

/// Who may write an open file.
///
/// # Errors
/// Whatever the file system returns.
pub(crate) fn writers(file: &File) -> io::Result<Writers> {
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o7777;
    Ok(match metadata.is_file() {
        true if mode & 0o002 != 0 => Writers::Everyone { mode },
        true if mode & 0o020 != 0 => Writers::Group { mode },
        _ => Writers::Owner,
    })
}

/// An open directory: names below it are looked up in the directory that was opened, whatever its path stands for since.
#[derive(Debug)]
pub(crate) struct Directory {
    handle: File,
    path: PathBuf,
}

impl Directory {
    /// Opens a directory; a link to one counts.
    ///
    /// # Errors
    /// Whatever the file system returns.
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

    /// Where it was found.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a directory in this one; a link does not count.
    ///
    /// # Errors
    /// Whatever the file system returns.
    pub(crate) fn directory(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
        Ok(Self {
            handle: handle.into(),
            path: self.path.join(name),
        })
    }

    /// Opens the directory at `relative`, names divided by `/`; those that are missing are made if there is a mode for them.
    ///
    /// # Errors
    /// Whatever the file system returns.
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

    /// Opens a regular file in this directory for reading; a link to one counts.
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

    /// Opens a regular file in this directory for writing, and makes it if it is missing; a link is refused.
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

    /// Makes a file in this directory.
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken, by a link too; or whatever the file system returns.
    pub(crate) fn create<P: Arg>(&self, name: P, mode: u16) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.handle, name, flags, bits(mode))?.into())
    }

    /// Makes a file with a name that starts with `prefix` and cannot be guessed.
    ///
    /// # Errors
    /// Whatever the file system returns.
    pub(crate) fn create_temporary(&self, prefix: &str, mode: u16) -> io::Result<(String, File)> {
        let name = unguessable(prefix)?;
        let file = self.create(&name, mode)?;
        Ok((name, file))
    }

    /// Makes a directory with a name that starts with `prefix` and cannot be guessed, and opens it.
    ///
    /// # Errors
    /// Whatever the file system returns.
    pub(crate) fn make_temporary(&self, prefix: &str, mode: u16) -> io::Result<(String, Self)> {
        let name = unguessable(prefix)?;
        rustix::fs::mkdirat(&self.handle, &name, bits(mode))?;
        let made = self.directory(&name)?;
        // In a directory that other users may change, it could be another one by now.
        check(&made.handle, &made.path, Need::Unchanged).map_err(io::Error::other)?;
        Ok((name, made))
    }

    /// Names and kinds of what is in the directory.
    ///
    /// # Errors
    /// Whatever the file system returns.
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

    /// Gives the file `from` of this directory the name `to` in another, where it replaces what is there.
    ///
    /// # Errors
    /// Whatever the file system returns.
    pub(crate) fn rename_into<P: Arg + Copy>(
        &self,
        from: P,
        other: &Self,
        to: P,
    ) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, from, &other.handle, to)?)
    }

    /// Gives the file `from` of this directory the name `to` in it.
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken and `replace` is not set; or whatever the file system returns.
    pub(crate) fn rename<P: Arg + Copy>(&self, from: &str, to: P, replace: bool) -> io::Result<()> {
        let here = &self.handle;
        if replace {
            return Ok(rustix::fs::renameat(here, from, here, to)?);
        }
        match rustix::fs::renameat_with(here, from, here, to, RenameFlags::NOREPLACE) {
            // File systems that cannot, such as NFS, have hard links.
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
    /// Whatever the file system returns.
    pub(crate) fn remove<P: Arg>(&self, name: P) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Whatever the file system returns.
    pub(crate) fn remove_directory(&self, name: &str) -> io::Result<()> {
        let flags = AtFlags::REMOVEDIR;
        Ok(rustix::fs::unlinkat(&self.handle, name, flags)?)
    }

    /// Makes names that were given or taken away durable.
    ///
    /// # Errors
    /// Whatever the file system returns.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

fn unguessable(prefix: &str) -> io::Result<String> {
    let mut random = [0; 12];
    // From the system itself: a name is not a key, and the first number from aws-lc takes a process 30 ms.
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
    fn what_is_not_a_regular_file_is_named_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        symlink("file", at("link")).unwrap();
        fifo(&at("fifo"));
        symlink("fifo", at("link-to-fifo")).unwrap();
        let directory = Directory::open(folder.path()).unwrap();
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
    fn a_handle_says_who_may_read_and_change_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
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
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("mine")).unwrap();
        std::fs::create_dir(at("other")).unwrap();
        let mine = Directory::open(&at("mine")).unwrap();
        std::fs::rename(at("mine"), at("moved")).unwrap();
        symlink("other", at("mine")).unwrap();
        mine.create("key", 0o600).unwrap();
        assert!(at("moved/key").exists() && !at("other/key").exists());
        assert!(
            Directory::open(folder.path())
                .unwrap()
                .directory("mine")
                .is_err()
        );
        // Nor does a planted link lead anywhere.
        symlink("../other/planted", at("moved/link")).unwrap();
        assert!(mine.create("link", 0o600).is_err());
        assert!(mine.keep_file("link", 0o600).is_err());
        assert!(!at("other/planted").exists());
    }

    #[test]
    fn a_hint_is_a_command_that_mends_what_was_found() {
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
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "").unwrap();
        for (path, recursive) in [(folder.path(), true), (&file, false)] {
            let owner = Exposed::Owner {
                path: path.into(),
                owner: 1,
                user: 2,
            };
            assert_eq!(owner.hint().contains("`chown -R 2 "), recursive);
            assert!(recursive || owner.hint().contains("`chown 2 "));
        }
        // What is the invoker's own needs no other user.
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Exposed::hint_if_denied(&denied, &file.join("below")), None);
        let root = Exposed::hint_if_denied(&denied, Path::new("/"));
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(root.is_none(), is_root);
    }
}

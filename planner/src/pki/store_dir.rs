//! The key store's directory: the only place of the planner's PKI that touches a disk.
//!
//! In: a path. Out: [`StoreContents`], and back. The directory is opened once; everything in it is opened below that handle and
//! belongs to the user who runs the program, or to root. The directory and its key files must be closed to all other users, and only
//! the owner may change what is in it. One run at a time holds the lock. What survives a crash at any instant:
//!
//! 1. `store.json` is written first; it names the certificates that are being written as `pending`.
//! 2. All keys are written beside their places under temporary names, with their mode from the start, synced,
//!    then renamed; a file that was not there when the store was read is never replaced. Their directories are synced.
//! 3. All certificates likewise.
//! 4. `store.json` is written again without `pending`.
//!
//! A save that has not returned has handed out nothing, so a pair it left half-written can be made again
//! ([`mod@super::assess`]); files that existed before are whole, old or new.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::secret::SecretBytes;
use rayon::prelude::*;
use rustix::fs::FileType;
use zeroize::Zeroizing;

use super::PkiError;
use super::store::{
    INDEX_FILE, StoreContents, StoreIndex, file_mode, is_certificate, save_batches,
};
use crate::durable::{MANY, sync_file_systems};
use crate::files::{self, Directory, Exposed, Need, Unusable};

const LOCK_FILE: &str = ".lock";
const TEMPORARY_PREFIX: &str = ".new-";

/// The largest file that is read as a key or certificate, in bytes.
const MAX_FILE_SIZE: u64 = 4 * 1024 * 1024;

/// The largest `store.json`, in bytes; a certificate's record takes less than 2 KiB.
const MAX_INDEX_SIZE: u64 = 256 * 1024 * 1024;

/// How often the store is read while another run writes to it.
const MAX_READS: usize = 8;

/// The depth of the deepest certificates: `nodes/<name>/etcd/server.crt`.
const MAX_DEPTH: usize = 3;

/// Why the key store's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreDirError {
    /// Another run holds the lock.
    #[error("another run of kubeplan holds the key store `{}`; wait until it has ended", .0.display())]
    Locked(PathBuf),
    /// It belongs to another user.
    #[error(
        "`{}` belongs to the user with ID {owner}, but kubeplan runs as the user with ID {user}",
        .path.display()
    )]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// The ID of its owner.
        owner: u32,
        /// The ID of the user who runs the program.
        user: u32,
    },
    /// Other users can read keys, or change what is in the directory.
    #[error(
        "`{}` is open to other users (mode {mode:04o}): keys in it may not be secret",
        .path.display()
    )]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What `chmod` should set.
        wanted: &'static str,
    },
    /// The path is not a directory.
    #[error("the key store `{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// A file is too large.
    #[error("`{}` is too large for a file of a key store", .0.display())]
    TooLarge(PathBuf),
    /// Another program put a file there while the plan was made.
    #[error("`{}` appeared while the plan was made and is not overwritten; run the plan again", .0.display())]
    Appeared(PathBuf),
    /// Reading or writing failed.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// `store.json` cannot be used.
    #[error("the key store `{}` cannot be used", .path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<PkiError>,
    },
}

/// Names action and path of an I/O error.
trait AtPath<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreDirError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreDirError> {
        self.map_err(|source| StoreDirError::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}

impl StoreDirError {
    /// What the operator can do, if the message does not say it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Owner { path, owner, user } => Some(
                Exposed::Owner {
                    path: path.clone(),
                    owner: *owner,
                    user: *user,
                }
                .hint(),
            ),
            Self::Open { path, mode, wanted } => Some(
                Exposed::Mode {
                    path: path.clone(),
                    mode: *mode,
                    wanted,
                }
                .hint(),
            ),
            Self::Io { path, source, .. } => Exposed::hint_if_denied(source, path),
            _ => None,
        }
    }
}

/// A key store's directory.
#[derive(Debug)]
pub struct StoreDir {
    path: PathBuf,
    root: Directory,
}

/// A key store that no other run can change while this value lives.
#[derive(Debug)]
pub struct StoreLock<'a> {
    store: &'a StoreDir,
    file: File,
}

impl Drop for StoreLock<'_> {
    /// Unlocks explicitly, before the file is closed: a process that another thread is just starting may have a
    /// copy of the descriptor, and would hold the lock until it executes its program.
    fn drop(&mut self) {
        // Nothing can be done about a failure; closing the file follows.
        let _ = self.file.unlock();
    }
}

impl StoreDir {
    /// Opens the store at `path`; creates it (0700, parents too) if it is not there.
    ///
    /// # Errors
    /// [`StoreDirError`] if it is not a directory, or is open to other users.
    pub fn open_or_create(path: &Path) -> Result<Self, StoreDirError> {
        if let Some(store) = Self::open_existing(path)? {
            return Ok(store);
        }
        create_private(path)?;
        Self::open_existing(path)?.ok_or_else(|| StoreDirError::NotADirectory(path.to_owned()))
    }

    /// Opens the store at `path` if there is one; creates nothing.
    ///
    /// # Errors
    /// [`StoreDirError`] if it is not a directory, or is open to other users.
    pub fn open_existing(path: &Path) -> Result<Option<Self>, StoreDirError> {
        let root = match Directory::open(path) {
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(StoreDirError::NotADirectory(path.to_owned()));
            }
            Err(error) => return Err(error).at("open the key store", path),
        };
        check(root.handle(), path, Need::Private)?;
        Ok(Some(Self {
            path: path.to_owned(),
            root,
        }))
    }

    /// Takes the lock for planning; the lock file stays, the lock ends with the process at the latest.
    ///
    /// # Errors
    /// [`StoreDirError::Locked`] if another run has it (exit code 7); [`StoreDirError`] if the lock file is a link or belongs to another user.
    pub fn lock(&self) -> Result<StoreLock<'_>, StoreDirError> {
        let path = self.path.join(LOCK_FILE);
        let file = self
            .root
            .keep_file(LOCK_FILE, FileMode::PRIVATE.bits())
            .at("open the lock file", &path)?;
        check(&file, &path, Need::Private)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreDirError::Locked(self.path.clone())),
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &path),
        }
        Ok(StoreLock { store: self, file })
    }

    /// Reads the store without locking it, for reviewing. Writes nothing.
    ///
    /// # Errors
    /// [`StoreDirError`] if a file cannot be read, a key is open to other users, or `store.json` is broken.
    pub fn load(&self) -> Result<StoreContents, StoreDirError> {
        let path = self.path.join(INDEX_FILE);
        let index = || read_file(&self.root, INDEX_FILE, Need::Private, MAX_INDEX_SIZE);
        // Every save begins and ends with the index: if it did not change, nothing else did.
        for _ in 0..MAX_READS {
            let before = index()?;
            let mut contents = StoreContents::default();
            load_directory(&self.root, "", 0, &mut contents)?;
            if index()? != before {
                continue;
            }
            let index = before.map(|json| StoreIndex::from_json(json.expose()));
            contents.index = index.transpose().map_err(|source| StoreDirError::Index {
                path: path.clone(),
                source: Box::new(source),
            })?;
            return Ok(contents);
        }
        Err(StoreDirError::Locked(self.path.clone()))
    }
}

fn load_directory(
    dir: &Directory,
    prefix: &str,
    depth: usize,
    contents: &mut StoreContents,
) -> Result<(), StoreDirError> {
    for (name, kind) in dir.entries().at("list", dir.path())? {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let relative = format!("{prefix}{name}");
        if kind == FileType::Directory {
            let known = depth > 0 || matches!(name.as_str(), "etcd" | "nodes");
            if known && depth < MAX_DEPTH {
                let path = dir.path().join(&name);
                let inner = dir.directory(&name).at("open", &path)?;
                check(inner.handle(), &path, Need::Unchanged)?;
                load_directory(&inner, &format!("{relative}/"), depth + 1, contents)?;
            }
        } else if [".crt", ".key", ".pub"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            let secret = !is_certificate(&name) && !name.ends_with(".pub");
            let need = if secret { Need::Private } else { Need::Owned };
            if let Some(bytes) = read_file(dir, &name, need, MAX_FILE_SIZE)? {
                contents.files.insert(relative, bytes);
            }
        }
    }
    Ok(())
}

impl StoreLock<'_> {
    /// Reads the store.
    ///
    /// # Errors
    /// As [`StoreDir::load`].
    pub fn load(&self) -> Result<StoreContents, StoreDirError> {
        self.store.load()
    }

    /// Writes what differs between `before`, as it was loaded under this lock, and `after`. Deletes no
    /// certificate or key. See the module for what survives a crash.
    ///
    /// # Errors
    /// [`StoreDirError`] if a file cannot be written durably.
    pub fn save(&self, before: &StoreContents, after: &StoreContents) -> Result<(), StoreDirError> {
        let root = &self.store.root;
        let mut batches = save_batches(before, after).peekable();
        if batches.peek().is_some() {
            remove_leftovers(root, 0)?;
        }
        for batch in batches {
            let batch = batch.map_err(|source| StoreDirError::Index {
                path: self.store.path.join(INDEX_FILE),
                source: Box::new(source),
            })?;
            let files: Vec<_> = batch
                .iter()
                .map(|(path, bytes)| NewFile {
                    target: path,
                    bytes,
                    mode: file_mode(path),
                    // The index is the planner's own; a file that was not there when the store was read is not.
                    replace: *path == INDEX_FILE || before.files.contains_key(*path),
                })
                .collect();
            write_files(root, &files)?;
        }
        Ok(())
    }
}

/// Removes temporary files of interrupted runs; with the lock held no other run has any.
fn remove_leftovers(dir: &Directory, depth: usize) -> Result<(), StoreDirError> {
    for (name, kind) in dir.entries().at("list", dir.path())? {
        let Ok(name) = name.into_string() else {
            continue;
        };
        let path = dir.path().join(&name);
        if kind == FileType::Directory && depth < MAX_DEPTH {
            let inner = dir.directory(&name).at("open", &path)?;
            remove_leftovers(&inner, depth + 1)?;
        } else if kind == FileType::RegularFile && name.starts_with(TEMPORARY_PREFIX) {
            dir.remove(&name).at("remove", &path)?;
        }
    }
    Ok(())
}

/// Refuses a file that another user owns, or can read or change.
fn check(file: &File, path: &Path, need: Need) -> Result<(), StoreDirError> {
    files::check(file, path, need).map_err(|unusable| match unusable {
        Unusable::Io(source) => StoreDirError::Io {
            action: "inspect",
            path: path.to_owned(),
            source,
        },
        Unusable::Exposed(Exposed::Owner { path, owner, user }) => {
            StoreDirError::Owner { path, owner, user }
        }
        Unusable::Exposed(Exposed::Mode { path, mode, wanted }) => {
            StoreDirError::Open { path, mode, wanted }
        }
    })
}

/// The bytes of a file, in memory that is zeroised; `None` if there is no such file.
fn read_file(
    dir: &Directory,
    name: &str,
    need: Need,
    limit: u64,
) -> Result<Option<SecretBytes>, StoreDirError> {
    let path = dir.path().join(name);
    let file = match dir.file(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at("read", &path),
    };
    check(&file, &path, need)?;
    let size = file.metadata().at("inspect", &path)?.len();
    if size > limit {
        return Err(StoreDirError::TooLarge(path));
    }
    // Room for everything, so the buffer does not move and leave copies behind.
    let size = usize::try_from(size).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(limit).read_to_end(&mut bytes).at("read", &path)?;
    Ok(Some(SecretBytes::take(&mut bytes)))
}

fn create_private(dir: &Path) -> Result<(), StoreDirError> {
    if dir.is_dir() {
        return Ok(());
    }
    files::make_directories(dir, FileMode::PRIVATE_DIRECTORY.bits().into())
        .at("create the directory", dir)?;
    // The entries of every directory that may be new.
    for ancestor in dir
        .ancestors()
        .skip(1)
        .take(MAX_DEPTH)
        .filter(|ancestor| ancestor.as_os_str().is_empty() || ancestor.is_dir())
    {
        Directory::open(ancestor)
            .and_then(|directory| directory.sync())
            .at("sync the directory", ancestor)?;
    }
    Ok(())
}

/// A file to write.
struct NewFile<'a> {
    /// Its path below the store's directory.
    target: &'a str,
    bytes: &'a SecretBytes,
    mode: FileMode,
    /// Whether an existing file is replaced.
    replace: bool,
}

impl NewFile<'_> {
    /// The directory it goes to, and its name there.
    fn place(&self) -> (&str, &str) {
        self.target.rsplit_once('/').unwrap_or(("", self.target))
    }
}

/// A complete file that has no name of its own yet; it is removed if it does not get one.
struct Temporary<'a> {
    root: &'a Directory,
    dir: &'a str,
    name: String,
    named: bool,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.named
            && let Ok(dir) = self.root.below(self.dir, None)
        {
            // The next run removes what stays.
            let _ = dir.remove(&self.name);
        }
    }
}

/// Writes files under temporary names, with their modes from the start, and renames them when they are complete. All of them are
/// durable afterwards; the order is not defined.
fn write_files(root: &Directory, files: &[NewFile<'_>]) -> Result<(), StoreDirError> {
    let mut directories = BTreeSet::from([""]);
    for file in files {
        let (mut dir, _) = file.place();
        while directories.insert(dir) {
            dir = dir.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
    // Those above come first.
    let mode = FileMode::PRIVATE_DIRECTORY.bits();
    for dir in &directories {
        let path = root.path().join(dir);
        let made = root
            .below(dir, Some(mode))
            .at("create the directory", &path)?;
        check(made.handle(), &path, Need::Unchanged)?;
    }
    let temporary: Vec<Temporary<'_>> = files
        .par_iter()
        .map(|file| write_temporary(root, file))
        .collect::<Result<_, _>>()?;
    sync_files(root, &directories, &temporary).at("sync what was written to", root.path())?;
    for (file, temporary) in files.iter().zip(temporary) {
        rename(root, file, temporary)?;
    }
    sync_directories(root, &directories).at("sync the directories of", root.path())
}

fn write_temporary<'a>(
    root: &'a Directory,
    file: &'a NewFile<'_>,
) -> Result<Temporary<'a>, StoreDirError> {
    let (dir, _) = file.place();
    let path = root.path().join(dir);
    let (name, mut out) = root
        .below(dir, None)
        .and_then(|dir| dir.create_temporary(TEMPORARY_PREFIX, file.mode.bits()))
        .at("create a file in", &path)?;
    let temporary = Temporary {
        root,
        dir,
        name,
        named: false,
    };
    // Closed afterwards: a thousand nodes have more files than a process may open.
    out.write_all(file.bytes.expose())
        .at("write", &root.path().join(file.target))?;
    Ok(temporary)
}

fn sync_files(
    root: &Directory,
    directories: &BTreeSet<&str>,
    files: &[Temporary<'_>],
) -> io::Result<()> {
    if cfg!(target_os = "linux") && files.len() >= MANY {
        return sync_file_systems(opened(root, directories));
    }
    files
        .iter()
        .try_for_each(|file| root.below(file.dir, None)?.file(&file.name)?.sync_all())
}

/// Syncs the directories; the whole file systems that hold them, where there are many.
fn sync_directories(root: &Directory, directories: &BTreeSet<&str>) -> io::Result<()> {
    if directories.len() >= MANY {
        return sync_file_systems(opened(root, directories));
    }
    opened(root, directories).try_for_each(|dir| dir?.sync_all())
}

/// The directories' handles, one at a time.
fn opened<'a>(
    root: &'a Directory,
    directories: &'a BTreeSet<&str>,
) -> impl Iterator<Item = io::Result<File>> + 'a {
    directories
        .iter()
        .map(|dir| root.below(dir, None)?.handle().try_clone())
}

fn rename(
    root: &Directory,
    file: &NewFile<'_>,
    mut temporary: Temporary<'_>,
) -> Result<(), StoreDirError> {
    let (dir, name) = file.place();
    let target = root.path().join(file.target);
    root.below(dir, None)
        .and_then(|dir| dir.rename(&temporary.name, name, file.replace))
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists if !file.replace => {
                StoreDirError::Appeared(target.clone())
            }
            _ => StoreDirError::Io {
                action: "write",
                path: target.clone(),
                source: error,
            },
        })?;
    temporary.named = true;
    Ok(())
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the directory in other ways than the store"
)]
mod tests;

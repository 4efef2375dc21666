//! The key store's folder: the only place of the planner's PKI that touches a disk.
//!
//! In: a path. Out: [`StoreContents`], and back. The folder and its key files must be closed to everybody
//! but their owner. One run at a time holds the lock. What survives a crash at any instant:
//!
//! 1. `store.json` is written first; it names the certificates that are being written as `pending`.
//! 2. All keys are written beside their places under temporary names, with their mode from the start, synced,
//!    then renamed; a file that was not there when the store was read is never replaced. Their folders are synced.
//! 3. All certificates likewise.
//! 4. `store.json` is written again without `pending`.
//!
//! A save that has not returned has handed out nothing, so a pair it left half-written can be made again
//! ([`mod@super::assess`]); files that existed before are whole, old or new.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::quote;
use rayon::prelude::*;
use tempfile::TempPath;
use zeroize::Zeroizing;

use super::PkiError;
use super::store::{
    INDEX_FILE, StoreContents, StoreIndex, file_mode, is_certificate, save_batches,
};
use crate::durable::sync_all;

const LOCK_FILE: &str = ".lock";
const TEMPORARY_PREFIX: &str = ".new-";

/// Larger files are no keys or certificates.
const MAX_FILE_SIZE: u64 = 4 * 1024 * 1024;

/// A larger `store.json` is none: a certificate's record takes less than 2 KiB.
const MAX_INDEX_SIZE: u64 = 256 * 1024 * 1024;

/// How often a store that another run writes to is read again before giving up.
const MAX_READS: usize = 8;

/// How deep certificates lie: `nodes/<name>/etcd/server.crt`.
const MAX_DEPTH: usize = 3;

/// Why the key store's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreDirError {
    /// Another run holds the lock.
    #[error("another run of kubeplan holds the key store `{}`; wait until it has ended", .0.display())]
    Locked(PathBuf),
    /// Others can read keys.
    #[error(
        "`{}` is open to other users (mode {mode:04o}): keys in it may not be secret; run `chmod {wanted} {}`",
        .path.display(), quote(&.path.to_string_lossy())
    )]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What `chmod` should set.
        wanted: &'static str,
    },
    /// Something else has the name.
    #[error("the key store `{}` is not a folder", .0.display())]
    NotADirectory(PathBuf),
    /// Too large.
    #[error("`{}` is too large for a file of a key store", .0.display())]
    TooLarge(PathBuf),
    /// Someone else put a file there meanwhile.
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

/// A key store's folder.
#[derive(Debug)]
pub struct StoreDir {
    path: PathBuf,
}

/// A key store that no other run can change while this value lives.
#[derive(Debug)]
pub struct StoreLock<'a> {
    store: &'a StoreDir,
    file: File,
}

impl Drop for StoreLock<'_> {
    /// Unlocks, and does not leave it to closing the file: a process that another thread is just starting may have a
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
    /// [`StoreDirError`] if it is no folder, or open to others.
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
    /// [`StoreDirError`] if it is no folder, or open to others.
    pub fn open_existing(path: &Path) -> Result<Option<Self>, StoreDirError> {
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).at("open the key store", path),
        };
        if !metadata.is_dir() {
            return Err(StoreDirError::NotADirectory(path.to_owned()));
        }
        refuse_open(path, metadata.mode(), "700")?;
        Ok(Some(Self {
            path: path.to_owned(),
        }))
    }

    /// Takes the lock for planning; the lock file stays, the lock ends with the process at the latest.
    ///
    /// # Errors
    /// [`StoreDirError::Locked`] if another run has it (exit code 7).
    pub fn lock(&self) -> Result<StoreLock<'_>, StoreDirError> {
        let path = self.path.join(LOCK_FILE);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(u32::from(FileMode::PRIVATE.bits()))
            .open(&path)
            .at("open the lock file", &path)?;
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
    /// [`StoreDirError`] if a file cannot be read, a key is open to others, or `store.json` is broken.
    pub fn load(&self) -> Result<StoreContents, StoreDirError> {
        let path = self.path.join(INDEX_FILE);
        // Every save begins and ends with the index: if it did not change, nothing else did.
        for _ in 0..MAX_READS {
            let before = read_file(&path, true, MAX_INDEX_SIZE)?;
            let mut contents = StoreContents::default();
            self.load_folder(&self.path, "", 0, &mut contents)?;
            if read_file(&path, true, MAX_INDEX_SIZE)? != before {
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

    fn load_folder(
        &self,
        folder: &Path,
        prefix: &str,
        depth: usize,
        contents: &mut StoreContents,
    ) -> Result<(), StoreDirError> {
        for entry in std::fs::read_dir(folder).at("list", folder)? {
            let entry = entry.at("list", folder)?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type().at("inspect", &path)?;
            let relative = format!("{prefix}{name}");
            if kind.is_dir() {
                let known = depth > 0 || matches!(name.as_str(), "etcd" | "nodes");
                if known && depth < MAX_DEPTH {
                    self.load_folder(&path, &format!("{relative}/"), depth + 1, contents)?;
                }
            } else if [".crt", ".key", ".pub"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                let secret = !is_certificate(&name) && !name.ends_with(".pub");
                if let Some(bytes) = read_file(&path, secret, MAX_FILE_SIZE)? {
                    contents.files.insert(relative, bytes);
                }
            }
        }
        Ok(())
    }
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
        let root = &self.store.path;
        let batches = save_batches(before, after).map_err(|source| StoreDirError::Index {
            path: root.join(INDEX_FILE),
            source: Box::new(source),
        })?;
        if !batches.is_empty() {
            self.remove_leftovers(root)?;
        }
        for batch in batches {
            let files: Vec<_> = batch
                .iter()
                .map(|(path, bytes)| NewFile {
                    target: root.join(path),
                    bytes,
                    mode: file_mode(path),
                    // The index is the planner's own; a file that was not there when the store was read is not.
                    replace: path == INDEX_FILE || before.files.contains_key(path),
                })
                .collect();
            write_files(root, &files)?;
        }
        Ok(())
    }

    /// Removes temporary files of interrupted runs; with the lock held nobody else has any.
    fn remove_leftovers(&self, folder: &Path) -> Result<(), StoreDirError> {
        for entry in std::fs::read_dir(folder).at("list", folder)? {
            let entry = entry.at("list", folder)?;
            let path = entry.path();
            let kind = entry.file_type().at("inspect", &path)?;
            if kind.is_dir() {
                self.remove_leftovers(&path)?;
            } else if kind.is_file()
                && entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with(TEMPORARY_PREFIX)
            {
                std::fs::remove_file(&path).at("remove", &path)?;
            }
        }
        Ok(())
    }
}

fn refuse_open(path: &Path, mode: u32, wanted: &'static str) -> Result<(), StoreDirError> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(StoreDirError::Open {
        path: path.to_owned(),
        mode: mode & 0o7777,
        wanted,
    })
}

/// The bytes of a file, in memory that is zeroised; `None` if there is no such file.
fn read_file(path: &Path, secret: bool, limit: u64) -> Result<Option<SecretBytes>, StoreDirError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at("read", path),
    };
    let metadata = file.metadata().at("inspect", path)?;
    if secret {
        refuse_open(path, metadata.mode(), "600")?;
    }
    if metadata.len() > limit {
        return Err(StoreDirError::TooLarge(path.to_owned()));
    }
    // Room for everything, so the buffer does not move and leave copies behind.
    let size = usize::try_from(metadata.len()).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(limit).read_to_end(&mut bytes).at("read", path)?;
    Ok(Some(SecretBytes::take(&mut bytes)))
}

fn create_private(folder: &Path) -> Result<(), StoreDirError> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(u32::from(FileMode::PRIVATE_DIRECTORY.bits()))
        .create(folder)
        .at("create the folder", folder)?;
    // The entries of every folder that may be new.
    for ancestor in folder
        .ancestors()
        .skip(1)
        .take(MAX_DEPTH)
        .filter(|a| a.is_dir())
    {
        sync_folder(ancestor)?;
    }
    Ok(())
}

/// A file to be written.
struct NewFile<'a> {
    target: PathBuf,
    bytes: &'a SecretBytes,
    mode: FileMode,
    /// A file that is there is replaced.
    replace: bool,
}

/// Writes files so that no name ever stands for half of one, and modes are right from the first byte. All of them are durable
/// afterwards; in which order they become so is not said.
fn write_files(root: &Path, files: &[NewFile<'_>]) -> Result<(), StoreDirError> {
    let mut folders = BTreeSet::new();
    for file in files {
        let above = file.target.ancestors().skip(1);
        let above = above.take_while(|folder| folder.starts_with(root));
        folders.extend(above.map(Path::to_owned));
    }
    // Those above come first.
    for folder in folders.iter().filter(|folder| !folder.is_dir()) {
        DirBuilder::new()
            .mode(u32::from(FileMode::PRIVATE_DIRECTORY.bits()))
            .create(folder)
            .at("create the folder", folder)?;
    }
    let temporary: Vec<TempPath> = files
        .par_iter()
        .map(write_temporary)
        .collect::<Result<_, _>>()?;
    sync_all(&temporary).at("sync what was written to", root)?;
    for (file, temporary) in files.iter().zip(temporary) {
        rename(file, temporary)?;
    }
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    sync_all(&folders).at("sync the folders of", root)
}

fn write_temporary(file: &NewFile<'_>) -> Result<TempPath, StoreDirError> {
    let folder = file.target.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .permissions(Permissions::from_mode(u32::from(file.mode.bits())))
        .tempfile_in(folder)
        .at("create a file in", folder)?;
    let written = temporary.write_all(file.bytes.expose());
    written.at("write", &file.target)?;
    // Closed: a thousand nodes have more files than a process may open.
    Ok(temporary.into_temp_path())
}

fn rename(file: &NewFile<'_>, temporary: TempPath) -> Result<(), StoreDirError> {
    let target = &file.target;
    if file.replace {
        return temporary
            .persist(target)
            .map_err(|error| error.error)
            .at("write", target);
    }
    temporary
        .persist_noclobber(target)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => StoreDirError::Appeared(target.to_owned()),
            _ => StoreDirError::Io {
                action: "write",
                path: target.to_owned(),
                source: error.error,
            },
        })
}

fn sync_folder(folder: &Path) -> Result<(), StoreDirError> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|file| file.sync_all())
        .at("sync the folder", folder)
}

#[cfg(test)]
mod tests;

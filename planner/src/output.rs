//! The planner's only writer of results: bundles, trees, keys.
//!
//! A file appears under its name complete and synced, or not at all; it has its mode from the moment it is
//! opened. Nothing here decides what is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use kubeplan_bundle::secret::SecretBytes;
use tempfile::{NamedTempFile, TempDir};

use crate::durable::sync_all;

/// A file of a tree that is written as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Permission bits.
    pub mode: u32,
    /// Content.
    pub bytes: Vec<u8>,
}

/// Files by path relative to the tree's folder.
pub type Tree = BTreeMap<String, TreeFile>;

/// Creates `path` with mode 0600 and `bytes`; what exists is left alone.
///
/// # Errors
/// `AlreadyExists` if there is such a file, or whatever the file system returns.
pub fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = parent(path);
    private_directory(folder)?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_directory(folder)
}

/// Creates files with mode 0600, each complete and synced; what exists is left alone.
///
/// # Errors
/// `AlreadyExists` if there is such a file, or whatever the file system returns; files before that one may be there.
pub fn create_private_files(files: &[(PathBuf, &SecretBytes)]) -> io::Result<()> {
    let mut folders = BTreeSet::new();
    let mut written = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let folder = parent(path);
        private_directory(folder)?;
        folders.insert(folder);
        let mut file = tempfile::Builder::new()
            .prefix(".kubeplan-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        file.write_all(bytes.expose())?;
        written.push(file.into_temp_path());
    }
    sync_all(&written)?;
    for ((path, _), file) in files.iter().zip(written) {
        file.persist_noclobber(path).map_err(|error| error.error)?;
    }
    sync_all(&folders.into_iter().collect::<Vec<_>>())
}

/// Files of one folder that are written one by one and get their names together.
///
/// They are complete beside the folder's files, in a folder of their own, before the first of them replaces one.
#[derive(Debug)]
pub struct Stage {
    folder: PathBuf,
    /// The folder was not there before.
    made: bool,
    stage: Option<TempDir>,
}

impl Stage {
    /// A stage for `folder`, which is created if it is not there.
    ///
    /// # Errors
    /// Whatever the file system returns.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let made = !folder.exists();
        fs::create_dir_all(folder)?;
        let mut stage = Self {
            folder: folder.to_owned(),
            made,
            stage: None,
        };
        stage.stage = Some(
            tempfile::Builder::new()
                .prefix(".kubeplan-")
                .tempdir_in(folder)?,
        );
        Ok(stage)
    }

    /// Writes one file; from any thread, each name once.
    ///
    /// # Errors
    /// Whatever `write` or the file system returns.
    pub fn write<E: From<io::Error>>(
        &self,
        name: &str,
        mode: u32,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(stage) = &self.stage else {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        };
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(stage.path().join(name))?;
        write(&mut file)
    }

    /// Syncs everything that was written and gives it its names.
    ///
    /// # Errors
    /// Whatever the file system returns; some files may have their names then, all of them complete.
    pub fn commit(mut self) -> io::Result<()> {
        let Some(stage) = self.stage.take() else {
            return Ok(());
        };
        let mut names: Vec<_> = fs::read_dir(stage.path())?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()?;
        names.sort();
        let staged: Vec<PathBuf> = names.iter().map(|name| stage.path().join(name)).collect();
        sync_all(&staged)?;
        for (name, staged) in names.iter().zip(&staged) {
            fs::rename(staged, self.folder.join(name))?;
        }
        self.made = false;
        stage.close()?;
        sync_directory(&self.folder)
    }
}

impl Drop for Stage {
    /// Takes away what was written, and the folder if it was made for it.
    fn drop(&mut self) {
        drop(self.stage.take());
        if self.made {
            // It stays if somebody else put something there.
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// Replaces `path` by what `write` produces, in one rename.
///
/// # Errors
/// Whatever `write` or the file system returns; `path` is then what it was.
pub fn replace_with<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let folder = parent(path);
    let mut file = tempfile::Builder::new()
        .prefix(".kubeplan-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    write(&mut file)?;
    Ok(persist(file, path)?)
}

/// Replaces `path` by `bytes`, in one rename.
///
/// # Errors
/// Whatever the file system returns; `path` is then what it was.
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, mode, |file| file.write_all(bytes))
}

/// Makes sure that `path` is a folder; one that is created, with the folders above it, is for its owner alone.
///
/// # Errors
/// Whatever the file system returns.
pub fn private_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Writes `tree` as the folder `target`: a folder that is absent, empty, or an earlier tree with `marker` in it.
///
/// The new tree is complete beside the old one before it takes its place.
///
/// # Errors
/// `AlreadyExists` if `target` holds something else, or whatever the file system returns.
pub fn write_tree(target: &Path, marker: &str, tree: &Tree) -> io::Result<()> {
    let occupied = match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if occupied && !target.join(marker).is_file() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("the folder is not empty and no earlier output (it has no {marker})"),
        ));
    }
    let folder = parent(target);
    fs::create_dir_all(folder)?;
    let stage = tempfile::Builder::new()
        .prefix(".kubeplan-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(folder)?;
    for (name, file) in tree {
        let path = stage.path().join(name);
        fs::create_dir_all(parent(&path))?;
        let mut out = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(file.mode)
            .open(&path)?;
        out.write_all(&file.bytes)?;
    }
    let old = stage.path().with_extension("old");
    match fs::rename(target, &old) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::rename(stage.keep(), target)?;
    match fs::remove_dir_all(&old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_directory(folder),
    }
}

/// Reads every file below `folder` by relative path; links and special files are listed without content.
///
/// # Errors
/// Whatever the file system returns.
pub fn read_tree(folder: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<(PathBuf, String)> = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = pending.pop() {
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                pending.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                found.insert(name, fs::read(entry.path())?);
            } else {
                found.insert(name, b"(not a regular file)\n".to_vec());
            }
        }
    }
    Ok(found)
}

fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(parent(path))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// The folder `path` is in; the current one for a bare name.
fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_private_file_is_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/author");
        create_private(&path, b"one").unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(
            create_private(&path, b"two").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        replace(&path, 0o644, b"one").unwrap();
        let failed = replace_with(&path, 0o644, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("stop"))
        });
        assert!(failed.is_err());
        assert_eq!(
            read_tree(folder.path()).unwrap(),
            BTreeMap::from([("x".to_owned(), b"one".to_vec())])
        );
    }

    #[test]
    fn private_files_are_created_together_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let one = SecretBytes::new(b"one".to_vec());
        let paths: Vec<PathBuf> = (0..40)
            .map(|number| folder.path().join(format!("identities/{number}.age")))
            .collect();
        let files: Vec<_> = paths.iter().map(|path| (path.clone(), &one)).collect();
        create_private_files(&files).unwrap();
        assert_eq!(
            fs::read_dir(folder.path().join("identities"))
                .unwrap()
                .count(),
            40
        );
        assert_eq!(
            (mode(&paths[7]), mode(paths[7].parent().unwrap())),
            (0o600, 0o700)
        );
        let other = SecretBytes::new(b"two".to_vec());
        let refused = create_private_files(&[(paths[7].clone(), &other)]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&paths[7]).unwrap(), b"one");
        assert_eq!(
            fs::read_dir(folder.path().join("identities"))
                .unwrap()
                .count(),
            40
        );
    }

    #[test]
    fn staged_files_appear_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/out");
        let write = |stage: &Stage, name: &str, bytes: &[u8]| {
            stage
                .write(name, 0o644, |out| out.write_all(bytes))
                .unwrap();
        };
        let stage = Stage::of(&out).unwrap();
        write(&stage, "x", b"one");
        drop(stage);
        assert!(!out.exists(), "a folder was left over");

        let stage = Stage::of(&out).unwrap();
        write(&stage, "x", b"one");
        write(&stage, "y", b"one");
        assert!(!out.join("x").exists());
        stage.commit().unwrap();
        let stage = Stage::of(&out).unwrap();
        write(&stage, "x", b"two");
        stage.commit().unwrap();
        assert_eq!(mode(&out.join("x")), 0o644);
        let stage = Stage::of(&out).unwrap();
        write(&stage, "y", b"three");
        drop(stage);
        let expected = [("x", b"two".to_vec()), ("y", b"one".to_vec())];
        assert_eq!(
            read_tree(&out).unwrap(),
            BTreeMap::from(expected.map(|(name, bytes)| (name.to_owned(), bytes)))
        );
    }

    #[test]
    fn a_tree_replaces_an_earlier_tree_but_no_other_folder() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        let tree = |name: &str| {
            Tree::from([
                (
                    "plan.json".to_owned(),
                    TreeFile {
                        mode: 0o644,
                        bytes: b"{}".to_vec(),
                    },
                ),
                (
                    name.to_owned(),
                    TreeFile {
                        mode: 0o600,
                        bytes: b"x".to_vec(),
                    },
                ),
            ])
        };
        write_tree(&target, "plan.json", &tree("a/b")).unwrap();
        assert_eq!(mode(&target.join("a/b")), 0o600);
        write_tree(&target, "plan.json", &tree("c")).unwrap();
        assert_eq!(
            read_tree(&target).unwrap().into_keys().collect::<Vec<_>>(),
            ["c", "plan.json"]
        );
        fs::remove_file(target.join("plan.json")).unwrap();
        assert_eq!(
            write_tree(&target, "plan.json", &tree("d"))
                .unwrap_err()
                .kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(
            read_tree(folder.path())
                .unwrap()
                .into_keys()
                .collect::<Vec<_>>(),
            ["out/c"]
        );
    }
}

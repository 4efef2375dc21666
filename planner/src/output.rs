//! Writes the planner's results: bundles, trees, keys.
//!
//! A file appears under its name complete and synced, or not at all. It has its final mode from the moment it is created.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kubeplan_bundle::secret::SecretBytes;

use crate::durable::{MANY, sync_file_systems};
use crate::files::{self, Directory};

/// The mode of directories that are created for results; a umask can narrow it, never widen it.
const DIRECTORY: u32 = 0o755;

/// A file of a tree, which is written as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// The permission bits.
    pub mode: u16,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Files by path relative to the tree's directory.
pub type Tree = BTreeMap<String, TreeFile>;

/// Creates `path` with mode 0600 and `bytes`. Does not replace an existing file.
///
/// # Errors
/// `AlreadyExists` if the file exists; or any error of the file system.
pub fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = parent(path);
    private_directory(directory)?;
    let directory = Directory::open(directory)?;
    let mut file = directory.create(name(path)?, 0o600)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    directory.sync()
}

/// Creates files with mode 0600, each complete and synced. Does not replace existing files.
///
/// # Errors
/// `AlreadyExists` if a file exists; or any error of the file system. Earlier files of the list may have been created.
pub fn create_private_files(files: &[(PathBuf, &SecretBytes)]) -> io::Result<()> {
    let mut directories: BTreeMap<&Path, Directory> = BTreeMap::new();
    for (path, _) in files {
        let directory = parent(path);
        if let Entry::Vacant(vacant) = directories.entry(directory) {
            private_directory(directory)?;
            vacant.insert(Directory::open(directory)?);
        }
    }
    let mut written = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let Some(directory) = directories.get(parent(path)) else {
            continue;
        };
        let (temporary, mut file) = directory.create_temporary(".kubeplan-", 0o600)?;
        let one = Unnamed {
            directory,
            name: name(path)?,
            temporary,
        };
        file.write_all(bytes.expose())?;
        written.push(one);
    }
    if cfg!(target_os = "linux") && written.len() >= MANY {
        let handles = directories
            .values()
            .map(|directory| directory.handle().try_clone());
        sync_file_systems(handles)?;
    } else {
        for one in &written {
            one.directory.file(&one.temporary)?.sync_all()?;
        }
    }
    for one in written {
        one.directory.rename(&one.temporary, one.name, false)?;
    }
    directories.values().try_for_each(Directory::sync)
}

/// A complete file under a temporary name, which is removed unless the file gets its final name.
struct Unnamed<'a> {
    directory: &'a Directory,
    name: &'a OsStr,
    temporary: String,
}

impl Drop for Unnamed<'_> {
    fn drop(&mut self) {
        // The temporary name no longer exists if the file was renamed.
        let _ = self.directory.remove(&self.temporary);
    }
}

/// Files of one directory that are written one by one and get their names together.
///
/// All files are complete, in a temporary directory, before the first of them replaces an existing file. Both directories are
/// opened once, so renaming them meanwhile does not redirect the files.
#[derive(Debug)]
pub struct Stage {
    path: PathBuf,
    directory: Directory,
    /// Whether the stage created the directory.
    made: bool,
    stage: Option<(String, Directory)>,
}

impl Stage {
    /// Creates a stage for `directory`, and the directory itself if it is missing.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let made = !directory.exists();
        files::make_directories(directory, DIRECTORY)?;
        let mut stage = Self {
            path: directory.to_owned(),
            directory: Directory::open(directory)?,
            made,
            stage: None,
        };
        stage.stage = Some(stage.directory.make_temporary(".kubeplan-", 0o700)?);
        Ok(stage)
    }

    /// Writes one file. May be called from any thread, once for each name.
    ///
    /// # Errors
    /// Any error of `write` or of the file system.
    pub fn write<E: From<io::Error>>(
        &self,
        name: &str,
        mode: u16,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((_, stage)) = &self.stage else {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        };
        write(&mut stage.create(name, mode)?)
    }

    /// Syncs all files and gives them their names.
    ///
    /// # Errors
    /// Any error of the file system. Some files may have their names then; every file is complete.
    pub fn commit(mut self) -> io::Result<()> {
        let Some((own_name, stage)) = self.stage.take() else {
            return Ok(());
        };
        let committed = self.publish(&stage);
        if committed.is_err() {
            self.stage = Some((own_name, stage));
            return committed;
        }
        self.made = false;
        self.directory.remove_directory(&own_name)?;
        self.directory.sync()
    }

    fn publish(&self, stage: &Directory) -> io::Result<()> {
        let mut names: Vec<OsString> = stage.entries()?.into_iter().map(|(name, _)| name).collect();
        names.sort();
        if cfg!(target_os = "linux") && names.len() >= MANY {
            sync_file_systems(std::iter::once(stage.handle().try_clone()))?;
        } else {
            for name in &names {
                stage.file(name)?.sync_all()?;
            }
        }
        names
            .iter()
            .try_for_each(|name| stage.rename_into(name, &self.directory, name))
    }
}

impl Drop for Stage {
    /// Removes the files that were written, and the directory if the stage created it.
    fn drop(&mut self) {
        if let Some((name, stage)) = self.stage.take() {
            // A file that cannot be removed stays under its temporary name.
            for (file, _) in stage.entries().unwrap_or_default() {
                let _ = stage.remove(&file);
            }
            let _ = self.directory.remove_directory(&name);
        }
        if self.made {
            // The directory stays if it contains files of other programs.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Replaces `path` with what `write` produces, in one rename.
///
/// # Errors
/// Any error of `write` or of the file system; `path` is unchanged then.
pub fn replace_with<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    replace_if(path, mode, write, || Ok(()))
}

/// Replaces `path` with what `write` produces, in one rename, if `still` succeeds once the new file is complete.
///
/// # Errors
/// Any error of `write`, `still` or the file system; `path` is unchanged then.
pub fn replace_if<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    still: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    replaceable(path)?;
    let directory = parent(path);
    let mut file = tempfile::Builder::new()
        .prefix(".kubeplan-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(directory)?;
    write(&mut file)?;
    file.as_file().sync_all()?;
    still()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(sync_directory(directory)?)
}

/// Refuses to replace what is not a regular file: a device would be gone for the whole machine, and behind a link the file that is meant
/// would stay as it is.
fn replaceable(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_symlink() {
        "a symbolic link: name the file that it leads to"
    } else {
        "not a regular file: name another one"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("`{}` is {what}", path.display()),
    ))
}

/// Replaces `path` with `bytes`, in one rename.
///
/// # Errors
/// Any error of the file system; `path` is unchanged then.
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, mode, |file| file.write_all(bytes))
}

/// Creates the directory `path` and its missing parents, accessible to their owner alone.
///
/// # Errors
/// Any error of the file system.
pub fn private_directory(path: &Path) -> io::Result<()> {
    files::make_directories(path, 0o700)
}

/// Writes `tree` as the directory `target`, which must be missing, empty, or an earlier tree that contains the file `marker`.
///
/// The new tree is complete before it replaces the old one.
///
/// # Errors
/// `AlreadyExists` if `target` contains other files; or any error of the file system.
pub fn write_tree(target: &Path, marker: &str, tree: &Tree) -> io::Result<()> {
    let occupied = match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if occupied && !target.join(marker).is_file() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("the directory contains other files than earlier output (it has no {marker})"),
        ));
    }
    let directory = parent(target);
    files::make_directories(directory, DIRECTORY)?;
    let directory = Directory::open(directory)?;
    let (stage_name, stage) = directory.make_temporary(".kubeplan-", 0o755)?;
    let stage_path = directory.path().join(&stage_name);
    let written = tree.iter().try_for_each(|(name, file)| {
        let (inner, name) = name.rsplit_once('/').unwrap_or(("", name));
        let inner = stage.below(inner, Some(0o755))?;
        inner.create(name, file.mode)?.write_all(&file.bytes)
    });
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&stage_path);
        return Err(error);
    }
    let old = directory.path().join(format!("{stage_name}.old"));
    match fs::rename(target, &old) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            let _ = fs::remove_dir_all(&stage_path);
            return Err(error);
        }
    }
    fs::rename(&stage_path, target)?;
    match fs::remove_dir_all(&old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => directory.sync(),
    }
}

/// Reads every file below `directory`, by relative path. Links and special files are listed without content.
///
/// # Errors
/// Any error of the file system.
pub fn read_tree(directory: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<(PathBuf, String)> = vec![(directory.to_owned(), String::new())];
    while let Some((path, prefix)) = pending.pop() {
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                pending.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                let mut bytes = Vec::new();
                files::open_regular(&entry.path())?.read_to_end(&mut bytes)?;
                found.insert(name, bytes);
            } else {
                found.insert(name, b"(not a regular file)\n".to_vec());
            }
        }
    }
    Ok(found)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// The last part of `path`.
fn name(path: &Path) -> io::Result<&OsStr> {
    path.file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is not the name of a file"))
}

/// The directory that contains `path`; the current directory for a bare name.
fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|directory| !directory.as_os_str().is_empty())
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
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys/author");
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
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        replace(&path, 0o644, b"one").unwrap();
        let failed = replace_with(&path, 0o644, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("stop"))
        });
        assert!(failed.is_err());
        assert_eq!(
            read_tree(directory.path()).unwrap(),
            BTreeMap::from([("x".to_owned(), b"one".to_vec())])
        );
    }

    #[test]
    fn private_files_are_created_together_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let one = SecretBytes::new(b"one".to_vec());
        let paths: Vec<PathBuf> = (0..40)
            .map(|number| directory.path().join(format!("identities/{number}.age")))
            .collect();
        let files: Vec<_> = paths.iter().map(|path| (path.clone(), &one)).collect();
        create_private_files(&files).unwrap();
        assert_eq!(
            fs::read_dir(directory.path().join("identities"))
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
            fs::read_dir(directory.path().join("identities"))
                .unwrap()
                .count(),
            40
        );
    }

    #[test]
    fn staged_files_appear_together_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("a/out");
        let write = |stage: &Stage, name: &str, bytes: &[u8]| {
            stage
                .write(name, 0o644, |out| out.write_all(bytes))
                .unwrap();
        };
        let stage = Stage::of(&out).unwrap();
        write(&stage, "x", b"one");
        drop(stage);
        assert!(!out.exists(), "the output directory was left over");

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
    fn a_tree_replaces_an_earlier_tree_but_not_another_directory() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
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
            read_tree(directory.path())
                .unwrap()
                .into_keys()
                .collect::<Vec<_>>(),
            ["out/c"]
        );
    }
}

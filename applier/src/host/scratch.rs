//! A private folder below `/run` for the files of one run: gone with the next boot at the latest.
//!
//! In: a root. Out: a folder that only its owner can enter, files in it that only their owner can read. It is removed when it is
//! dropped, unless it is kept; what is forgotten on the way is removed in any case. Nothing here is durable, and nothing
//! that has to survive a power failure belongs here.

#![expect(
    clippy::disallowed_methods,
    reason = "a scratch folder is no part of what is installed"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::error::HostError;
use super::root::Root;

/// A private folder.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    kept: bool,
}

impl Scratch {
    /// Makes the folder `/run/PREFIX-RANDOM` below the root.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn create(root: &Root, prefix: &str) -> Result<Self, HostError> {
        let run = Path::new(&root.absolute()).join("run");
        let mut random = [0; 8];
        // Without random bytes the name is no secret either: the folder must not exist.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let path = run.join(format!("{prefix}-{:016x}", u64::from_be_bytes(random)));
        let failed = |error| HostError::io("create", path.display().to_string(), error);
        fs::create_dir_all(&run)
            .and_then(|()| fs::DirBuilder::new().mode(0o700).create(&path))
            .map_err(failed)?;
        Ok(Self { path, kept: false })
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file or folder in it.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Makes a folder in it.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn create_folder(&self, name: &str) -> Result<(), HostError> {
        let path = self.path.join(name);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| HostError::io("create", path.display().to_string(), error))
    }

    /// Writes a new file into it.
    ///
    /// # Errors
    /// [`HostError`], also if it exists.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), HostError> {
        let path = self.path.join(name);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| HostError::io("write", path.display().to_string(), error))
    }

    /// Removes a file from it.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn forget(&self, name: &str) -> Result<(), HostError> {
        let path = self.path.join(name);
        fs::remove_file(&path)
            .map_err(|error| HostError::io("remove", path.display().to_string(), error))
    }

    /// The files in one of its folders whose names end so.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn files(&self, folder: &str, suffix: &str) -> Result<Vec<PathBuf>, HostError> {
        let path = self.path.join(folder);
        let failed = |error| HostError::io("list", path.display().to_string(), error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.to_string_lossy().ends_with(suffix) {
                found.push(file);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Lets the folder stay.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept {
            // If that fails, the next boot does it.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_its_owner_can_look_and_it_goes_with_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let scratch = Scratch::create(&root, "join").unwrap();
        let path = scratch.path().to_owned();
        assert!(path.starts_with(folder.path().join("run")));
        scratch.write("key", b"secret").unwrap();
        assert!(scratch.write("key", b"other").is_err());
        scratch.create_folder("out").unwrap();
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
}

//! The directory outside the repository in which programs and images are kept, and its layout.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::module::hex;
use super::{COMPONENTS, Component, Module, Version, releases};

/// A directory that `cargo xtask components` fills.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The store in `directory`; it need not exist.
    #[must_use]
    pub fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// The store in the user's cache, `${XDG_CACHE_HOME:-~/.cache}/kubeplan/components/<digest of the modules>`.
    ///
    /// # Errors
    /// If the user has no home or the modules cannot be read.
    pub fn in_cache() -> Result<Self> {
        let mut hasher = Sha256::new();
        for module in Module::ALL {
            hasher.update(module.digest()?);
        }
        let digest = hex(&hasher.finalize());
        let name = digest.get(..16).unwrap_or(&digest).to_owned();
        Ok(Self {
            directory: cache_directory()?.join("components").join(name),
        })
    }

    /// Waits until no other process fills the store, and keeps others from it until the result is dropped.
    ///
    /// # Errors
    /// If the store's directory cannot be made.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.directory.join(".lock");
        fs::create_dir_all(&self.directory)
            .and_then(|()| File::create(&path))
            .and_then(|file| file.lock().map(|()| file))
            .with_context(|| format!("locking {}", path.display()))
    }

    /// The store's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the programs of a release are.
    #[must_use]
    pub fn programs(&self, version: Version) -> PathBuf {
        self.directory.join(version.to_string()).join("bin")
    }

    /// Whether every program of both releases is there.
    ///
    /// # Errors
    /// If the modules that pin them cannot be read.
    pub fn is_complete(&self) -> Result<bool> {
        let [version, upgrade] = releases()?;
        let is_there =
            |release, component: &Component| self.programs(release).join(component.name).is_file();
        Ok(COMPONENTS.iter().all(|component| {
            is_there(version, component)
                && (!component.has_upgrade() || is_there(upgrade, component))
        }))
    }

    /// Where the images of a release are.
    #[must_use]
    pub fn images(&self, version: Version) -> PathBuf {
        self.directory.join(version.to_string()).join("images")
    }

    /// Where it is noted what a file was made from.
    pub(crate) fn stamp(&self, version: Version, name: &str) -> PathBuf {
        self.directory
            .join(version.to_string())
            .join("stamps")
            .join(name)
    }
}

/// `${XDG_CACHE_HOME:-~/.cache}/kubeplan`.
pub(crate) fn cache_directory() -> Result<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(cache
        .context("neither XDG_CACHE_HOME nor HOME is set; name a directory with --dir")?
        .join("kubeplan"))
}

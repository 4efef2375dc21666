//! Finding programs that can be run: those of a store, or those that the machine has already.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Store, Version, releases};

/// The variable that names a directory with programs: one that `cargo xtask components` filled, or any directory that
/// holds them.
pub const COMPONENTS_VARIABLE: &str = "KUBEPLAN_COMPONENTS";
/// The variable by which other test harnesses of Kubernetes name a directory with etcd, kube-apiserver and kubectl.
pub const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// Programs that can be run.
#[derive(Clone, Debug)]
pub struct Programs {
    directories: Vec<PathBuf>,
}

impl Programs {
    /// The programs in `directory`: a store's, of the release that is built, or any that lie right in it.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let mut directories = vec![directory.to_owned()];
        if let Ok([version, _]) = releases() {
            directories.push(Store::at(directory).programs(version));
        }
        Self { directories }
    }

    /// The programs of one release of a store.
    #[must_use]
    pub fn of(store: &Store, version: Version) -> Self {
        Self {
            directories: vec![store.programs(version)],
        }
    }

    /// What the variables name, or the store in the user's cache.
    ///
    /// # Errors
    /// If the user has no home or the modules cannot be read.
    pub fn find() -> Result<Self> {
        let named = [COMPONENTS_VARIABLE, ASSETS_VARIABLE]
            .into_iter()
            .find_map(std::env::var_os);
        Ok(match named {
            Some(directory) => Self::in_directory(Path::new(&directory)),
            None => Self::in_directory(Store::in_cache()?.directory()),
        })
    }

    /// The path of the program `name`.
    ///
    /// # Errors
    /// If it is not there.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let found = self
            .directories
            .iter()
            .map(|directory| directory.join(name))
            .find(|path| path.is_file());
        found.with_context(|| {
            let directories: Vec<String> = self
                .directories
                .iter()
                .map(|directory| directory.display().to_string())
                .collect();
            format!(
                "there is no {name} in {}; `cargo xtask components` builds it",
                directories.join(" or ")
            )
        })
    }

    /// Fails unless all programs of `names` are there.
    ///
    /// # Errors
    /// Names the first one that is missing.
    pub fn check(&self, names: &[&str]) -> Result<()> {
        names.iter().try_for_each(|name| self.path(name).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_both_layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let [version, _] = releases().unwrap();
        let programs = Programs::in_directory(scratch.path());
        let error = programs.check(&["etcd"]).unwrap_err().to_string();
        assert!(
            error.contains("there is no etcd in") && error.contains("cargo xtask components"),
            "{error}"
        );
        std::fs::write(scratch.path().join("etcd"), "").unwrap();
        let bin = Store::at(scratch.path()).programs(version);
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(bin.join("kubectl"), "").unwrap();
        assert_eq!(programs.path("etcd").unwrap(), scratch.path().join("etcd"));
        assert_eq!(programs.path("kubectl").unwrap(), bin.join("kubectl"));
        let error = programs.check(&["etcd", "kubectl", "kubelet"]).unwrap_err();
        assert!(error.to_string().contains("there is no kubelet"), "{error}");
    }
}

//! Finding programs that can be run: a store's, or those of whoever has some already.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Store, Version, releases};

/// The variable that names a folder with programs: one that `cargo xtask components` filled, or any folder that
/// holds them.
pub const COMPONENTS_VARIABLE: &str = "KUBEPLAN_COMPONENTS";
/// The variable by which other test harnesses of Kubernetes name a folder with etcd, kube-apiserver and kubectl.
pub const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// Programs that can be run.
#[derive(Clone, Debug)]
pub struct Programs {
    folders: Vec<PathBuf>,
}

impl Programs {
    /// The programs in `folder`: a store's, of the release that is built, or any that lie right in it.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let mut folders = vec![folder.to_owned()];
        if let Ok([version, _]) = releases() {
            folders.push(Store::at(folder).programs(version));
        }
        Self { folders }
    }

    /// The programs of one release of a store.
    #[must_use]
    pub fn of(store: &Store, version: Version) -> Self {
        Self {
            folders: vec![store.programs(version)],
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
            Some(folder) => Self::in_folder(Path::new(&folder)),
            None => Self::in_folder(Store::in_cache()?.folder()),
        })
    }

    /// The path of the program `name`.
    ///
    /// # Errors
    /// If it is not there.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let found = self
            .folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file());
        found.with_context(|| {
            let folders: Vec<String> = self
                .folders
                .iter()
                .map(|folder| folder.display().to_string())
                .collect();
            format!(
                "there is no {name} in {}; `cargo xtask components` builds it",
                folders.join(" or ")
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
        let programs = Programs::in_folder(scratch.path());
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

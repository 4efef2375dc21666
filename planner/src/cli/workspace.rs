//! The workspace of a cluster: what the planner keeps between runs.
//!
//! `<cluster>.kubeplan/` in the current folder, for its owner alone: `pki/` (the key store), `keys/author`
//! (a signing key made when none is configured), `identities/<node>.age` (for nodes without a recipient). A folder of
//! it that another user owns or may change is refused: what is in it could be that user's, or become it.

use std::path::{Path, PathBuf};

use kubeplan_terminal::CliError;

use super::input::exposed;
use crate::files::{self, Directory, Need};

/// Paths of one cluster's workspace.
#[derive(Debug)]
pub(super) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace of the cluster `name`: beside the key store when one is given, else in the current folder.
    pub(super) fn new(name: &str) -> Self {
        Self {
            root: PathBuf::from(format!("{name}.kubeplan")),
        }
    }

    /// The key store.
    ///
    /// # Errors
    /// As for [`Workspace::author_key`].
    pub(super) fn pki(&self) -> Result<PathBuf, CliError> {
        self.folder("pki")
    }

    /// The author's private key, made when none is configured.
    ///
    /// # Errors
    /// [`CliError`] if another user owns or may change a folder on the way.
    pub(super) fn author_key(&self) -> Result<PathBuf, CliError> {
        Ok(self.folder("keys")?.join("author"))
    }

    /// The age identity of a node without a recipient.
    ///
    /// # Errors
    /// As for [`Workspace::author_key`].
    pub(super) fn identity(&self, node: &str) -> Result<PathBuf, CliError> {
        Ok(self.folder("identities")?.join(format!("{node}.age")))
    }

    /// Checks the workspace and a folder of it, as far as they exist.
    fn folder(&self, name: &str) -> Result<PathBuf, CliError> {
        let folder = self.root.join(name);
        for path in [&self.root, &folder] {
            let opened = match Directory::open(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
                opened => opened,
            };
            opened
                .map_err(files::Unusable::from)
                .and_then(|directory| files::check(directory.handle(), path, Need::Unchanged))
                .map_err(|unusable| exposed("using the workspace", path, unusable))?;
        }
        Ok(folder)
    }
}

/// Whether `path` lies in `folder`, once links and `..` are resolved as far as they exist.
pub(super) fn is_within(path: &Path, folder: &Path) -> bool {
    let resolve = |path: &Path| -> PathBuf {
        let mut missing = Vec::new();
        let mut existing = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        loop {
            if let Ok(real) = existing.canonicalize() {
                return missing
                    .iter()
                    .rev()
                    .fold(real, |path, part| path.join(part));
            }
            match (existing.parent().map(Path::to_owned), existing.file_name()) {
                (Some(parent), Some(name)) => {
                    missing.push(name.to_owned());
                    existing = parent;
                }
                _ => return existing,
            }
        }
    };
    resolve(path).starts_with(resolve(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_do_not_hide_where_a_path_lies() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        std::os::unix::fs::symlink(&out, folder.path().join("link")).unwrap();
        assert!(is_within(&out.join("a/b"), &out));
        assert!(is_within(&folder.path().join("link/a"), &out));
        assert!(!is_within(&folder.path().join("outside"), &out));
        assert!(!is_within(&out.join("../outside"), &out));
    }
}

//! Paths of a cluster's workspace, in which the planner keeps keys between runs.
//!
//! `<cluster>.kubeplan/` in the current directory, accessible to its owner alone: `pki/` (the key store), `keys/author`
//! (a signing key, made if none is configured), `identities/<node>.age` (for nodes without recipients). A directory that
//! another user owns or can write is refused: that user could have put the keys there, or could replace them.

use std::path::{Path, PathBuf};

use kubeplan_terminal::CliError;

use super::reading::exposed;
use crate::files::{self, Directory, Need};

/// Paths of one cluster's workspace.
#[derive(Debug)]
pub(super) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace of cluster `name`: beside the key store if one is given, else in the current directory.
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
        self.directory("pki")
    }

    /// The file of the author's private key, made if none is configured.
    ///
    /// # Errors
    /// [`CliError`] if another user owns or can write a directory of the workspace.
    pub(super) fn author_key(&self) -> Result<PathBuf, CliError> {
        Ok(self.directory("keys")?.join("author"))
    }

    /// The file of the age identity of a node without recipients.
    ///
    /// # Errors
    /// As for [`Workspace::author_key`].
    pub(super) fn identity(&self, node: &str) -> Result<PathBuf, CliError> {
        Ok(self.directory("identities")?.join(format!("{node}.age")))
    }

    /// Checks owner and mode of the workspace and of a directory in it, if they exist.
    fn directory(&self, name: &str) -> Result<PathBuf, CliError> {
        let directory = self.root.join(name);
        for path in [&self.root, &directory] {
            let opened = match Directory::open(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
                opened => opened,
            };
            opened
                .map_err(files::Unusable::from)
                .and_then(|directory| files::check(directory.handle(), path, Need::Unchanged))
                .map_err(|unusable| exposed("using the workspace", path, unusable))?;
        }
        Ok(directory)
    }
}

/// Whether `path` lies in `directory`, after resolving links and `..` in the part of the path that exists.
pub(super) fn is_within(path: &Path, directory: &Path) -> bool {
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
    resolve(path).starts_with(resolve(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_do_not_hide_where_a_path_lies() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        std::fs::create_dir(&out).unwrap();
        std::os::unix::fs::symlink(&out, directory.path().join("link")).unwrap();
        assert!(is_within(&out.join("a/b"), &out));
        assert!(is_within(&directory.path().join("link/a"), &out));
        assert!(!is_within(&directory.path().join("outside"), &out));
        assert!(!is_within(&out.join("../outside"), &out));
    }
}

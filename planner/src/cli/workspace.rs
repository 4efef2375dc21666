//! The workspace of a cluster: what the planner keeps between runs.
//!
//! `<cluster>.kubeplan/` beside the current folder, for its owner alone: `pki/` (the key store), `keys/author`
//! (a signing key made when none is configured), `identities/<node>.age` (for nodes without a recipient).

use std::path::{Path, PathBuf};

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
    pub(super) fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// The author's private key, made when none is configured.
    pub(super) fn author_key(&self) -> PathBuf {
        self.root.join("keys/author")
    }

    /// The age identity of a node without a recipient.
    pub(super) fn identity(&self, node: &str) -> PathBuf {
        self.root.join("identities").join(format!("{node}.age"))
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

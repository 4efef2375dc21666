//! `reset.json`: that a reset which was stopped may remove the data of etcd.
//!
//! Whether a member left its cluster can be asked of etcd only while it runs and its manifest is there. A reset removes both
//! before the data, so what the answer was has to outlive the run. The permission holds for the installation it was
//! given for: another manifest, or other records of what is installed, and it counts for nothing.

use kubeplan_bundle::canonical;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::path::HostPath;
use serde::{Deserialize, Serialize};

use super::document::{self, Document, StateError};
use super::installed::Installed;
use super::{FOLDER, open_folder};
use crate::host::{Actions, Root};

/// How far a reset came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ResetProgress {
    format: String,
    /// The folder whose data may be removed.
    pub(crate) etcd_data: HostPath,
    /// The manifest it was found in.
    manifest: Sha256Digest,
    /// The records at that time.
    installed: Sha256Digest,
}

impl Document for ResetProgress {
    const NAME: &'static str = "reset.json";
    const FORMAT: &'static str = "kubeplan.io/reset/1";

    fn format(&self) -> &str {
        &self.format
    }
}

impl ResetProgress {
    /// The permission to remove the data in `etcd_data`.
    ///
    /// # Errors
    /// [`StateError`] if the records have no canonical form.
    pub(crate) fn new(
        etcd_data: HostPath,
        manifest: &[u8],
        installed: &Installed,
    ) -> Result<Self, StateError> {
        Ok(Self {
            format: Self::FORMAT.to_owned(),
            etcd_data,
            manifest: Sha256Digest::of(manifest),
            installed: digest(installed)?,
        })
    }

    /// Reads it; `None` if no reset was stopped.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn load(root: &Root) -> Result<Option<Self>, StateError> {
        document::load(root)
    }

    /// Whether it was given for what is here now; the manifest may be gone already.
    ///
    /// # Errors
    /// [`StateError`] if the records have no canonical form.
    pub(crate) fn applies(
        &self,
        manifest: Option<&[u8]>,
        installed: &Installed,
    ) -> Result<bool, StateError> {
        Ok(
            manifest.is_none_or(|bytes| Sha256Digest::of(bytes) == self.manifest)
                && digest(installed)? == self.installed,
        )
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn store(&self, root: &Root, actions: &Actions) -> Result<(), StateError> {
        document::store(root, actions, self)
    }

    /// Forgets it, if there is one.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn remove(root: &Root, actions: &Actions) -> Result<(), StateError> {
        if let Some(folder) = open_folder(root)? {
            actions.remove_file(&folder, Self::NAME)?;
            actions.sync_directory(&folder)?;
        }
        Ok(())
    }
}

fn digest(installed: &Installed) -> Result<Sha256Digest, StateError> {
    canonical::to_vec(installed)
        .map(|bytes| Sha256Digest::of(&bytes))
        .map_err(|source| StateError::Damaged {
            path: FOLDER.join(Installed::NAME),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_holds_for_its_manifest_and_its_records_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let actions = Actions::default();
        assert_eq!(ResetProgress::load(&root).unwrap(), None);
        ResetProgress::remove(&root, &actions).unwrap();
        let installed = Installed::default();
        let given = ResetProgress::new("/var/lib/db".parse().unwrap(), b"one", &installed).unwrap();
        given.store(&root, &actions).unwrap();
        let read = ResetProgress::load(&root).unwrap().unwrap();
        assert_eq!(read, given);
        assert!(read.applies(Some(b"one"), &installed).unwrap());
        assert!(read.applies(None, &installed).unwrap());
        assert!(!read.applies(Some(b"two"), &installed).unwrap());
        let mut other = read;
        other.installed = Sha256Digest::of(b"other records");
        assert!(!other.applies(None, &installed).unwrap());
        ResetProgress::remove(&root, &actions).unwrap();
        assert_eq!(ResetProgress::load(&root).unwrap(), None);
    }
}

//! `reset.json`: that a reset has begun, and whether it may remove the data of etcd.
//!
//! Whether a member left its cluster can be asked of etcd only while it runs and its manifest is there. A reset removes both
//! before the data, so what the answer was has to outlive the run. It holds for the installation it was
//! given for: another manifest, or other records of what is installed, and it counts for nothing.

use kubeplan_bundle::canonical;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::path::HostPath;
use serde::{Deserialize, Serialize};

use super::document::{self, Document, StateError};
use super::installed::Installed;
use super::{DIRECTORY, open_directory};
use crate::host::{Actions, Root};

/// How far a reset came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ResetProgress {
    format: String,
    /// What may be removed although etcd cannot be asked any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etcd: Option<Permission>,
    /// The records at that time.
    installed: Sha256Digest,
}

/// That etcd's data may be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Permission {
    /// The directory with the data.
    data: HostPath,
    /// The manifest it was found in.
    manifest: Sha256Digest,
}

impl Document for ResetProgress {
    const NAME: &'static str = "reset.json";
    const FORMAT: &'static str = "kubeplan.io/reset/1";

    fn format(&self) -> &str {
        &self.format
    }
}

impl ResetProgress {
    /// That a reset of what is installed has begun.
    ///
    /// # Errors
    /// [`StateError`] if the records have no canonical form.
    pub(crate) fn new(installed: &Installed) -> Result<Self, StateError> {
        Ok(Self {
            format: Self::FORMAT.to_owned(),
            etcd: None,
            installed: digest(installed)?,
        })
    }

    /// With the permission to remove the data in `etcd_data`, which `manifest` names.
    pub(crate) fn with_permission(self, etcd_data: HostPath, manifest: &[u8]) -> Self {
        let etcd = Permission {
            data: etcd_data,
            manifest: Sha256Digest::of(manifest),
        };
        Self {
            etcd: Some(etcd),
            ..self
        }
    }

    /// Reads it; `None` if no reset was stopped.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn load(root: &Root) -> Result<Option<Self>, StateError> {
        document::load(root)
    }

    /// Whether what is installed is what was being reset.
    ///
    /// # Errors
    /// [`StateError`] if the records have no canonical form.
    pub(crate) fn is_of(&self, installed: &Installed) -> Result<bool, StateError> {
        Ok(digest(installed)? == self.installed)
    }

    /// The data of etcd that may be removed, if the permission was given for what is here now; the manifest may be gone
    /// already.
    ///
    /// # Errors
    /// [`StateError`] if the records have no canonical form.
    pub(crate) fn etcd_data(
        &self,
        manifest: Option<&[u8]>,
        installed: &Installed,
    ) -> Result<Option<&HostPath>, StateError> {
        let Some(etcd) = &self.etcd else {
            return Ok(None);
        };
        let holds = manifest.is_none_or(|bytes| Sha256Digest::of(bytes) == etcd.manifest)
            && self.is_of(installed)?;
        Ok(holds.then_some(&etcd.data))
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
        if let Some(place) = open_directory(root)? {
            actions.remove_file(place.directory(), Self::NAME)?;
            actions.sync_directory(place.directory())?;
        }
        Ok(())
    }
}

fn digest(installed: &Installed) -> Result<Sha256Digest, StateError> {
    canonical::to_vec(installed)
        .map(|bytes| Sha256Digest::of(&bytes))
        .map_err(|source| StateError::Damaged {
            path: DIRECTORY.join(Installed::NAME),
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
        let data: HostPath = "/var/lib/db".parse().unwrap();
        let begun = ResetProgress::new(&installed).unwrap();
        assert!(begun.is_of(&installed).unwrap());
        assert_eq!(begun.etcd_data(None, &installed).unwrap(), None);
        let given = begun.with_permission(data.clone(), b"one");
        given.store(&root, &actions).unwrap();
        let read = ResetProgress::load(&root).unwrap().unwrap();
        assert_eq!(read, given);
        assert_eq!(
            read.etcd_data(Some(b"one"), &installed).unwrap(),
            Some(&data)
        );
        assert_eq!(read.etcd_data(None, &installed).unwrap(), Some(&data));
        assert_eq!(read.etcd_data(Some(b"two"), &installed).unwrap(), None);
        let mut other = read;
        other.installed = Sha256Digest::of(b"other records");
        assert!(!other.is_of(&installed).unwrap());
        assert_eq!(other.etcd_data(None, &installed).unwrap(), None);
        ResetProgress::remove(&root, &actions).unwrap();
        assert_eq!(ResetProgress::load(&root).unwrap(), None);
    }
}

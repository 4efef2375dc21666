//! Remembering what was installed.
//!
//! Before a run changes anything it records what it is about to write, beside what was there; afterwards it
//! records what is there. A run that is stopped in between leaves both, so the next one knows every file the
//! stopped one may have written as its own.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Index;

use super::compare::{Comparison, FileAction, FileItem, Item, file_mode};
use super::planned::PlannedFile;
use super::stage::{Placed, owner_to_set};
use crate::host::{Actions, HostError, Owner, Root};
use crate::state::StateError;
use crate::state::installed::{FileRecord, Installed};
use crate::state::salt::{RecordedDigest, Salt};
use crate::state::serials::Serials;

/// The host's memory while a bundle is installed.
pub(crate) struct Recorder<'a> {
    pub(crate) root: &'a Root,
    pub(crate) actions: &'a Actions,
    pub(crate) index: &'a Index,
    pub(crate) installed: Installed,
    pub(crate) serials: Serials,
    pub(crate) salt: Option<Salt>,
}

impl Recorder<'_> {
    /// Records what is about to be written. Writes nothing if nothing will be.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn begin(&mut self, comparison: &Comparison<'_>) -> Result<(), StateError> {
        let before = self.installed.clone();
        for item in files(comparison) {
            if !item.action.writes() {
                continue;
            }
            let owner =
                owner_to_set(self.root, item.planned.owner).unwrap_or_else(|| self.root.invoker());
            let record = self.record(&item.planned, owner)?;
            let node = self.installed.node_mut(self.index);
            let file = node.files.entry(item.planned.path.clone()).or_default();
            file.pending = Some(record);
        }
        self.store_if_changed(&before)
    }

    /// Records what is there now, and the serial.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn finish(
        &mut self,
        comparison: &Comparison<'_>,
        placed: &[Placed<'_>],
        target_overridden: bool,
    ) -> Result<(), StateError> {
        let before = self.installed.clone();
        for item in files(comparison) {
            let meta = match item.action {
                FileAction::Create | FileAction::Update | FileAction::Overwrite => placed
                    .iter()
                    .find(|placed| placed.planned.path == item.planned.path)
                    .map(|placed| placed.meta),
                FileAction::Unchanged | FileAction::Adopt => {
                    item.host.as_ref().map(|host| host.meta)
                }
                // What is recorded stays what was installed; only then is the change still seen next time.
                FileAction::HandedOff
                | FileAction::Drift
                | FileAction::Foreign
                | FileAction::Obstacle(_) => None,
            };
            let Some(meta) = meta.filter(|meta| file_mode(*meta).is_some()) else {
                continue;
            };
            let record = self.record(&item.planned, meta.owner)?;
            let node = self.installed.node_mut(self.index);
            let file = node.files.entry(item.planned.path.clone()).or_default();
            file.current = Some(record);
            file.pending = None;
        }
        let node = self.installed.node_mut(self.index);
        node.cluster_name = self.index.cluster.name.clone();
        node.plan_digest = Some(self.index.plan_digest);
        node.serial = Some(self.index.serial);
        node.target_overridden = target_overridden;
        self.store_if_changed(&before)?;

        let before = self.serials.clone();
        self.serials.advance(self.index);
        if self.serials != before {
            self.serials.store(self.root, self.actions)?;
        }
        Ok(())
    }

    fn store_if_changed(&self, before: &Installed) -> Result<(), StateError> {
        if self.installed == *before {
            return Ok(());
        }
        self.installed.store(self.root, self.actions)
    }

    fn record(
        &mut self,
        planned: &PlannedFile<'_>,
        owner: Owner,
    ) -> Result<FileRecord, StateError> {
        let digest = if planned.secret.is_some() {
            self.salt()?.digest(planned.bytes)
        } else {
            RecordedDigest::Sha256(Sha256Digest::of(planned.bytes))
        };
        Ok(FileRecord {
            digest,
            mode: planned.mode,
            uid: owner.uid,
            gid: owner.gid,
        })
    }

    fn salt(&mut self) -> Result<&Salt, StateError> {
        let salt = match self.salt.take() {
            Some(salt) => salt,
            None => Salt::create(self.root, self.actions)?,
        };
        Ok(self.salt.insert(salt))
    }
}

fn files<'a, 'b>(comparison: &'b Comparison<'a>) -> impl Iterator<Item = &'b FileItem<'a>> {
    comparison.items().filter_map(|item| match item {
        Item::File(file) => Some(file),
        Item::Directory(_) => None,
    })
}

/// Keeps the types of failures of a commit together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitFailure {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The record could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

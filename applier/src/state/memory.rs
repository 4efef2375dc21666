//! What the host remembers, read as one.
//!
//! In: a root. Out: records, serials, journals, the key of the digests. What an interrupted run has in place counts as installed here,
//! although `installed.json` does not say so yet.

use super::StateError;
use super::installed::Installed;
use super::journal::record::Change;
use super::journal::{Attempt, Standing};
use super::runs::Runs;
use super::salt::Salt;
use super::serials::Serials;
use crate::host::Root;

/// What the host remembers.
pub(crate) struct Memory {
    /// What was installed.
    pub(crate) installed: Installed,
    /// The highest serials.
    pub(crate) serials: Serials,
    /// The last runs.
    pub(crate) runs: Runs,
    /// The key of recorded digests.
    pub(crate) salt: Option<Salt>,
}

impl Memory {
    /// Reads everything.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn load(root: &Root) -> Result<Self, StateError> {
        Ok(Self {
            installed: Installed::load(root)?,
            serials: Serials::load(root)?,
            runs: Runs::load(root)?,
            salt: Salt::load(root)?,
        })
    }

    /// What was installed, with what an interrupted run has in place.
    pub(crate) fn as_installed(&self) -> Installed {
        let mut installed = self.installed.clone();
        if let Some(run) = self.runs.interrupted() {
            run.settle(installed.node_mut(&run.begin.cluster, &run.begin.node));
        }
        installed
    }

    /// As [`Memory::as_installed`]; what an interrupted run or rollback may have half done counts as its own, too. For those who may not
    /// bring it back first.
    pub(crate) fn as_found(&self) -> Installed {
        let mut installed = self.as_installed();
        let Some(run) = self.runs.current() else {
            return installed;
        };
        let attempts: Vec<&Attempt> = match run.standing {
            Standing::Open | Standing::Superseded(_) => run.in_flight().into_iter().collect(),
            // Of each of its files a rollback that was stopped may have left what the run put there.
            Standing::RollingBack(_) => run.attempts.iter().collect(),
            Standing::Finished(_) | Standing::RolledBack(_) => Vec::new(),
        };
        for attempt in attempts {
            let node = installed.node_mut(&run.begin.cluster, &run.begin.node);
            for change in &attempt.planned.changes {
                let state = match change {
                    Change::MakeDirectory { .. } | Change::Remove { .. } => continue,
                    Change::Create { after, .. } | Change::Replace { after, .. } => after,
                    // The record has one of the two already: that of the other is missing.
                    Change::Edit { before, after, .. } => match run.standing {
                        Standing::RollingBack(_) => before,
                        _ => after,
                    },
                };
                let file = node.files.entry(change.path().clone()).or_default();
                file.pending = state.record();
            }
        }
        installed
    }
}

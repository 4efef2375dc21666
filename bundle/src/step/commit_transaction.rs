//! `commit-transaction`.

use serde::{Deserialize, Serialize};

use super::PhaseName;
use super::questions::{Act, Stage, Surroundings, Work};
use crate::access::StepPath;
use crate::check::Broken;
use crate::name::TransactionName;

/// Brings the files of one transaction to their destinations.
///
/// - Precondition: every entry is staged, verified and synced.
/// - Effect: each file is replaced by rename, in the transaction's order, and its directory synced.
/// - Twice: a file that already has the planned bytes, mode and owner is not touched.
/// - Completion: the journal's record of the transaction.
/// - Undo: the files from before are restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommitTransaction {
    /// kubeadm's phase that writes these files.
    pub phase: PhaseName,
    /// Which transaction of the index.
    pub transaction: TransactionName,
}

impl Act for CommitTransaction {
    fn summary(&self) -> String {
        format!("commit {}", self.transaction)
    }

    fn stage(&self) -> Stage {
        Stage::Files
    }

    fn work(&self) -> Work<'_> {
        Work::Commits(&self.transaction)
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check(&self, _around: &Surroundings<'_>) -> Result<(), Broken> {
        Ok(())
    }
}

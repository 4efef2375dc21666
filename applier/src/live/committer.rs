//! What a live step that commits files needs of the installation it belongs to.
//!
//! In: the name of a transaction, and what fills the hole of its file. Out: the transaction committed through the journal, as a whole, as every
//! other. Live steps write no file of the bundle's themselves.

use std::error::Error;

use kubeplan_bundle::index::TransactionName;
use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::Text;

/// The files of a transaction could not be looked at, or not be committed.
#[derive(Debug, thiserror::Error)]
#[error("the files of transaction `{transaction}` cannot be {what}")]
pub(crate) struct FilesError {
    /// Which.
    pub(crate) transaction: String,
    /// What could not be done: `committed`.
    pub(crate) what: &'static str,
    /// Why.
    #[source]
    pub(crate) source: Box<dyn Error + Send + Sync>,
    /// Lines that belong to why.
    pub(crate) details: Text,
    /// What became of the files, and what to do.
    pub(crate) hints: Vec<String>,
}

/// How the file with the hole is on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// It is not there.
    Missing,
    /// It is there otherwise: of an older plan, or changed by others.
    Otherwise,
    /// It is this plan's, filled.
    AsPlanned,
}

/// How a transaction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The file with the hole.
    pub(crate) file: Filled,
    /// A folder of the transaction's in which the bundle puts nothing, and in which something is: what runs by the file was here.
    pub(crate) data: Option<HostPath>,
}

/// What came of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// Files were written.
    Written,
    /// Everything was there.
    Unchanged,
    /// Others changed a file; it is left as it is.
    Left,
}

/// The installation, for a live step that commits one of its transactions.
pub(crate) trait Committer {
    /// How the transaction stands on the host now.
    ///
    /// # Errors
    /// [`FilesError`].
    fn look(&mut self, transaction: &TransactionName) -> Result<Standing, FilesError>;

    /// Records that the step at `position` is about to do what no rollback takes back; `leaves` says what stays.
    ///
    /// # Errors
    /// If it cannot be recorded; nothing is to be done then.
    fn begin(&mut self, position: usize, leaves: &str) -> Result<(), Box<dyn Error + Send + Sync>>;

    /// Fills the hole with `value`, and commits the transaction.
    ///
    /// # Errors
    /// [`FilesError`].
    fn commit(
        &mut self,
        transaction: &TransactionName,
        value: &str,
    ) -> Result<Committed, FilesError>;
}

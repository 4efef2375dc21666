//! What a live step that commits files needs of the installation it belongs to.
//!
//! In: the name of a transaction, and what fills the hole of its file; or a file that the step changes or takes away. Out: the change
//! committed through the journal, as a whole, with a copy of what was there, as every other. Live steps write and remove no file themselves.

use std::error::Error;

use kubeplan_bundle::index::TransactionName;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;

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
    /// A directory of the transaction's in which the bundle puts nothing, and in which something is: what runs by the file was here.
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

/// Where a step that changes files is run for itself.
pub(crate) const NO_INSTALLATION: &str =
    "the step runs outside of an installation, so no journal can record the change";

/// A file, or the files of a transaction, could not be looked at or changed, or the change not be recorded.
#[derive(Debug, thiserror::Error)]
#[error("{which} cannot be {what}")]
pub(crate) struct ChangeError {
    /// Which, for people.
    pub(crate) which: String,
    /// What could not be done: `removed`, `committed`.
    pub(crate) what: &'static str,
    /// Why.
    #[source]
    pub(crate) source: Box<dyn Error + Send + Sync>,
}

/// What came of taking a file away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It was not there.
    Missing,
    /// It is gone; a copy is kept for a rollback.
    Done,
    /// It is left as it is, and why.
    Left(&'static str),
}

/// The installation, for a live step that changes files.
pub(crate) trait Committer {
    /// How the transaction stands on the host now.
    ///
    /// # Errors
    /// [`ChangeError`].
    fn look(&mut self, transaction: &TransactionName) -> Result<Standing, ChangeError>;

    /// Records that the step at `position` is about to do what no rollback takes back; `leaves` says what stays.
    ///
    /// # Errors
    /// If it cannot be recorded; nothing is to be done then.
    fn begin(&mut self, position: usize, leaves: &str) -> Result<(), Box<dyn Error + Send + Sync>>;

    /// Fills the hole with `value`, and commits the transaction.
    ///
    /// # Errors
    /// [`ChangeError`].
    fn commit(
        &mut self,
        transaction: &TransactionName,
        value: &str,
    ) -> Result<Committed, ChangeError>;

    /// Puts the second of `contents` in the place of the first at `path`, with this mode, for the step at `position`. The owner stays.
    ///
    /// # Errors
    /// [`ChangeError`], also if something else than the first is there.
    fn replace(
        &mut self,
        position: usize,
        path: &HostPath,
        contents: (&SecretBytes, &SecretBytes),
        mode: u32,
    ) -> Result<(), ChangeError>;

    /// Takes a file of the bundle away, for the step at `position`. What is not as this installation brought it is left.
    ///
    /// # Errors
    /// [`ChangeError`].
    fn remove(&mut self, position: usize, path: &HostPath) -> Result<Removal, ChangeError>;
}

//! Why an installation does not begin, or stops.

use std::path::PathBuf;

use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::path::{HostPath, ParsePathError};
use kubeplan_bundle::seal::IdentityError;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::Advice;

use crate::admission::Refused;
use crate::host::{HostError, Root};
use crate::preflight::{ChecksFailed, IgnoreError};
use crate::state::StateError;
use crate::steps::selection::UnknownPhase;
use crate::trust::TrustError;

/// Why an installation does not begin, or stops. Until one of the variants of [`PartWay`](Self::PartWay) on nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// A phase that the bundle does not have.
    #[error(transparent)]
    Phase(#[from] UnknownPhase),
    /// Checks are ignored in a way that contradicts itself.
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
    /// A file to overwrite that the bundle does not have.
    #[error("`--overwrite-drift {0}`: the bundle has no file of this path")]
    NoSuchFile(HostPath),
    /// An object to overwrite that the bundle does not have.
    #[error("`--overwrite-drift {0}`: the bundle has no object of this name")]
    NoSuchObject(EntryName),
    /// A confirmation is to be waited for, and a run was interrupted.
    #[error(
        "`--confirm-within`: a run was interrupted here, and a rollback would restore its unfinished state"
    )]
    ConfirmAfterInterruption(#[source] Advice),
    /// A confirmation is to be waited for by a first installation.
    #[error(
        "`--confirm-within`: nothing of this node was installed here before, so there is no earlier state to restore"
    )]
    ConfirmFirst(#[source] Advice),
    /// The operator could not be asked.
    #[error("{0}")]
    Unanswered(String),
    /// The operator does not agree.
    #[error("the answer was no: nothing was installed")]
    Declined,
    /// A bundle, or a file with an identity, cannot be read.
    #[error(transparent)]
    Unreadable(HostError),
    /// A bundle that is not accepted.
    #[error(transparent)]
    Bundle(Box<BundleError>),
    /// The host's trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The bundle is not for this host and this time.
    #[error(transparent)]
    Admission(#[from] Refused),
    /// A run goes on with another bundle than it began with.
    #[error(
        "the bundle `{}` is not the one whose installation was interrupted (index {found}, expected {expected})",
        path.display()
    )]
    NotResumed {
        /// The bundle.
        path: PathBuf,
        /// The digest of its index, in short.
        found: String,
        /// The digest of the interrupted run's index, in short.
        expected: String,
        /// What to give instead.
        #[source]
        instead: Advice,
    },
    /// A file that the operator named holds no identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No identity opens the sealed part.
    #[error("{why}")]
    Sealed {
        /// Why.
        why: String,
        /// The recipients that it is sealed to.
        #[source]
        recipients: Advice,
    },
    /// The bundle lacks what its index names; its own checks rule that out.
    #[error("the bundle has no content for `{0}`")]
    NoContent(String),
    /// A check of the bundle fails.
    #[error(transparent)]
    Checks(#[from] ChecksFailed),
    /// The running system is to be changed without privileges.
    #[error("{what} needs root")]
    NeedsRoot {
        /// What does.
        what: String,
        /// What helps.
        #[source]
        advice: Advice,
    },
    /// A receipt is to be signed, and there is no key that can.
    #[error("the receipt cannot be signed: {why}")]
    ReceiptKey {
        /// Why.
        why: String,
        /// What helps.
        #[source]
        advice: Advice,
    },
    /// Paths of the bundle that are in the way of one another, of the host or of an operator.
    #[error("{count} of the bundle's paths cannot be installed")]
    Obstacles {
        /// How many.
        count: usize,
        /// Which, and what to do.
        #[source]
        paths: Advice,
    },
    /// Files are to be left alone, and are not as planned.
    #[error(
        "{changes} of the bundle's files and directories are not as planned, and --live-only changes no files"
    )]
    NotAsPlanned {
        /// How many.
        changes: usize,
        /// What to do first.
        #[source]
        first: Advice,
    },
    /// A run waits to be confirmed.
    #[error("run {run} waits {}to be confirmed", until.map(|time| format!("until {time} ")).unwrap_or_default())]
    Unconfirmed {
        /// Its number.
        run: u32,
        /// Until when, if that is to be said.
        until: Option<Timestamp>,
        /// How to end the wait.
        #[source]
        end: Advice,
    },
    /// A file that would be replaced cannot be kept.
    #[error("{0}: is too large to keep a copy of")]
    TooLarge(HostPath),
    /// A directory's path cannot be recorded; the checks of the index rule that out.
    #[error(transparent)]
    Path(#[from] ParsePathError),
    /// Nothing can bring back what is not confirmed in time.
    #[error("cannot schedule the rollback after {seconds} seconds: {reason}; nothing was changed")]
    NoSupervisor {
        /// The time until then.
        seconds: u64,
        /// Why.
        reason: String,
        /// What to do without.
        #[source]
        without: Advice,
    },
    /// The journal's digests have no key.
    #[error("there is no key for the digests of the journal")]
    NoSalt,
    /// The installation was stopped in the middle.
    #[error("the installation stopped part-way, {at}: {done} of {planned} changes are in place")]
    PartWay {
        /// Where.
        at: String,
        /// How many changes are in place.
        done: usize,
        /// How many were to be.
        planned: usize,
        /// Why, and the ways from there.
        #[source]
        why: Advice,
    },
    /// A live step failed.
    #[error("step {} ({phase}: {what}) stopped", step + 1)]
    Live {
        /// Its position in the index, from 0.
        step: usize,
        /// Its phase.
        phase: String,
        /// What it does.
        what: String,
        /// Why it stopped, and the ways from there.
        #[source]
        why: Advice,
    },
    /// What the host remembers.
    #[error(transparent)]
    State(#[from] StateError),
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl InstallError {
    /// The refusal while a run waits to be confirmed; nothing is changed on top of it.
    pub(super) fn unconfirmed(root: &Root, run: u32, until: Option<Timestamp>) -> Self {
        let command = |words: &[&str]| super::next::command(root, words);
        Self::Unconfirmed {
            run,
            until,
            end: Advice::hint(format!(
                "keep it with `{}`, or undo it with `{}`",
                command(&["confirm"]),
                command(&["rollback"])
            )),
        }
    }
}

impl From<BundleError> for InstallError {
    fn from(error: BundleError) -> Self {
        Self::Bundle(Box::new(error))
    }
}

/// Names the bundle that is refused.
#[derive(Debug, thiserror::Error)]
#[error("the bundle `{path}` is refused")]
pub(crate) struct BundleError {
    /// The file.
    pub(crate) path: String,
    /// Why, and what to do about it.
    #[source]
    pub(crate) source: Advice,
}

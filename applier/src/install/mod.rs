//! Installing a bundle's files: verify → admit → lock → unseal → recover → compare → commit → record; and rolling back.
//!
//! In: a bundle, a root, what the operator allows. Out: a report, and a root as the bundle says. Until every
//! check has passed nothing is written, not even a lock file; from then on each transaction is applied completely or
//! not at all, even if the process is killed or power fails, by means of a journal ([`crate::state::journal`]).
//!
//! | module | concern |
//! |---|---|
//! | [`run`], [`request`] | the pipeline, and what is asked of it |
//! | [`bundle`] | from a file to contents: opened, judged by the host's trust, unsealed |
//! | [`planned`] | the bundle's files as one list, in step order |
//! | [`compare`], [`obstacles`] | bundle, record and host: what to do with each file, and what is in the way |
//! | [`write`], [`changes`], [`commit`], [`stage`] | doing it, each transaction as a whole |
//! | [`steps`], [`filled`] | live steps, and the transaction that one of them commits |
//! | [`undo`], [`recover`], [`rollback`] | restoring: one transaction, what a stopped run left, a whole run |
//! | [`supervise`] | rolling back a run that is not confirmed |
//! | [`record`] | remembering it |
//! | [`drift`], [`status`] | what became of it since, and how the host stands |
//! | [`diff`], [`report`], [`next`] | showing it |
//! | [`error`] | why it does not begin, or stops |

mod bundle;
mod changes;
mod commit;
mod compare;
mod diff;
pub(crate) mod drift;
mod error;
mod filled;
pub(crate) mod next;
mod obstacles;
mod own_change;
pub(crate) mod planned;
mod receipt;
mod record;
pub(crate) mod recover;
pub(crate) mod report;
mod request;
pub(crate) mod rollback;
mod run;
pub(crate) mod stage;
pub(crate) mod status;
mod steps;
pub(crate) mod supervise;
#[cfg(test)]
mod testing;
mod undo;
mod write;

pub(crate) use bundle::{SSH_HOST_KEY, open_trusted, refuse};
pub(crate) use error::{BundleError, InstallError};
pub(crate) use request::Request;
pub(crate) use run::{Means, Operator, require_root, run};
pub(crate) use steps::Steps;

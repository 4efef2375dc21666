//! Installing a bundle's files: verify → admit → lock → unseal → recover → compare → commit → record; and rolling back.
//!
//! In: a bundle, a root, what the operator allows. Out: a report, and a root as the bundle says. Until every
//! check has passed nothing is written, not even a lock file; from then on each transaction is applied completely or
//! not at all, even if the process is killed or power fails, by means of a journal ([`crate::state::journal`]).
//!
//! | module | concern |
//! |---|---|
//! | [`run`], [`request`], [`means`] | the pipeline, what is asked of it, and what it needs of the program |
//! | [`bundle`] | from a file to contents: opened, judged by the host's trust, unsealed |
//! | [`planned`] | the bundle's files as one list, in step order |
//! | [`compare`], [`attributes`], [`obstacles`] | bundle, record and host: what to do with each file, and what is in the way |
//! | [`write`], [`writing`], [`changes`], [`commit`], [`stage`] | doing it, each transaction as a whole |
//! | [`steps`], [`done_steps`], [`filled`] | live steps, those that were done before, and the transaction that one of them commits |
//! | [`undo`], [`recover`], [`rollback`] | restoring: one transaction, what a stopped run left, a whole run |
//! | [`supervise`] | rolling back a run that is not confirmed |
//! | [`record`] | remembering it |
//! | [`drift`], [`status`] | what became of it since, and how the host stands |
//! | [`diff`], [`report`], [`next`] | showing it |
//! | [`error`] | why it does not begin, or stops |

mod attributes;
mod bundle;
mod changes;
mod commit;
mod compare;
mod diff;
mod done_steps;
pub(crate) mod drift;
mod error;
mod filled;
mod means;
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
mod writing;

pub(crate) use bundle::{SSH_HOST_KEY, open_judged, open_trusted, refuse};
pub(crate) use error::{BundleError, InstallError};
pub(crate) use means::{Means, Operator};
pub(crate) use request::{Request, Steps};
pub(crate) use run::{require_root, run};

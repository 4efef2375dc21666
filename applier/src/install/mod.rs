//! Installing a bundle's files: admission → unseal → compare → stage → commit → record.
//!
//! In: a bundle, a root, what the operator allows. Out: a report, and a root as the bundle says. Until every
//! check has passed nothing is written, not even a lock file; from then on every file is the old one or the
//! new one whatever happens, and a further run continues.
//!
//! | module | concern |
//! |---|---|
//! | [`admission`] | may this bundle be installed on this host now? |
//! | [`planned`] | the bundle's files as one list, in step order |
//! | [`compare`] | bundle, record and host: what to do with each file |
//! | [`commit`], [`stage`] | doing it |
//! | [`record`] | remembering it |
//! | [`live`] | the steps that need a running host |
//! | [`diff`], [`report`] | showing it |

pub(crate) mod admission;
mod commit;
mod compare;
mod diff;
mod live;
pub(crate) mod planned;
mod record;
pub(crate) mod report;
mod run;
mod stage;

pub(crate) use live::{Live, Steps};
pub(crate) use run::{BundleError, Request, open_trusted, refuse, run};

//! From documents to results: the one way that every command takes.
//!
//! In: documents, flags and facts, and what the command asks for ([`Choices`]): nodes, phases, uploaded certificates. Out: a [`Session`]
//! with the configuration of every node, from which bundles, files, lists of checks and of images are made. What there is to say on the way
//! goes to an [`Observer`]. Nothing here knows a command line, a terminal or a file's name that it was not given: folders of patches, the
//! key store's contents and the place of the bundles are handed in.
//!
//! | module | concern |
//! |---|---|
//! | [`session`] | set-up: documents, nodes, phases, patches |
//! | `outlines` | what is planned without keys, and refused before one is made; the plan that keys make of it |
//! | [`validation`] | all that is wrong with documents, at once |
//! | [`bundles`] | plan, draft, seal and write one node's bundle |
//! | [`rendering`] | the same plan as plain files |
//! | [`checks`] | preflight checks that facts answer |
//! | [`join`] | the keys of a node that joins a cluster that runs |
//! | [`observer`], [`notices`], [`error`] | what is said on the way, and what ends it |

pub mod bundles;
pub mod checks;
pub mod error;
pub mod join;
pub mod notices;
pub mod observer;
mod outlines;
pub mod rendering;
pub mod session;
#[cfg(test)]
pub(crate) mod testing;
pub mod validation;

pub use error::{EngineError, NodeError, NodeFailures, PatchFolderError};
pub use notices::{Notice, Notices, listed};
pub use observer::{Observer, Progress};
pub use outlines::Prospect;
pub use session::{Choices, PatchFolders, Session};

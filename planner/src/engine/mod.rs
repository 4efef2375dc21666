//! Makes results from documents, in one way for every command.
//!
//! In: documents, flags and facts, and the command's [`Choices`]: nodes, phases, uploaded certificates. Out: a [`Session`] with the
//! configuration of every node, which makes bundles, files, lists of checks and lists of images. Warnings and notes go to an [`Observer`].
//! The engine knows no command line and no terminal, and opens no file: the caller hands in patches, the content of the key store and the
//! output.
//!
//! | module | concern |
//! |---|---|
//! | [`session`] | set-up: documents, nodes, phases, patches |
//! | `outlines`, `kept` | plans without keys, refuses what cannot be planned before a key is made, fills keys in |
//! | [`validation`] | finds everything that is wrong with documents |
//! | [`bundles`] | plans, drafts, seals and writes bundles |
//! | [`rendering`] | writes the same plan as plain files |
//! | [`images`] | the images that a plan needs |
//! | [`checks`] | answers preflight checks from facts |
//! | [`keys`], `join` | the certificates and keys of the nodes; those of a node that joins a running cluster |
//! | [`discovered`] | what a host learnt about a running cluster, and whether it is the one that is meant |
//! | [`observer`], [`notices`], [`error`], `patch_directory`, `places` | warnings, notes, progress, errors, findings about fields of valid documents |

pub mod bundles;
pub mod checks;
pub mod discovered;
pub mod error;
mod ignored;
pub mod images;
mod join;
mod kept;
pub mod keys;
pub mod notice;
pub mod notices;
pub mod observer;
mod outlines;
mod patch_directory;
mod places;
pub mod rendering;
pub mod session;
#[cfg(test)]
pub(crate) mod testing;
pub mod validation;

pub use error::{EngineError, NodeError, NodeFailures};
pub use notice::Notice;
pub use notices::{Notices, listed};
pub use observer::{Observer, Progress};
pub use outlines::Prospect;
pub use patch_directory::PatchDirectoryError;
pub use session::{Choices, PatchDirectories, Session};

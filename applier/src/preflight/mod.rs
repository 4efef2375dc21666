//! What a host has to be before anything is changed: kubeadm's preflight checks, and our own.
//!
//! In: the checks of a trusted index, the host's tree, the running system, what was installed before, what is to be ignored.
//! Out: a [`Report`] with every finding at once. Nothing is written; a container runtime pulls images if the bundle asks for that.
//! Which checks there are, in which order, with which numbers and names, is in the bundle; here is how each kind looks ([`kinds::Looking`]).
//! A check that cannot look has not passed.
//!
//! | module | concern |
//! |---|---|
//! | [`kinds`] | the kinds of checks: what each needs, whether it can be ignored |
//! | [`engine`], [`ignore`] | runs, order, what is ignored, what an earlier installation explains |
//! | [`report`] | kubeadm's lines, a table for people, JSON |
//! | [`surroundings`] | the running system, and what can be reached from it |
//! | [`admission`], [`space`] | our own: clock, target, serial; room on the disks, files of others |
//! | [`files`], [`node`], [`services`], [`ports`], [`proxy`], [`runtime`], [`kernel`], [`cgroups`], [`version`], [`cluster`], [`credentials`], [`leftovers`], [`service_flags`] | looking |

mod admission;
mod cgroups;
#[cfg(test)]
mod checks_tests;
mod cluster;
mod credentials;
mod engine;
mod files;
mod ignore;
mod kernel;
mod kinds;
mod leftovers;
mod node;
mod ports;
mod proxy;
mod report;
mod runtime;
mod service_flags;
mod services;
mod space;
mod surroundings;
#[cfg(test)]
mod testing;
mod version;

pub(crate) use admission::check as admission;
pub(crate) use engine::{Request, run};
pub(crate) use ignore::{IgnoreError, Ignored};
pub use kinds::CheckDoc;
pub(crate) use kinds::docs;
pub(crate) use report::{ChecksFailed, Report};

use kubeplan_bundle::index::Index;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::with_causes;

use crate::contents::Contents;
use crate::host::{HostError, Root};
use crate::state::installed::InstalledNode;
use surroundings::Surroundings;

/// Something that speaks against the host.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Finding {
    /// Counts as the bundle says for this check.
    AsPlanned(String),
    /// Counts as a warning, whatever the bundle says.
    Warning(String),
    /// Counts as an error, whatever the bundle says.
    Error(String),
}

/// Why a check could not look.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CannotLook(String);

/// What a check came to; nothing found means that it passed.
type Looked = Result<Vec<Finding>, CannotLook>;

/// What a check sees.
struct View<'a> {
    root: &'a Root,
    system: &'a dyn Surroundings,
    index: &'a Index,
    /// The bytes of the bundle's public entries.
    contents: &'a dyn Contents,
    now: Timestamp,
    /// What an earlier installation of the same node recorded.
    record: Option<&'a InstalledNode>,
    /// Whether images may be pulled.
    pull: bool,
}

impl From<HostError> for CannotLook {
    fn from(error: HostError) -> Self {
        Self(with_causes(&error))
    }
}

/// One finding, as the bundle counts it.
fn found(message: impl Into<String>) -> Looked {
    Ok(vec![Finding::AsPlanned(message.into())])
}

/// Nothing is wrong.
fn passed() -> Looked {
    Ok(Vec::new())
}

/// A finding if `wrong`.
fn found_if(wrong: bool, message: impl FnOnce() -> String) -> Looked {
    if wrong { found(message()) } else { passed() }
}

//! What is to be written, and where: what writing, remembering and the receipt share.

use std::collections::BTreeSet;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Index;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::timestamp::Timestamp;

use super::compare::Comparison;
use super::request::Request;
use crate::host::{Actions, Root};

/// What is to be written, and where.
pub(super) struct Writing<'a, 'r> {
    /// The host.
    pub(super) root: &'a Root,
    /// Its changes.
    pub(super) actions: &'a Actions,
    /// The bundle's index.
    pub(super) index: &'a Index,
    /// Digest of the index.
    pub(super) index_digest: Sha256Digest,
    /// What to do.
    pub(super) comparison: &'a Comparison<'a>,
    /// What was asked for.
    pub(super) request: &'r Request,
    /// The time.
    pub(super) now: Timestamp,
    /// Positions of the steps of this plan that are done once the files are in place.
    pub(super) done: &'r BTreeSet<usize>,
    /// The key that signs the receipt, if one does.
    pub(super) receipt_key: Option<&'r PrivateKey>,
    /// Live steps follow that were never done for this plan.
    pub(super) live_steps_are_new: bool,
}

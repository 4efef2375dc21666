//! `policy.json`: the policy that bundles were judged by the last time this host was changed.
//!
//! A policy is a file, and a file can be deleted: a host that once had a policy must not quietly accept what its policy would
//! refuse. So what was read is remembered here, and outlives the installation itself, as serials do. That there is to be no policy
//! any more is said by an operator, and remembered too.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::policy::{LiveJoin, Policy};
use kubeplan_bundle::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::{self, Document, StateError};
use crate::host::{Actions, Root};

/// How many acceptances are remembered, the newest ones.
const KEPT: usize = 32;

/// What is remembered of this host's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PolicyMemory {
    format: String,
    /// The policy that was read last; absent once an operator accepted that there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<KnownPolicy>,
    /// When operators accepted that there is no policy, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<Acceptance>,
}

/// A policy that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KnownPolicy {
    /// Digest of the file's bytes.
    pub(crate) sha256: Sha256Digest,
    /// Authors it asks for.
    pub(crate) authors: u32,
    /// Approvals it asks for.
    pub(crate) approvals: u32,
    /// Whether the host may plan for itself.
    pub(crate) live_join: LiveJoin,
    /// When a run that changed the host read it first.
    pub(crate) since: Timestamp,
}

/// That an operator accepted that there is no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Acceptance {
    /// When.
    pub(crate) time: Timestamp,
    /// The user who ran the program.
    pub(crate) uid: u32,
    /// The user who logged in, if the kernel knows (`/proc/self/loginuid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login_uid: Option<u32>,
    /// Whether it was typed on a terminal, not given by a flag.
    pub(crate) terminal: bool,
    /// The policy that no longer holds.
    pub(crate) instead_of: KnownPolicy,
}

impl Document for PolicyMemory {
    const NAME: &'static str = "policy.json";
    const FORMAT: &'static str = "kubeplan.io/policy-memory/1";

    fn format(&self) -> &str {
        &self.format
    }
}

impl Default for PolicyMemory {
    fn default() -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            known: None,
            accepted: Vec::new(),
        }
    }
}

impl KnownPolicy {
    /// A policy file with these bytes.
    pub(crate) fn new(bytes: &[u8], policy: Policy, since: Timestamp) -> Self {
        Self {
            sha256: Sha256Digest::of(bytes),
            authors: policy.authors,
            approvals: policy.approvals,
            live_join: policy.live_join,
            since,
        }
    }

    /// Whether this policy lets something pass that `before` did not.
    pub(crate) fn is_weaker_than(&self, before: &Self) -> bool {
        self.authors < before.authors
            || self.approvals < before.approvals
            || (self.live_join == LiveJoin::Allow && before.live_join == LiveJoin::Deny)
    }
}

impl PolicyMemory {
    /// Reads it; nothing is remembered of a host that never had a policy.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn load(root: &Root) -> Result<Self, StateError> {
        Ok(document::load(root)?.unwrap_or_default())
    }

    /// The policy that was read last.
    pub(crate) const fn known(&self) -> Option<&KnownPolicy> {
        self.known.as_ref()
    }

    /// When operators accepted that there is none, oldest first.
    pub(crate) fn accepted(&self) -> &[Acceptance] {
        &self.accepted
    }

    /// Remembers that this policy was read. Returns whether that is new.
    pub(crate) fn remember(&mut self, policy: KnownPolicy) -> bool {
        let is_new = self.known.is_none_or(|known| known.sha256 != policy.sha256);
        if is_new {
            self.known = Some(policy);
        }
        is_new
    }

    /// Remembers that there is no policy any more.
    pub(crate) fn accept_none(&mut self, acceptance: Acceptance) {
        self.known = None;
        self.accepted.push(acceptance);
        let surplus = self.accepted.len().saturating_sub(KEPT);
        self.accepted.drain(..surplus);
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn store(&self, root: &Root, actions: &Actions) -> Result<(), StateError> {
        document::store(root, actions, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(authors: u32, approvals: u32, live_join: LiveJoin) -> KnownPolicy {
        let policy = Policy {
            authors,
            approvals,
            live_join,
        };
        let bytes = format!("{policy:?}");
        KnownPolicy::new(
            bytes.as_bytes(),
            policy,
            "2026-11-20T12:00:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn weaker_is_fewer_people_or_a_host_that_may_plan_for_itself() {
        let before = policy(2, 1, LiveJoin::Deny);
        for (after, weaker) in [
            (before, false),
            (policy(3, 2, LiveJoin::Deny), false),
            (policy(1, 9, LiveJoin::Deny), true),
            (policy(9, 0, LiveJoin::Deny), true),
            (policy(2, 1, LiveJoin::Allow), true),
        ] {
            assert_eq!(after.is_weaker_than(&before), weaker, "{after:?}");
        }
        assert!(
            !policy(2, 1, LiveJoin::Deny).is_weaker_than(&policy(2, 1, LiveJoin::Allow)),
            "to deny is stricter"
        );
    }

    #[test]
    fn what_is_remembered_is_read_again_and_its_acceptances_stay_few() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let actions = Actions::default();
        let mut memory = PolicyMemory::load(&root).unwrap();
        assert_eq!((memory.known(), memory.accepted().len()), (None, 0));
        let first = policy(2, 1, LiveJoin::Deny);
        assert!(memory.remember(first));
        assert!(!memory.remember(first));
        memory.store(&root, &actions).unwrap();
        let mut memory = PolicyMemory::load(&root).unwrap();
        assert_eq!(memory.known(), Some(&first));
        for uid in 0..40 {
            memory.accept_none(Acceptance {
                time: first.since,
                uid,
                login_uid: None,
                terminal: true,
                instead_of: first,
            });
        }
        memory.store(&root, &actions).unwrap();
        let memory = PolicyMemory::load(&root).unwrap();
        assert_eq!(memory.known(), None);
        assert_eq!(memory.accepted().len(), KEPT);
        assert_eq!(memory.accepted()[KEPT - 1].uid, 39);
    }
}

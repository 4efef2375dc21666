//! That a host which once had a policy is not left without one unnoticed.
//!
//! In: the policy in the trust directory, what the host's memory says of the one before. Out: a refusal if there was one and there is
//! none, a remark if it changed, the memory of the one that is there. An operator clears the memory on purpose, with `kubeapply
//! trust policy accept --none`.

use std::io::ErrorKind;

use kubeplan_bundle::policy::{LiveJoin, Policy};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::Advice;

use super::{TrustError, policy, root_flag};
use crate::host::{Actions, HostError, Root};
use crate::state::policy_record::{Acceptance, KnownPolicy, PolicyMemory};
use crate::state::{self, StateError};

/// The policy that bundles are judged by: the host's, or the default one if it never had any.
///
/// # Errors
/// As for [`policy::load`], or [`TrustError::PolicyMissing`].
pub(super) fn in_force(root: &Root) -> Result<Policy, TrustError> {
    match policy::load(root)? {
        Some(policy) => Ok(policy),
        None => require_none(root).map(|()| Policy::default()),
    }
}

/// Refuses if this host once had a policy. Called where there is none.
///
/// Without privileges the memory of the running system cannot be read; such a user changes nothing of it either.
///
/// # Errors
/// [`TrustError::PolicyMissing`], with the ways out; [`TrustError::State`] if the memory cannot be used.
fn require_none(root: &Root) -> Result<(), TrustError> {
    let memory = match PolicyMemory::load(root) {
        Err(StateError::Host(HostError::Io { source, .. }))
            if source.kind() == ErrorKind::PermissionDenied
                && root.is_live()
                && !root.is_privileged() =>
        {
            return Ok(());
        }
        other => other?,
    };
    let Some(known) = memory.known() else {
        return Ok(());
    };
    Err(TrustError::PolicyMissing {
        before: words(known),
        path: policy::path(),
        ways: Advice::hint(format!(
            "find out who removed it, and restore `{}`",
            policy::path()
        ))
        .and(format!(
            "if this host is to have no policy, accept that with `{}`",
            accept_command(root)
        )),
    })
}

/// The command that accepts that there is no policy any more.
pub(crate) fn accept_command(root: &Root) -> String {
    format!("kubeapply trust policy accept --none{}", root_flag(root))
}

/// What to tell of a policy that is missing.
pub(crate) fn missing_note(root: &Root) -> String {
    format!(
        "`{}` is missing: this host refuses every bundle until the file is restored, or until you accept its absence with `{}`",
        policy::path(),
        accept_command(root)
    )
}

/// Whether this host once had a policy and has none now; a policy that cannot be used is not missing.
///
/// # Errors
/// [`TrustError`] if policy or memory cannot be used.
pub(crate) fn is_missed(root: &Root) -> Result<bool, TrustError> {
    Ok(policy::load(root)?.is_none() && PolicyMemory::load(root)?.known().is_some())
}

/// What to tell of a policy that changed since the last run that changed this host.
///
/// # Errors
/// [`TrustError`] if policy or memory cannot be used.
pub(crate) fn changed(root: &Root, now: Timestamp) -> Result<Option<String>, TrustError> {
    let Some(found) = policy::known(root, now)? else {
        return Ok(None);
    };
    let memory = PolicyMemory::load(root)?;
    let Some(before) = memory.known().filter(|known| known.sha256 != found.sha256) else {
        return Ok(None);
    };
    let (old, new) = (words(before), words(&found));
    Ok(Some(if found.is_weaker_than(before) {
        format!(
            "this host's policy is weaker than when this host was last changed: it was {old}, and is {new}"
        )
    } else if old == new {
        "the file of this host's policy was edited since this host was last changed, and requires the same"
            .to_owned()
    } else {
        format!(
            "this host's policy was edited since this host was last changed: it was {old}, and is {new}"
        )
    }))
}

/// Remembers the policy that is there. Called with the lock held, before anything else is changed.
///
/// # Errors
/// [`TrustError`] if policy or memory cannot be used, or the memory cannot be written.
pub(crate) fn remember(root: &Root, actions: &Actions, now: Timestamp) -> Result<(), TrustError> {
    let Some(found) = policy::known(root, now)? else {
        return Ok(());
    };
    let mut memory = PolicyMemory::load(root)?;
    if memory.remember(found) {
        memory.store(root, actions)?;
    }
    Ok(())
}

/// As [`remember`], by a command that does not hold the lock; a run that holds it remembers by itself.
///
/// # Errors
/// As for [`remember`].
pub(crate) fn remember_alone(
    root: &Root,
    actions: &Actions,
    now: Timestamp,
) -> Result<(), TrustError> {
    let Some(found) = policy::known(root, now)? else {
        return Ok(());
    };
    if !PolicyMemory::load(root)?.remember(found) {
        return Ok(());
    }
    match state::lock(root, actions) {
        Ok(_lock) => remember(root, actions, now),
        Err(StateError::Locked(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What an operator is asked to accept.
pub(crate) struct Missing {
    memory: PolicyMemory,
    known: KnownPolicy,
    _lock: crate::host::lock::Lock,
}

impl Missing {
    /// The policy that is missed, with the lock of the host; `None` if none is missed.
    ///
    /// # Errors
    /// [`TrustError::PolicyExists`]; [`TrustError::State`] if the memory cannot be used.
    pub(crate) fn find(root: &Root, actions: &Actions) -> Result<Option<Self>, TrustError> {
        if policy::load(root)?.is_some() {
            return Err(TrustError::PolicyExists {
                path: policy::path(),
                remove: Advice::hint("to have none, remove the file first"),
            });
        }
        if PolicyMemory::load(root)?.known().is_none() {
            return Ok(None);
        }
        let lock = state::lock(root, actions)?;
        let memory = PolicyMemory::load(root)?;
        let Some(known) = memory.known().copied() else {
            return Ok(None);
        };
        Ok(Some(Self {
            memory,
            known,
            _lock: lock,
        }))
    }

    /// The policy, for people.
    pub(crate) fn words(&self) -> String {
        words(&self.known)
    }

    /// Remembers that the operator accepted it.
    ///
    /// # Errors
    /// [`TrustError`] if the memory cannot be written.
    pub(crate) fn accept(
        mut self,
        root: &Root,
        actions: &Actions,
        now: Timestamp,
        terminal: bool,
    ) -> Result<(), TrustError> {
        self.memory.accept_none(Acceptance {
            time: now,
            uid: root.invoker().uid,
            login_uid: crate::host::process::login_uid(),
            terminal,
            instead_of: self.known,
        });
        Ok(self.memory.store(root, actions)?)
    }
}

/// `authors 2, approvals 1, liveJoin deny`.
pub(crate) fn words(policy: &KnownPolicy) -> String {
    format!(
        "authors {}, approvals {}, liveJoin {}",
        policy.authors,
        policy.approvals,
        match policy.live_join {
            LiveJoin::Deny => "deny",
            LiveJoin::Allow => "allow",
        }
    )
}

//! Trust in a plan that the host had made for itself, in a run of `kubeapply join`.
//!
//! In: the public half of a key that existed for that run, the digest of the one plan it signed, the host's policy. Out: a
//! list of signers with one more author. No reviewer has seen such a plan, so the policy must say `liveJoin:
//! allow`; the numbers of authors and approvals hold as for every bundle, and the key counts for this plan digest alone: with
//! the key an attacker cannot sign another plan that is installed.

use kubeplan_bundle::allowed_signers::{AllowedSigner, AllowedSigners, AllowedSignersError};
use kubeplan_bundle::index::Index;
use kubeplan_bundle::policy::{LiveJoin, Policy};
use kubeplan_bundle::signature::{Namespace, PublicKey};
use kubeplan_terminal::{Advice, quote};

use super::{DIRECTORY, TrustError, root_flag};
use crate::host::Root;
use crate::state::journal::record::OwnPlan;

/// Who such an author is called.
const PRINCIPAL: &str = "kubeapply-join";

/// Refuses unless the host's policy lets it plan for itself. `join` are the words of the command that is refused.
///
/// # Errors
/// [`TrustError::LiveJoin`], with the line to add.
pub(crate) fn require_allowed(
    root: &Root,
    policy: &Policy,
    join: &[String],
) -> Result<(), TrustError> {
    if policy.live_join == LiveJoin::Allow {
        return Ok(());
    }
    let words: String = join
        .iter()
        .map(|word| format!(" {}", quote(word)))
        .collect();
    Err(TrustError::LiveJoin(Advice::hint(format!(
        "to allow them, put the line `liveJoin: allow` into {} (with `apiVersion: kubeplan.io/v1alpha1` and `kind: Policy`, as any policy)",
        DIRECTORY.join("policy.yaml")
    ))
    .and(format!(
        "or run `kubeapply join{words} --plan-only -o DIR{}`, have the bundle signed with a key that this host trusts, and install it",
        root_flag(root)
    ))))
}

/// Refuses unless the host's own policy file lets it plan for itself; checked before the operator is asked anything.
///
/// # Errors
/// As for [`require_allowed`], or if there is no policy to be had.
pub(crate) fn require_policy(root: &Root, join: &[String]) -> Result<(), TrustError> {
    require_allowed(root, &super::policy_memory::in_force(root)?, join)
}

impl OwnPlan {
    /// Adds the key as an author.
    pub(super) fn trust(&self, allowed: &mut AllowedSigners) -> Result<(), TrustError> {
        let key = PublicKey::parse(&self.key).map_err(TrustError::JoinKey)?;
        let signer = AllowedSigner::new(&[PRINCIPAL], &[Namespace::Bundle], key)
            .map_err(TrustError::JoinSigner)?;
        match allowed.add(signer) {
            Ok(()) | Err(AllowedSignersError::Duplicate(_)) => Ok(()),
            Err(error) => Err(TrustError::JoinList(error)),
        }
    }

    /// Refuses any other plan that the key signed.
    ///
    /// # Errors
    /// [`TrustError::OtherPlan`].
    pub(crate) fn require(&self, index: &Index) -> Result<(), TrustError> {
        if index.plan_digest == self.plan_digest {
            return Ok(());
        }
        Err(TrustError::OtherPlan {
            found: index.plan_digest.short(),
            planned: self.plan_digest.short(),
        })
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the files that are read"
)]
mod tests {
    use kubeplan_bundle::digest::Sha256Digest;
    use kubeplan_bundle::signature::PrivateKey;

    use super::super::{TrustOptions, load};
    use super::*;

    fn own() -> OwnPlan {
        let key = PrivateKey::from_ed25519_seed(&[5; 32], "").unwrap();
        OwnPlan {
            key: key.public().to_openssh(),
            plan_digest: Sha256Digest::of(b"plan"),
        }
    }

    #[test]
    fn the_policy_decides_and_its_numbers_hold() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let own = own();
        let loaded = |own_plan| {
            load(
                &root,
                &TrustOptions {
                    allowed_signers: None,
                    require_authors: None,
                    require_approvals: None,
                    own_plan,
                },
            )
        };
        let error = loaded(Some(&own)).unwrap_err();
        assert!(matches!(error, TrustError::LiveJoin(_)), "{error:?}");
        let hints = kubeplan_terminal::hints(&error);
        assert!(hints[0].contains("liveJoin: allow"), "{error:?}");
        let policy = directory.path().join("etc/kubeplan/policy.yaml");
        std::fs::create_dir_all(policy.parent().unwrap()).unwrap();
        let write = |lines: &str| {
            let text = format!("apiVersion: kubeplan.io/v1alpha1\nkind: Policy\n{lines}");
            std::fs::write(&policy, text).unwrap();
        };
        write("liveJoin: deny\n");
        assert!(loaded(Some(&own)).is_err());
        write("liveJoin: allow\napprovals: 1\n");
        require_policy(&root, &[]).unwrap();
        let trust = loaded(Some(&own)).unwrap();
        assert_eq!(trust.policy.approvals, 1);
        assert_eq!(trust.allowed.entries().len(), 1);
        assert_eq!(trust.allowed.entries()[0].principals(), [PRINCIPAL]);
        // For other bundles nothing has changed: no key is trusted on this host.
        assert!(loaded(None).is_err());
    }

    #[test]
    fn the_key_counts_for_one_plan() {
        let mut index: Index =
            serde_json::from_str(include_str!("../../tests/data/index.json")).unwrap();
        let own = own();
        let error = own.require(&index).unwrap_err();
        assert!(matches!(error, TrustError::OtherPlan { .. }), "{error:?}");
        index.plan_digest = own.plan_digest;
        assert!(own.require(&index).is_ok());
    }
}

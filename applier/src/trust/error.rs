//! Why a host's trust cannot be used, or refuses.

use kubeplan_bundle::allowed_signers::{AllowedSignersError, SignerError};
use kubeplan_bundle::policy::PolicyError;
use kubeplan_bundle::signature::KeyError;
use kubeplan_terminal::Advice;

use crate::host::lock::Locked;
use crate::host::{HostError, RootPath};
use crate::state::StateError;

/// Why no trust policy can be had, or why it refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// A file of the trust directory, or one that the operator named, cannot be used.
    #[error(transparent)]
    Unusable(HostError),
    /// Another user can change a file that decides whose bundles are accepted, or it is not a regular file.
    #[error(transparent)]
    Exposed(HostError),
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What the host remembers.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another process changes the list of signers.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// A list of signers that is not in OpenSSH's form, or has something that is not accepted.
    #[error("`{path}` cannot be used")]
    Signers {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: AllowedSignersError,
    },
    /// The host has no list of signers.
    #[error("no key is trusted on this host yet: `{path}` does not exist")]
    NoSigners {
        /// The file.
        path: RootPath,
        /// How to add one.
        #[source]
        add: Advice,
    },
    /// A signer cannot be added to the list, or removed from it.
    #[error(transparent)]
    List(AllowedSignersError),
    /// The numbers on the command line are not a policy's.
    #[error(transparent)]
    Asked(PolicyError),
    /// The policy file is not a policy.
    #[error("`{path}` cannot be used: {reason}")]
    Policy {
        /// The file.
        path: RootPath,
        /// Why.
        reason: String,
        /// What a policy holds.
        #[source]
        fields: Advice,
    },
    /// The host had a policy and has none.
    #[error("this host had a policy ({before}) and has none now: `{path}` is missing")]
    PolicyMissing {
        /// What it said.
        before: String,
        /// The file.
        path: RootPath,
        /// The ways out.
        #[source]
        ways: Advice,
    },
    /// The operator accepts that there is no policy, and there is one.
    #[error("this host has a policy: `{path}`")]
    PolicyExists {
        /// The file.
        path: RootPath,
        /// What to do first.
        #[source]
        remove: Advice,
    },
    /// The policy does not let the host plan for itself.
    #[error(
        "this host may not install a plan that it made for itself: its policy does not allow live joins"
    )]
    LiveJoin(#[source] Advice),
    /// The bundle is not the one that was planned in this join.
    #[error("the bundle is plan {found}, and the key of this join counts for plan {planned} alone")]
    OtherPlan {
        /// The bundle's plan digest, in short.
        found: String,
        /// The plan digest of this join, in short.
        planned: String,
    },
    /// The key of a join cannot be used.
    #[error(transparent)]
    JoinKey(KeyError),
    /// The key of a join cannot be a signer.
    #[error(transparent)]
    JoinSigner(SignerError),
    /// The key of a join cannot be added to the host's list.
    #[error(transparent)]
    JoinList(AllowedSignersError),
}

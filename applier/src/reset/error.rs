//! Why a reset does not begin, or stops.

use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::Advice;

use super::live::LiveError;
use crate::host::{HostError, RootPath};
use crate::state::StateError;

/// Why a reset does not begin, or stops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResetError {
    /// The directory of certificates that the operator named holds more than that.
    #[error(
        "`--cert-dir {0}`: everything in this directory would be removed, and it holds more than certificates"
    )]
    Certificates(HostPath),
    /// A node that kubeapply did not make.
    #[error("this node was not installed by kubeapply, and it has {traces}")]
    NotInstalled {
        /// What says that it is a node.
        traces: String,
        /// How to reset it all the same.
        #[source]
        advice: Advice,
    },
    /// The operator could not be asked.
    #[error("{0}")]
    Unanswered(String),
    /// The operator does not agree.
    #[error("the reset was not confirmed: nothing was changed")]
    Declined,
    /// The plan is not that of what is installed now.
    #[error("something was installed while the plan was shown; nothing was removed")]
    Outdated(#[source] Advice),
    /// The running system is to be reset without privileges.
    #[error("resetting the running system needs root")]
    NeedsRoot(#[source] Advice),
    /// The static Pod of etcd does not tell its member.
    #[error("`{path}` does not say which member of etcd this is: {reason}")]
    Member {
        /// Its manifest.
        path: RootPath,
        /// What is wrong with it.
        reason: String,
        /// What to do by hand.
        #[source]
        by_hand: Advice,
    },
    /// The member may count in its cluster.
    #[error("cannot tell whether this host's member left the etcd cluster: {reason}")]
    Membership {
        /// Why.
        reason: String,
        /// What to do by hand.
        #[source]
        by_hand: Advice,
    },
    /// The kubelet's service does not tell how it stands.
    #[error("{reason}")]
    Kubelet {
        /// Why.
        reason: String,
        /// What to do by hand.
        #[source]
        by_hand: Advice,
    },
    /// What is mounted below the kubelet's directory is not known.
    #[error(transparent)]
    Mounts(LiveError),
    /// The Pods of the kubelet are not known.
    #[error("cannot list the Pods of this host: {reason}")]
    Pods {
        /// Why.
        reason: String,
        /// What to do by hand.
        #[source]
        by_hand: Advice,
    },
    /// The reset was stopped in the middle.
    #[error("the reset stopped part-way, in {phase}: {done} of {planned} steps are done")]
    PartWay {
        /// In which phase.
        phase: &'static str,
        /// How many steps are done.
        done: usize,
        /// How many there are.
        planned: usize,
        /// Why, and the ways from there.
        #[source]
        why: Advice,
    },
    /// Everything is removed but these paths, which are still recorded.
    #[error("the reset removed everything else, and could not remove {count} of the paths")]
    Stays {
        /// How many.
        count: usize,
        /// Which, and what to do.
        #[source]
        paths: Advice,
    },
    /// What the host remembers.
    #[error(transparent)]
    State(#[from] StateError),
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
}

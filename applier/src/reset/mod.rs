//! `reset`: takes away what was installed, and what the components made that were started by it.
//!
//! In: what the host remembers of its installations, the host as it is, and the operator's consent. Out: the host without
//! that, or an error and how far it came; running it again goes on. Nothing is removed by guessing: what was not installed,
//! and was not made by the kubelet or etcd of this node, stays and is named.
//!
//! | module | concern |
//! |---|---|
//! | [`inventory`] | what was installed, from the records |
//! | [`directories`] | which directories may be removed or cleared; what says that a host is a node |
//! | [`phase`] | kubeadm's phases |
//! | [`plan`] | what will be done, step by step |
//! | [`live`], [`etcd`] | the running system; whether its member leaves etcd |
//! | [`run`], [`executor`] | the order of things: lock, plan, consent, steps, forgetting; one step |
//! | [`report`] | showing it |
//! | [`error`] | why it does not begin, or stops |

mod directories;
mod error;
mod etcd;
mod executor;
mod inventory;
mod live;
pub(crate) mod phase;
mod plan;
pub(crate) mod report;
mod run;
#[cfg(test)]
mod tests;

use kubeplan_bundle::path::HostPath;

use self::phase::Phase;

pub(crate) use error::ResetError;
#[cfg(test)]
pub(crate) use executor::StepError;
pub(crate) use run::run;

/// What the operator asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// Also remove what `kubeadm reset` removes, whichever program made it.
    pub(crate) kubeadm_node: bool,
    /// The directory of certificates of such a node, if not kubeadm's own.
    pub(crate) cert_dir: Option<HostPath>,
    /// Also clear kubeadm's temporary directory.
    pub(crate) cleanup_tmp: bool,
    /// The container runtime's socket.
    pub(crate) cri_socket: Option<String>,
    /// The kubeconfig that printed commands name.
    pub(crate) kubeconfig: String,
    /// Phases that are left out.
    pub(crate) skip: Vec<Phase>,
    /// Remove etcd's data even if it is unknown whether the member left its cluster.
    pub(crate) force_etcd_data: bool,
    /// Only show what would be done.
    pub(crate) dry_run: bool,
}

//! What a reset will do, step by step, before any of it happens.
//!
//! In: the inventory, the host as it is, the running system if there is one, what the operator asks for. Out: a [`Plan`], or
//! why there cannot be one: whatever must be known before something is deleted is found out here. Nothing is changed.

mod etcd;
mod live;
mod removed_files;

use std::ffi::OsString;

use super::inventory::Inventory;
use super::live::LiveHost;
use super::phase::Phase;
use super::{Request, ResetError};
use crate::host::{Actions, Root, RootPath};
use crate::kubeadm::etcd_pod::LocalMember;
use crate::kubeadm::layout;
use crate::state::installed::Installed;
use crate::state::reset::ResetProgress;
use crate::state::salt::Salt;

/// What is done in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing: the step only says so.
    Nothing,
    /// Stops a service.
    StopService(&'static str),
    /// Unmounts what is mounted there.
    Unmount(OsString),
    /// Stops and removes a sandbox.
    RemoveSandbox { socket: String, id: String },
    /// Takes the member out of etcd's cluster.
    RemoveMember { local: LocalMember, id: u64 },
    /// Removes a file.
    RemoveFile(RootPath),
    /// Removes whatever is at a path, with everything below it.
    RemoveTree(RootPath),
    /// Removes everything in a directory.
    Clear(RootPath),
    /// Removes a directory if nothing is in it.
    RemoveDirectory(RootPath),
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Its phase.
    pub(super) phase: Phase,
    /// What is done, in a word.
    pub(super) action: &'static str,
    /// With what.
    pub(super) what: String,
    /// What else to know.
    pub(super) reason: Option<String>,
    /// Whether it was changed since it was installed.
    pub(super) changed: bool,
    /// How it is done.
    pub(super) work: Work,
}

/// Everything a reset will do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In this order.
    pub(super) steps: Vec<Step>,
    /// The permission to remove etcd's data, to be kept before anything in `cleanup-node` happens.
    pub(super) permission: Option<ResetProgress>,
}

impl Plan {
    /// Steps that do something.
    pub(super) fn work(&self) -> usize {
        let works = |step: &&Step| step.work != Work::Nothing;
        self.steps.iter().filter(works).count()
    }

    fn add(
        &mut self,
        phase: Phase,
        action: &'static str,
        what: impl Into<String>,
        work: Work,
    ) -> &mut Step {
        self.steps.push(Step {
            phase,
            action,
            what: what.into(),
            reason: None,
            changed: false,
            work,
        });
        let last = self.steps.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the element was just added there")]
        &mut self.steps[last]
    }

    /// Says that something stays as it is.
    fn leave(&mut self, phase: Phase, what: impl Into<String>, reason: impl Into<String>) {
        self.add(phase, "leave", what, Work::Nothing).reason = Some(reason.into());
    }

    /// Says that a part of a phase has nothing to do.
    fn skip(&mut self, phase: Phase, what: impl Into<String>, reason: impl Into<String>) {
        self.add(phase, "skip", what, Work::Nothing).reason = Some(reason.into());
    }
}

/// Makes a plan.
pub(super) struct Planner<'a> {
    pub(super) request: &'a Request,
    pub(super) root: &'a Root,
    /// The running system, unless the root is another tree.
    pub(super) live: Option<&'a dyn LiveHost>,
    pub(super) installed: &'a Installed,
    pub(super) inventory: &'a Inventory,
    pub(super) progress: Option<&'a ResetProgress>,
    pub(super) salt: Option<&'a Salt>,
    /// What knows again what stopped runs left unfinished.
    pub(super) recorded: &'a Actions,
    /// The directory of certificates, when kubeadm's are removed.
    pub(super) certificates: &'a RootPath,
}

impl Planner<'_> {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ResetError`] if something that must be known cannot be found out; nothing was changed.
    pub(super) fn plan(&self) -> Result<Plan, ResetError> {
        let mut plan = Plan::default();
        let data = self.etcd(&mut plan)?;
        self.live_parts(&mut plan)?;
        self.files(&mut plan, data.as_ref())?;
        Ok(plan)
    }

    fn skips(&self, phase: Phase) -> bool {
        phase.is_in(&self.request.skip)
    }

    /// Whether a kubelet runs what is removed: it is stopped first, and its Pods with it.
    fn has_kubelet(&self) -> bool {
        self.owns_kubelet() || self.inventory.has_below(&layout::MANIFESTS)
    }

    /// Whether what the kubelet made is removed: it was set up by what was installed, or kubeadm's node is reset.
    fn owns_kubelet(&self) -> bool {
        self.request.kubeadm_node || self.inventory.has_below(&layout::KUBELET)
    }
}

//! The operations on a node, as data: one file for each operation.
//!
//! In: nothing, [`Operation`]s are constants. Out: the [`Outline`] of a node, its plan, and notes about it
//! ([`renders_nothing`]). An operation is one of kubeadm's commands: its phase tree, the parts of phases in their order, the transactions,
//! and every answer that differs between commands. A new operation is a new file that fills every field of [`Operation`], and a row in
//! [`of`]; [`crate::phases`] has what a phase does.

mod init;
mod join;
mod live;
mod notices;
mod outline;

pub use init::INIT;
pub use join::JOIN;
pub use notices::renders_nothing;
pub use outline::{Outline, OutlineInput, plan_node};

use kubeplan_bundle::step::Step;

use crate::config::ValidConfig;
use crate::config::kubelet::EffectiveKubelet;
use crate::config::valid::Membership;
use crate::kubeadm::phase_tree::{Tree, parent};
use crate::patches::Target;
use crate::phases::{Part, PlanError};
use crate::render::static_pod::etcd::EtcdMembers;
use crate::selection::Selection;

/// One of kubeadm's commands that change a node.
#[derive(Debug)]
pub struct Operation {
    /// The names of its phases.
    pub tree: &'static Tree,
    /// The parts of its phases in kubeadm's order. Parts that write files come first in a plan.
    pub phases: &'static [&'static [Part]],
    /// The transactions in commit order: static Pod manifests last, because a kubelet that already runs starts what it finds.
    pub transactions: &'static [TransactionDef],
    /// The checks that the host must pass before anything is changed: a step for each run of checks.
    pub checks: fn(&ValidConfig) -> Result<Vec<Step>, PlanError>,
    /// Which members etcd has when the node's own starts.
    pub etcd_members: EtcdMembers,
    /// Where steps reach the API server as administrator.
    pub api_server: fn(&ValidConfig) -> String,
    /// The path of the cluster CA's certificate on the node.
    pub authority_path: fn(&ValidConfig, &EffectiveKubelet<'_>) -> String,
    /// The phase that writes a certificate, by its name: `ca`, `admin.conf`.
    pub phase_of_certificate: fn(&str, &ValidConfig) -> String,
    /// The phase that renders what a patch changes; `None` if the command has none.
    pub phase_of_patch: fn(Target) -> Option<&'static str>,
    /// Whether the node may upload the certificates that control-plane nodes share.
    pub uploads_certificates: bool,
    /// Phases that put nothing into any plan, with the reason.
    pub always_empty: &'static [(&'static str, &'static str)],
    /// Phases that put something into a plan only under a condition, with that condition.
    pub empty_unless: &'static [(&'static str, &'static str)],
}

/// Entries that are committed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionDef {
    /// Its name.
    pub name: &'static str,
    /// The phase, with those below it, whose entries it holds and that its step belongs to.
    pub phase: &'static str,
}

impl TransactionDef {
    const fn of(phase: &'static str) -> Self {
        Self { name: phase, phase }
    }

    /// Whether the entries of `part` belong to it.
    #[must_use]
    pub fn holds(&self, part: &Part) -> bool {
        part.phase == self.phase || parent(part.phase) == Some(self.phase)
    }
}

impl Operation {
    /// The parts of its phases, in kubeadm's order.
    pub fn parts(&self) -> impl Iterator<Item = &'static Part> {
        self.phases.iter().copied().flatten()
    }

    /// The phases that `config` selects.
    #[must_use]
    pub fn selection(&self, config: &ValidConfig) -> Selection {
        Selection::of(self.tree, config)
    }

    /// Whether `selection` has the phase that writes the certificate called `name`.
    #[must_use]
    pub fn writes_certificate(
        &self,
        name: &str,
        selection: &Selection,
        config: &ValidConfig,
    ) -> bool {
        selection.includes(&(self.phase_of_certificate)(name, config))
    }
}

/// The operation that brings the node of `config` into its cluster.
#[must_use]
pub fn of(config: &ValidConfig) -> &'static Operation {
    match config.membership {
        Membership::Creates => &INIT,
        Membership::Joins(_) => &JOIN,
    }
}

#[cfg(test)]
mod tests;

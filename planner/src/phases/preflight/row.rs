//! A row of the table, what it gets, and the checks that it makes.

use kubeplan_bundle::check::{
    Check, CheckKind, Executable, LookPath, PathAbsent, PortFree, Severity,
};

use super::super::PlanError;
use super::{Command, Join};
use crate::config::ValidConfig;
use crate::config::kubelet::EffectiveKubelet;
use crate::kubeadm::layout;
use crate::kubeadm::releases::Span;

/// The groups of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Before everything else.
    Root,
    /// What a joining node must not have yet.
    JoinFiles,
    /// What every control-plane node needs.
    ControlPlane,
    /// What every node needs.
    Common,
    /// What joining needs of the network, and of a worker.
    JoinNetwork,
    /// What only the first node needs of the network.
    InitNetwork,
    /// Where data of the cluster is kept.
    Storage,
    /// kubeplan's own.
    Own,
    /// kubeplan's own, of the first node only.
    InitOwn,
    /// Images, once everything else is in order.
    Images,
}

/// A row: one of kubeadm's checks.
pub struct CheckDef {
    /// kubeadm's name, with what differs in `<>`.
    pub name: &'static str,
    /// What a finding counts as.
    pub severity: Severity,
    /// Which part of a run it belongs to.
    pub group: Group,
    /// The releases that have it.
    pub span: Span,
    /// When it is made, and what it looks for.
    pub about: &'static str,
    pub(super) make: fn(&Row<'_>) -> Made,
}

/// What a row gets.
pub(super) struct Row<'a> {
    pub(super) def: &'a CheckDef,
    pub(super) config: &'a ValidConfig,
    pub(super) command: Command<'a>,
    pub(super) kubelet: &'a EffectiveKubelet<'a>,
}

/// The checks of one row.
pub(super) type Made = Result<Vec<Check>, PlanError>;

impl Row<'_> {
    /// The row's check, under the row's name.
    pub(super) fn one(&self, look: impl Into<CheckKind>) -> Made {
        self.named(self.def.name, look)
    }

    pub(super) fn named(&self, name: &str, look: impl Into<CheckKind>) -> Made {
        Ok(vec![Check {
            name: name.parse()?,
            severity: self.def.severity,
            look: look.into(),
        }])
    }

    /// The row's check under a name that ends in a path: the word of the row's name before the first `-`.
    pub(super) fn at_path<C: Into<CheckKind>>(
        &self,
        path: &str,
        look: impl FnOnce(LookPath) -> C,
    ) -> Made {
        let written: LookPath = path.parse()?;
        let word = self.def.name.split('-').next().unwrap_or_default();
        // kubeadm names the check after the path as it was written.
        let name = format!("{word}-{}", written.in_name());
        self.named(&name, look(layout::cleaned(path).parse()?))
    }

    pub(super) fn absent(&self, path: &str) -> Made {
        self.at_path(path, |path| PathAbsent { path })
    }

    pub(super) fn manifest(&self, component: &str) -> Made {
        self.absent(&layout::manifest(component))
    }

    pub(super) fn port(&self, port: u16) -> Made {
        self.named(&format!("Port-{port}"), PortFree { port })
    }

    pub(super) fn executable(&self, program: &str) -> Made {
        self.one(Executable {
            program: program.to_owned(),
        })
    }

    pub(super) fn socket(&self) -> String {
        self.config.init.node_registration.cri_socket.clone()
    }

    pub(super) fn join(&self) -> Option<&Join> {
        self.command.join
    }
}

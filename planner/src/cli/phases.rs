//! `--phase`: the phases of `kubeadm init` and `kubeadm join` that are planned and no others.

use super::CliError;
use crate::phases::names::{Tree, to_run};

/// Which phases are planned.
#[derive(Debug, clap::Args)]
pub(super) struct PhaseArgs {
    /// Phase of kubeadm init that is planned, and no other, as with `kubeadm
    /// init phase`: certs, certs/ca, …; may be repeated
    #[arg(long = "phase", value_name = "NAME", value_delimiter = ',')]
    phases: Vec<String>,
}

impl PhaseArgs {
    /// Whether all phases are planned.
    pub(super) fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// The phases by kubeadm's names, each a phase of one of `trees`; empty if all are planned.
    pub(super) fn names(&self, trees: &[&Tree]) -> Result<Vec<&'static str>, CliError> {
        let named = self.phases.iter().map(|name| to_run(name, trees));
        named
            .collect::<Result<_, _>>()
            .map_err(|unknown| CliError::usage(format!("--phase: {unknown}")).hint(unknown.hint))
    }
}

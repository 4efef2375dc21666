//! `--phase`: the phases of `kubeadm init` that are planned and no others.

use super::CliError;
use crate::phases::names::to_run;

/// Which phases are planned.
#[derive(Debug, clap::Args)]
pub(super) struct PhaseArgs {
    /// Phase of kubeadm init that is planned, and no other, as with `kubeadm
    /// init phase`: certs, certs/ca, …; may be repeated
    #[arg(long = "phase", value_name = "NAME", value_delimiter = ',')]
    phases: Vec<String>,
}

impl PhaseArgs {
    /// The phases by kubeadm's names; empty if all are planned.
    pub(super) fn names(&self) -> Result<Vec<&'static str>, CliError> {
        let named = self.phases.iter().map(|name| to_run(name));
        named
            .collect::<Result<_, _>>()
            .map_err(|unknown| CliError::usage(format!("--phase: {unknown}")).hint(unknown.hint))
    }
}

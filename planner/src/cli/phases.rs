//! `--phase`: the phases of `kubeadm init` and `kubeadm join` that are planned and no others.

/// Which phases are planned.
#[derive(Debug, clap::Args)]
pub(super) struct PhaseArgs {
    /// Phase of kubeadm init that is planned, and no other, as with `kubeadm
    /// init phase`: certs, certs/ca, …; may be repeated
    #[arg(long = "phase", value_name = "NAME", value_delimiter = ',')]
    phases: Vec<String>,
}

impl PhaseArgs {
    /// The names as they were given; none if all phases are planned.
    pub(super) fn names(&self) -> Vec<String> {
        self.phases.clone()
    }
}

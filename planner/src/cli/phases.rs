//! `--phase`: limits a plan to the named phases of `kubeadm init` or `kubeadm join`.

/// The argument that limits a plan to some phases.
#[derive(Debug, clap::Args)]
pub(super) struct PhaseArgs {
    /// Plan only this phase of kubeadm init or join, such as certs or certs/ca,
    /// as `kubeadm init phase` does; may be repeated
    #[arg(long = "phase", value_name = "NAME", value_delimiter = ',')]
    phases: Vec<String>,
}

impl PhaseArgs {
    /// The names as given; empty if all phases are planned.
    pub(super) fn names(&self) -> Vec<String> {
        self.phases.clone()
    }
}

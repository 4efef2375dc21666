//! The phases of a reset, with kubeadm's names, and the parts of the longest one.

use clap::ValueEnum;
use serde::Serialize;

/// A phase, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Phase {
    /// Whether a reset can start
    #[value(name = "preflight")]
    Preflight,
    /// The member of etcd leaves its cluster
    #[value(name = "remove-etcd-member")]
    RemoveEtcdMember,
    /// Everything on this host
    #[value(name = "cleanup-node", alias = "cleanupnode")]
    CleanupNode,
    /// The kubelet's service is stopped
    #[value(name = "cleanup-node/stop-kubelet")]
    StopKubelet,
    /// What is mounted below the kubelet's directory is unmounted
    #[value(name = "cleanup-node/unmount")]
    Unmount,
    /// The containers of the kubelet's Pods are stopped and removed
    #[value(name = "cleanup-node/remove-sandboxes")]
    RemoveSandboxes,
    /// Files and directories are removed
    #[value(name = "cleanup-node/remove-files")]
    RemoveFiles,
}

impl Phase {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::RemoveEtcdMember => "remove-etcd-member",
            Self::CleanupNode => "cleanup-node",
            Self::StopKubelet => "cleanup-node/stop-kubelet",
            Self::Unmount => "cleanup-node/unmount",
            Self::RemoveSandboxes => "cleanup-node/remove-sandboxes",
            Self::RemoveFiles => "cleanup-node/remove-files",
        }
    }

    /// Whether leaving out `phases` leaves out this one.
    pub(crate) fn is_in(self, phases: &[Self]) -> bool {
        phases.iter().any(|skipped| {
            *skipped == self
                || (*skipped == Self::CleanupNode
                    && matches!(
                        self,
                        Self::StopKubelet
                            | Self::Unmount
                            | Self::RemoveSandboxes
                            | Self::RemoveFiles
                    ))
        })
    }
}

impl Serialize for Phase {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for phase in Phase::value_variants() {
            let value = phase.to_possible_value().unwrap();
            assert_eq!(value.get_name(), phase.name());
            assert!(phase.is_in(&[*phase]));
        }
        assert!(Phase::RemoveFiles.is_in(&[Phase::CleanupNode]));
        assert!(!Phase::Preflight.is_in(&[Phase::CleanupNode]));
        assert!(!Phase::CleanupNode.is_in(&[Phase::RemoveFiles]));
    }
}

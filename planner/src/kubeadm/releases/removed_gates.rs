//! Feature gates that kubeadm removed.
//!
//! "kubeadm" is `cmd/kubeadm/app` of the Kubernetes release that a row's `source` names; a number after `#` is a change of
//! kubernetes/kubernetes.

use super::{Release, Span};

/// A feature gate that kubeadm removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedGate {
    /// The gate's name.
    pub name: &'static str,
    /// The first minor whose kubeadm does not have the gate.
    pub removed_in: u64,
    /// What became of the feature, after "kubeadm 1.36 removed the gate: ".
    pub now: &'static str,
    /// The source.
    pub source: &'static str,
}

const ALWAYS_ON: &str = "its feature is always on";

/// The gates that kubeadm removed, the newest first.
pub(super) const REMOVED_GATES: &[RemovedGate] = &[
    RemovedGate {
        name: "NodeLocalCRISocket",
        removed_in: 37,
        now: ALWAYS_ON,
        source: "features/features.go of kubeadm v1.36.2 and v1.37.0",
    },
    RemovedGate {
        name: "PublicKeysECDSA",
        removed_in: 37,
        now: "`encryptionAlgorithm` chooses the keys",
        source: "features/features.go of kubeadm v1.36.2 and v1.37.0",
    },
    RemovedGate {
        name: "ControlPlaneKubeletLocalMode",
        removed_in: 36,
        now: ALWAYS_ON,
        source: "features/features.go of kubeadm v1.35.0 and v1.36.0",
    },
    RemovedGate {
        name: "WaitForAllControlPlaneComponents",
        removed_in: 35,
        now: ALWAYS_ON,
        source: "features/features.go of kubeadm v1.34.0 and v1.35.0 (#134781)",
    },
    RemovedGate {
        name: "EtcdLearnerMode",
        removed_in: 33,
        now: ALWAYS_ON,
        source: "#129589",
    },
    RemovedGate {
        name: "UpgradeAddonsBeforeControlPlane",
        removed_in: 31,
        now: "upgrades change the addons after all control-plane nodes",
        source: "#124715",
    },
    RemovedGate {
        name: "UnversionedKubeletConfigMap",
        removed_in: 26,
        now: ALWAYS_ON,
        source: "the list of removed gates on kubernetes.io, reference of kubeadm init",
    },
    RemovedGate {
        name: "IPv6DualStack",
        removed_in: 24,
        now: "dual-stack needs two networks of different families in `networking`",
        source: "#106648",
    },
    RemovedGate {
        name: "CoreDNS",
        removed_in: 13,
        now: "CoreDNS is the only DNS addon",
        source: "features/features.go of kubeadm v1.16 (coreDNSMessage)",
    },
];

/// The gate called `name`, if kubeadm of `release` does not have it any more.
#[must_use]
pub fn removed_gate(name: &str, release: &Release) -> Option<&'static RemovedGate> {
    let is_removed = |gate: &&RemovedGate| Span::since(gate.removed_in).contains(release);
    let mut gates = REMOVED_GATES.iter().filter(is_removed);
    gates.find(|gate| gate.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::RELEASES;
    use super::*;

    #[test]
    fn the_gates_that_the_table_of_releases_loses_are_those_that_were_removed() {
        for pair in RELEASES.windows(2) {
            for gate in pair[0].gates {
                let removed = removed_gate(gate.name, &pair[1]).map(|gate| gate.removed_in);
                let lost = pair[1].gate(gate.name).is_none();
                assert_eq!(removed, lost.then_some(pair[1].minor), "{gate:?}");
            }
        }
        for gate in REMOVED_GATES {
            for release in RELEASES {
                let has = release.gate(gate.name).is_some();
                let removed = removed_gate(gate.name, release).is_some();
                assert!(!(has && removed), "{gate:?}");
            }
        }
    }
}

//! Which flags the kubelet has in which release, and when it lost those that people still use.

use super::table::KUBELET;
use super::{Component, Presence};
use crate::kubeadm::releases::{RELEASES, Release};

/// Flags that no supported release has, with the minor that removed them (CHANGELOG-1.24.md to CHANGELOG-1.31.md).
const REMOVED: &[(&str, u64)] = &[
    ("cni-bin-dir", 24),
    ("cni-cache-dir", 24),
    ("cni-conf-dir", 24),
    ("container-runtime", 27),
    ("docker-endpoint", 24),
    ("experimental-check-node-capabilities-before-mount", 24),
    ("experimental-dockershim-root-directory", 24),
    ("experimental-kernel-memcg-notification", 25),
    ("image-pull-progress-deadline", 24),
    ("iptables-drop-bit", 31),
    ("iptables-masquerade-bit", 31),
    ("keep-terminated-pod-volumes", 31),
    ("master-service-namespace", 27),
    ("network-plugin", 24),
    ("network-plugin-mtu", 24),
    ("non-masquerade-cidr", 24),
];

/// Whether the kubelet of `release` has the flag `name`, written with `-` and without leading dashes.
#[must_use]
pub fn presence(name: &str, release: &Release) -> Presence {
    let removed = REMOVED.iter().find(|(known, _)| *known == name);
    match (Component::Kubelet.presence(name, release), removed) {
        (Presence::Unknown, Some((_, minor))) => Presence::RemovedIn(*minor),
        (presence, _) => presence,
    }
}

/// The flags that the kubelets of all supported releases have.
pub fn common() -> impl Iterator<Item = &'static str> {
    let rows = KUBELET.iter();
    rows.filter(|row| {
        RELEASES
            .iter()
            .all(|release| row.releases.contains(release))
    })
    .map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::releases::find;

    #[test]
    fn no_supported_release_has_a_flag_that_was_removed_before() {
        assert!(REMOVED.is_sorted());
        for (name, _) in REMOVED {
            assert!(KUBELET.iter().all(|row| row.name != *name), "{name}");
        }
    }

    #[test]
    fn releases_lose_flags_when_their_changelogs_say_so() {
        use Presence::{Has, RemovedIn, Unknown};
        let last = RELEASES.last().unwrap();
        for (name, minor, expected) in [
            ("node-ip", 33, Has),
            ("fail-swap-on", 37, Has),
            ("pod-infra-container-image", 34, Has),
            ("pod-infra-container-image", 35, RemovedIn(35)),
            ("cloud-config", 33, Has),
            ("cloud-config", 34, RemovedIn(34)),
            ("boot-id-file", 36, Has),
            ("boot-id-file", 37, RemovedIn(37)),
            ("housekeeping-interval", 37, Has),
            ("container-runtime", 33, RemovedIn(27)),
            ("network-plugin", 36, RemovedIn(24)),
            ("node-lables", 36, Unknown),
        ] {
            assert_eq!(
                presence(name, find(minor).unwrap()),
                expected,
                "{name} 1.{minor}"
            );
        }
        for release in RELEASES {
            let expected = release.pod_infra_container_image;
            let has = presence("pod-infra-container-image", release) == Has;
            assert_eq!(
                has, expected,
                "kubeadm sets the flag in 1.{}",
                release.minor
            );
        }
        assert_eq!(presence("node-labels", last), Has);
    }
}

//! The flags of the kubelet: which it has in which release, and when it lost those that people still use.
//!
//! A kubelet exits if it does not know a flag, and kubeadm passes on whatever `kubeletExtraArgs` says.
//! Sources: Kubernetes v1.33.0, v1.34.0, v1.35.0, v1.36.2 and v1.37.0, cmd/kubelet/app/options (options.go, globalflags.go,
//! globalflags_linux.go), pkg/kubelet/config/flags.go up to v1.34, k8s.io/component-base (logs/api/v1/options.go, version/verflag).

use super::releases::{Release, Span};

/// Flags of every supported release.
const ALWAYS: &[&str] = &[
    "address",
    "allowed-unsafe-sysctls",
    "anonymous-auth",
    "authentication-token-webhook",
    "authentication-token-webhook-cache-ttl",
    "authorization-mode",
    "authorization-webhook-cache-authorized-ttl",
    "authorization-webhook-cache-unauthorized-ttl",
    "bootstrap-kubeconfig",
    "cert-dir",
    "cgroup-driver",
    "cgroup-root",
    "cgroups-per-qos",
    "client-ca-file",
    "cloud-provider",
    "cluster-dns",
    "cluster-domain",
    "config",
    "config-dir",
    "container-log-max-files",
    "container-log-max-size",
    "container-runtime-endpoint",
    "contention-profiling",
    "cpu-cfs-quota",
    "cpu-cfs-quota-period",
    "cpu-manager-policy",
    "cpu-manager-policy-options",
    "cpu-manager-reconcile-period",
    "enable-controller-attach-detach",
    "enable-debugging-handlers",
    "enable-server",
    "enforce-node-allocatable",
    "event-burst",
    "event-qps",
    "eviction-hard",
    "eviction-max-pod-grace-period",
    "eviction-minimum-reclaim",
    "eviction-pressure-transition-period",
    "eviction-soft",
    "eviction-soft-grace-period",
    "exit-on-lock-contention",
    "experimental-allocatable-ignore-eviction",
    "experimental-mounter-path",
    "fail-cgroupv1",
    "fail-swap-on",
    "feature-gates",
    "file-check-frequency",
    "hairpin-mode",
    "healthz-bind-address",
    "healthz-port",
    "help",
    "hostname-override",
    "housekeeping-interval",
    "http-check-frequency",
    "image-credential-provider-bin-dir",
    "image-credential-provider-config",
    "image-gc-high-threshold",
    "image-gc-low-threshold",
    "image-service-endpoint",
    "kernel-memcg-notification",
    "kube-api-burst",
    "kube-api-content-type",
    "kube-api-qps",
    "kube-reserved",
    "kube-reserved-cgroup",
    "kubeconfig",
    "kubelet-cgroups",
    "local-storage-capacity-isolation",
    "lock-file",
    "log-flush-frequency",
    "log-json-info-buffer-size",
    "log-json-split-stream",
    "log-text-info-buffer-size",
    "log-text-split-stream",
    "logging-format",
    "make-iptables-util-chains",
    "manifest-url",
    "manifest-url-header",
    "max-open-files",
    "max-pods",
    "maximum-dead-containers",
    "maximum-dead-containers-per-container",
    "memory-manager-policy",
    "minimum-container-ttl-duration",
    "minimum-image-ttl-duration",
    "node-ip",
    "node-labels",
    "node-status-max-images",
    "node-status-update-frequency",
    "oom-score-adj",
    "pod-cidr",
    "pod-manifest-path",
    "pod-max-pids",
    "pods-per-core",
    "port",
    "protect-kernel-defaults",
    "provider-id",
    "qos-reserved",
    "read-only-port",
    "register-node",
    "register-with-taints",
    "registry-burst",
    "registry-qps",
    "reserved-cpus",
    "reserved-memory",
    "resolv-conf",
    "root-dir",
    "rotate-certificates",
    "rotate-server-certificates",
    "runonce",
    "runtime-cgroups",
    "runtime-request-timeout",
    "seccomp-default",
    "serialize-image-pulls",
    "streaming-connection-idle-timeout",
    "sync-frequency",
    "system-cgroups",
    "system-reserved",
    "system-reserved-cgroup",
    "tls-cert-file",
    "tls-cipher-suites",
    "tls-min-version",
    "tls-private-key-file",
    "topology-manager-policy",
    "topology-manager-policy-options",
    "topology-manager-scope",
    "v",
    "version",
    "vmodule",
    "volume-plugin-dir",
    "volume-stats-agg-period",
];

/// Flags that a release lost, with the last minor that has them.
const UNTIL: &[(&str, u64)] = &[
    ("application-metrics-count-limit", 36),
    ("boot-id-file", 36),
    ("cloud-config", 33),
    ("container-hints", 36),
    ("containerd", 36),
    ("containerd-namespace", 36),
    ("enable-load-reader", 36),
    ("event-storage-age-limit", 36),
    ("event-storage-event-limit", 36),
    ("global-housekeeping-interval", 36),
    ("log-cadvisor-usage", 36),
    ("machine-id-file", 36),
    ("pod-infra-container-image", 34),
    ("register-schedulable", 33),
    ("storage-driver-buffer-duration", 36),
    ("storage-driver-db", 36),
    ("storage-driver-host", 36),
    ("storage-driver-password", 36),
    ("storage-driver-secure", 36),
    ("storage-driver-table", 36),
    ("storage-driver-user", 36),
];

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

/// Whether the kubelet of a release has a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has the flag.
    Has,
    /// It lost the flag with `1.<minor>`.
    RemovedIn(u64),
    /// No supported release had the flag.
    Unknown,
}

/// Whether the kubelet of `release` has the flag `name`, written with `-` and without leading dashes.
#[must_use]
pub fn presence(name: &str, release: &Release) -> Presence {
    let find = |rows: &[(&str, u64)]| {
        let row = rows.iter().find(|(known, _)| *known == name);
        row.map(|(_, minor)| *minor)
    };
    if ALWAYS.contains(&name) {
        return Presence::Has;
    }
    match (find(UNTIL), find(REMOVED)) {
        (Some(last), _) if Span::ALL.until(last).contains(release) => Presence::Has,
        (Some(last), _) => Presence::RemovedIn(last + 1),
        (None, Some(minor)) => Presence::RemovedIn(minor),
        (None, None) => Presence::Unknown,
    }
}

/// The flags that the kubelets of all supported releases have.
pub fn common() -> impl Iterator<Item = &'static str> {
    ALWAYS.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::releases::{RELEASES, find};

    #[test]
    fn a_flag_is_in_one_list_and_the_lists_are_sorted() {
        let names = |rows: &[(&'static str, u64)]| -> Vec<&str> {
            rows.iter().map(|(name, _)| *name).collect()
        };
        let mut all = Vec::new();
        for list in [ALWAYS.to_vec(), names(UNTIL), names(REMOVED)] {
            assert!(list.is_sorted(), "{list:?}");
            all.extend(list);
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
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

//! How long waits last: kubeadm's `timeouts`, by name.
//!
//! In: texts of Go durations. Out: [`Timeouts`]. Which of them shape a rendered file is their readers' business.

use std::time::Duration;

use crate::kubeadm::duration::GoDuration;

/// Names and kubeadm's defaults (v1.36.2, cmd/kubeadm/app/constants/constants.go).
pub(super) const DEFAULTS: &[(&str, &str)] = &[
    (COMPONENT_HEALTH_CHECK, "4m0s"),
    (KUBELET_HEALTH_CHECK, "4m0s"),
    (KUBERNETES_API_CALL, "1m0s"),
    (ETCD_API_CALL, "2m0s"),
    (TLS_BOOTSTRAP, "5m0s"),
    (DISCOVERY, "5m0s"),
    (UPGRADE_MANIFESTS, "5m0s"),
];

const COMPONENT_HEALTH_CHECK: &str = "controlPlaneComponentHealthCheck";
const KUBELET_HEALTH_CHECK: &str = "kubeletHealthCheck";
const KUBERNETES_API_CALL: &str = "kubernetesAPICall";
const ETCD_API_CALL: &str = "etcdAPICall";
const TLS_BOOTSTRAP: &str = "tlsBootstrap";
const DISCOVERY: &str = "discovery";
const UPGRADE_MANIFESTS: &str = "upgradeManifests";

/// Parsed `timeouts`; none is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A control-plane component becomes healthy; also the window of the startup probes of static Pods.
    pub component_health_check: Duration,
    /// The kubelet becomes healthy.
    pub kubelet_health_check: Duration,
    /// Calls of the Kubernetes API.
    pub kubernetes_api_call: Duration,
    /// Calls of etcd's API.
    pub etcd_api_call: Duration,
    /// A joining node's kubelet obtains its certificate.
    pub tls_bootstrap: Duration,
    /// A joining node finds the cluster.
    pub discovery: Duration,
    /// Static Pods restart in an upgrade.
    pub upgrade_manifests: Duration,
}

impl Timeouts {
    /// The timeouts as `read` finds each by its name.
    pub(super) fn read(mut read: impl FnMut(&'static str) -> Duration) -> Self {
        Self {
            component_health_check: read(COMPONENT_HEALTH_CHECK),
            kubelet_health_check: read(KUBELET_HEALTH_CHECK),
            kubernetes_api_call: read(KUBERNETES_API_CALL),
            etcd_api_call: read(ETCD_API_CALL),
            tls_bootstrap: read(TLS_BOOTSTRAP),
            discovery: read(DISCOVERY),
            upgrade_manifests: read(UPGRADE_MANIFESTS),
        }
    }
}

impl Default for Timeouts {
    /// kubeadm's.
    fn default() -> Self {
        Self::read(|name| {
            DEFAULTS
                .iter()
                .find(|(known, _)| *known == name)
                .and_then(|(_, text)| GoDuration::parse(text))
                .unwrap_or(GoDuration(0))
                .to_std()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timeout_has_its_default() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!(
            Timeouts::default(),
            Timeouts {
                component_health_check: minutes(4),
                kubelet_health_check: minutes(4),
                kubernetes_api_call: minutes(1),
                etcd_api_call: minutes(2),
                tls_bootstrap: minutes(5),
                discovery: minutes(5),
                upgrade_manifests: minutes(5),
            }
        );
        assert_eq!(DEFAULTS.len(), 7);
    }
}

//! Parses kubeadm's `timeouts`.
//!
//! In: texts of Go durations, by name. Out: [`Timeouts`].

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

/// Parsed `timeouts`, which are never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a control-plane component is healthy; also the window of the startup probes of static Pods.
    pub component_health_check: Duration,
    /// Until the kubelet is healthy.
    pub kubelet_health_check: Duration,
    /// For a call of the Kubernetes API.
    pub kubernetes_api_call: Duration,
    /// For a call of etcd's API.
    pub etcd_api_call: Duration,
    /// Until the kubelet of a joining node has its certificate.
    pub tls_bootstrap: Duration,
    /// For discovery by a joining node.
    pub discovery: Duration,
    /// Until static Pods have restarted in an upgrade.
    pub upgrade_manifests: Duration,
}

impl Timeouts {
    /// Takes each timeout from `read`, which gets its name.
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
    /// kubeadm's defaults.
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

//! Probes of a static Pod.
//!
//! In: where a component answers health requests, and for how long it may start. Out: HTTP probes. They
//! ask the host's own network, on the port the container names `probe-port` or, in older releases, by number.

use std::time::Duration;

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Sourced, paths};
use crate::config::ValidConfig;
use crate::config::kubeadm::Arg;
use crate::plan::ValueSource;
use crate::render::static_pod::flags::last_value;

/// Seconds between two startup probes.
const STARTUP_PERIOD: i32 = 10;

/// Seconds until an unanswered probe counts as failed.
const TIMEOUT: i32 = 15;

/// The probes of one component.
pub(super) struct Probes {
    /// The host to ask; empty means the Pod's address.
    pub(super) host: Sourced<String>,
    /// `HTTP` or `HTTPS`.
    pub(super) scheme: &'static str,
    pub(super) liveness_path: &'static str,
    pub(super) readiness_path: Option<&'static str>,
    pub(super) startup_path: &'static str,
    /// How long the component may take to become healthy.
    pub(super) startup_timeout: Duration,
}

impl Probes {
    pub(super) fn liveness(&self, port: &IntOrString) -> Probe {
        Probe {
            failure_threshold: Some(8),
            initial_delay_seconds: Some(10),
            ..self.probe(self.liveness_path, port, 10)
        }
    }

    pub(super) fn readiness(&self, port: &IntOrString) -> Option<Probe> {
        self.readiness_path.map(|path| Probe {
            failure_threshold: Some(3),
            ..self.probe(path, port, 1)
        })
    }

    pub(super) fn startup(&self, port: &IntOrString) -> Probe {
        Probe {
            // Go leaves out a zero; the kubelet then takes its own default.
            failure_threshold: Some(startup_failures(self.startup_timeout)).filter(|n| *n > 0),
            initial_delay_seconds: Some(STARTUP_PERIOD),
            ..self.probe(self.startup_path, port, STARTUP_PERIOD)
        }
    }

    fn probe(&self, path: &str, port: &IntOrString, period_seconds: i32) -> Probe {
        Probe {
            http_get: Some(HTTPGetAction {
                host: Some(self.host.value.clone()).filter(|host| !host.is_empty()),
                path: Some(path.to_owned()),
                port: port.clone(),
                scheme: Some(self.scheme.to_owned()),
                ..HTTPGetAction::default()
            }),
            period_seconds: Some(period_seconds),
            timeout_seconds: Some(TIMEOUT),
            ..Probe::default()
        }
    }

    /// The container's fields that hold the probes.
    pub(super) fn paths(&self) -> impl Iterator<Item = &'static str> {
        let has_readiness = self.readiness_path.is_some();
        ["livenessProbe", "readinessProbe", "startupProbe"]
            .into_iter()
            .filter(move |probe| *probe != "readinessProbe" || has_readiness)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = ValueSource> {
        let hosts = self.paths().flat_map(|probe| {
            self.host
                .sources(&format!("spec.containers[0].{probe}.httpGet.host"))
                .collect::<Vec<_>>()
        });
        hosts.chain(std::iter::once(ValueSource {
            value: "spec.containers[0].startupProbe.failureThreshold".to_owned(),
            from: paths::COMPONENT_HEALTH_CHECK.to_owned(),
        }))
    }
}

/// How often a startup probe may fail: the timeout in periods, rounded up.
fn startup_failures(timeout: Duration) -> i32 {
    let period = Duration::from_secs(STARTUP_PERIOD.unsigned_abs().into());
    i32::try_from(timeout.as_nanos().div_ceil(period.as_nanos())).unwrap_or(i32::MAX)
}

/// Where kube-controller-manager or kube-scheduler is probed: its `bind-address`, which stands among the
/// extra arguments at `extra_path`, else the loopback address.
pub(super) fn bind_address(extra: &[Arg], extra_path: &str) -> Sourced<String> {
    match last_value(extra, "bind-address") {
        Some((position, address)) => Sourced::new(
            probe_address(address),
            &[&format!("{extra_path}[{position}]")],
        ),
        None => Sourced::new("127.0.0.1".to_owned(), &[super::flags::KUBEADM_DEFAULT]),
    }
}

/// Where kube-apiserver is probed.
pub(super) fn advertise_address(config: &ValidConfig) -> Sourced<String> {
    Sourced::new(
        probe_address(&config.advertise_address.to_string()),
        &[paths::ADVERTISE_ADDRESS],
    )
}

/// Programs cannot connect to the unspecified address; without a host the kubelet uses the Pod's address.
fn probe_address(address: &str) -> String {
    match address {
        "0.0.0.0" | "::" => String::new(),
        address => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn startup_may_take_the_whole_timeout_rounded_up() {
        for (timeout, failures) in [(240, 24), (95, 10), (420, 42), (0, 0), (1, 1)] {
            assert_eq!(startup_failures(Duration::from_secs(timeout)), failures);
        }
        assert_eq!(startup_failures(Duration::from_millis(10_001)), 2);
        assert_eq!(startup_failures(Duration::MAX), i32::MAX);
    }

    #[test]
    fn a_startup_probe_without_timeout_has_no_threshold() {
        let threshold = |seconds| {
            let probes = Probes {
                host: Sourced::new(
                    "127.0.0.1".to_owned(),
                    &[super::super::flags::KUBEADM_DEFAULT],
                ),
                scheme: "HTTPS",
                liveness_path: "/livez",
                readiness_path: None,
                startup_path: "/livez",
                startup_timeout: Duration::from_secs(seconds),
            };
            probes.startup(&IntOrString::Int(2381)).failure_threshold
        };
        assert_eq!(threshold(0), None);
        assert_eq!(threshold(1), Some(1));
    }

    #[test]
    fn the_unspecified_address_is_not_probed() {
        let bind = |address: &str| {
            let args = [Arg {
                name: "bind-address".into(),
                value: address.into(),
            }];
            bind_address(&args, "X").value
        };
        assert_eq!(bind("0.0.0.0"), "");
        assert_eq!(bind("::"), "");
        assert_eq!(bind("10.0.0.1"), "10.0.0.1");
        assert_eq!(bind_address(&[], "X").value, "127.0.0.1");
    }
}

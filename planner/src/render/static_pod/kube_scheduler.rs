//! The static Pod of kube-scheduler.

use super::environment::Environment;
use super::flags::{FlagRow, KUBEADM_DEFAULT, defaults, merge};
use super::probes::{Probes, bind_address};
use super::volumes::HostPathVolumes;
use super::{Component, PodContext, Sourced, StaticPod, StaticPodError, images};
use crate::kubeadm::layout;

/// The component's name.
pub const NAME: &str = "kube-scheduler";

/// Its kubeconfig.
const KUBECONFIG: &str = "scheduler.conf";

/// Its port for health requests.
const PORT: i32 = 10259;

/// Its default flags.
pub const FLAGS: &[FlagRow] = &[
    FlagRow::new("authentication-kubeconfig", &[KUBEADM_DEFAULT], |_| {
        Some(layout::kubeconfig(KUBECONFIG).into())
    }),
    FlagRow::new("authorization-kubeconfig", &[KUBEADM_DEFAULT], |_| {
        Some(layout::kubeconfig(KUBECONFIG).into())
    }),
    FlagRow::new("bind-address", &[KUBEADM_DEFAULT], |_| {
        Some("127.0.0.1".into())
    }),
    FlagRow::new("kubeconfig", &[KUBEADM_DEFAULT], |_| {
        Some(layout::kubeconfig(KUBECONFIG).into())
    }),
    FlagRow::new("leader-elect", &[KUBEADM_DEFAULT], |_| Some("true".into())),
];

/// The Pod.
///
/// # Errors
/// [`StaticPodError::EnvVar`] if an entry of `extraEnvs` is not an environment variable.
pub fn pod(context: &PodContext<'_>) -> Result<StaticPod, StaticPodError> {
    let config = context.config;
    let scheduler = &config.cluster.scheduler;
    Ok(Component {
        name: NAME,
        image: images::kubernetes(config, NAME),
        annotation: None,
        flags: merge(
            defaults(FLAGS, context),
            &scheduler.extra_args,
            "ClusterConfiguration.scheduler.extraArgs",
            config.release.argument_order,
        ),
        port: Sourced::new(PORT, &[KUBEADM_DEFAULT]),
        probes: Probes {
            host: bind_address(
                &scheduler.extra_args,
                "ClusterConfiguration.scheduler.extraArgs",
            ),
            scheme: "HTTPS",
            liveness_path: "/livez",
            readiness_path: Some("/readyz"),
            startup_path: "/livez",
            startup_timeout: config.timeouts.component_health_check,
        },
        requests: &[("cpu", "100m")],
        environment: Environment::of_proxies(&config.facts.proxies).with(
            &scheduler.extra_envs,
            "ClusterConfiguration.scheduler.extraEnvs",
        )?,
        volumes: HostPathVolumes::default()
            .with_kubeconfig(KUBECONFIG)
            .with_extra(
                &scheduler.extra_volumes,
                "ClusterConfiguration.scheduler.extraVolumes",
            ),
    }
    .into_pod(config))
}

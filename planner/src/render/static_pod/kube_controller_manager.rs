//! The static Pod of kube-controller-manager.

use super::environment::Environment;
use super::flags::{FlagRow, FlagValue, KUBEADM_DEFAULT, defaults, last_value, merge};
use super::paths::{CERTIFICATES_DIR, CLUSTER_NAME, POD_SUBNET, SERVICE_SUBNET};
use super::probes::{Probes, bind_address};
use super::volumes::HostPathVolumes;
use super::{Component, PodContext, Sourced, StaticPod, StaticPodError, images};
use crate::kubeadm::layout;

/// The component's name.
pub const NAME: &str = "kube-controller-manager";

/// Its kubeconfig.
const KUBECONFIG: &str = "controller-manager.conf";

/// Its port for health requests.
const PORT: i32 = 10257;

/// Configuration path of the user's flags.
const EXTRA_ARGS: &str = "ClusterConfiguration.controllerManager.extraArgs";

/// Why the signing flags are empty with an external CA: the signing controllers must not start.
const EXTERNAL_CA: &str = "default: the key of the cluster CA is kept elsewhere";

/// Its default flags.
pub const FLAGS: &[FlagRow] = &[
    FlagRow::new("allocate-node-cidrs", &[POD_SUBNET], |c| {
        has_pod_subnet(c).then(|| "true".into())
    }),
    FlagRow::new("authentication-kubeconfig", &[KUBEADM_DEFAULT], |_| {
        Some(layout::kubeconfig(KUBECONFIG).into())
    }),
    FlagRow::new("authorization-kubeconfig", &[KUBEADM_DEFAULT], |_| {
        Some(layout::kubeconfig(KUBECONFIG).into())
    }),
    // The IPv4 loopback in IPv6 clusters too.
    FlagRow::new("bind-address", &[KUBEADM_DEFAULT], |_| {
        Some("127.0.0.1".into())
    }),
    FlagRow::new("client-ca-file", &[CERTIFICATES_DIR], |c| {
        Some(certificate(c, "ca").into())
    }),
    FlagRow::new("cluster-cidr", &[POD_SUBNET], |c| {
        has_pod_subnet(c).then(|| c.config.cluster.networking.pod_subnet.as_str().into())
    }),
    FlagRow::new("cluster-name", &[CLUSTER_NAME], |c| {
        let name = c.config.cluster.cluster_name.as_str();
        (!name.is_empty()).then(|| name.into())
    }),
    FlagRow::new("cluster-signing-cert-file", &[CERTIFICATES_DIR], |c| {
        Some(unless_external(c, certificate(c, "ca")))
    }),
    FlagRow::new("cluster-signing-key-file", &[CERTIFICATES_DIR], |c| {
        Some(unless_external(c, key(c, "ca")))
    }),
    FlagRow::new("controllers", &[KUBEADM_DEFAULT], |_| {
        Some("*,bootstrapsigner,tokencleaner".into())
    }),
    FlagRow::new("kubeconfig", &[KUBEADM_DEFAULT], |_| {
        Some(layout::kubeconfig(KUBECONFIG).into())
    }),
    FlagRow::new("leader-elect", &[KUBEADM_DEFAULT], |_| Some("true".into())),
    FlagRow::new("requestheader-client-ca-file", &[CERTIFICATES_DIR], |c| {
        Some(certificate(c, "front-proxy-ca").into())
    }),
    FlagRow::new("root-ca-file", &[CERTIFICATES_DIR], |c| {
        Some(certificate(c, "ca").into())
    }),
    FlagRow::new(
        "service-account-private-key-file",
        &[CERTIFICATES_DIR],
        |c| Some(key(c, "sa").into()),
    ),
    // Only needed to keep Node ranges and Service ranges apart, so only with a Pod network.
    FlagRow::new(
        "service-cluster-ip-range",
        &[SERVICE_SUBNET, POD_SUBNET],
        |c| {
            let services = c.config.cluster.networking.service_subnet.as_str();
            (has_pod_subnet(c) && !services.is_empty()).then(|| services.into())
        },
    ),
    FlagRow::new(
        "use-service-account-credentials",
        &[KUBEADM_DEFAULT],
        |_| Some("true".into()),
    ),
];

fn has_pod_subnet(context: &PodContext<'_>) -> bool {
    !context.config.cluster.networking.pod_subnet.is_empty()
}

fn certificate(context: &PodContext<'_>, base: &str) -> String {
    layout::certificate(&context.config.cluster.certificates_dir, base)
}

fn key(context: &PodContext<'_>, base: &str) -> String {
    layout::private_key(&context.config.cluster.certificates_dir, base)
}

fn unless_external(context: &PodContext<'_>, path: String) -> FlagValue {
    if context.external_ca {
        FlagValue {
            text: String::new(),
            instead_from: Some(EXTERNAL_CA.to_owned()),
        }
    } else {
        path.into()
    }
}

/// Adds the directory of flexvolume plugins in releases that mount it: where the user says, else the kubelet's
/// default.
fn with_flexvolumes(context: &PodContext<'_>, volumes: HostPathVolumes) -> HostPathVolumes {
    if !context.config.release.mounts_flexvolume {
        return volumes;
    }
    let extra = &context.config.cluster.controller_manager.extra_args;
    match last_value(extra, "flex-volume-plugin-dir") {
        Some((position, directory)) => {
            volumes.with_flexvolumes(directory, &format!("{EXTRA_ARGS}[{position}]"))
        }
        None => volumes.with_flexvolumes(layout::FLEXVOLUME_PLUGINS_DIR, KUBEADM_DEFAULT),
    }
}

/// The Pod.
///
/// # Errors
/// [`StaticPodError::EnvVar`] if an entry of `extraEnvs` is not an environment variable.
pub fn pod(context: &PodContext<'_>) -> Result<StaticPod, StaticPodError> {
    let config = context.config;
    let manager = &config.cluster.controller_manager;
    Ok(Component {
        name: NAME,
        image: images::kubernetes(config, NAME),
        annotation: None,
        flags: merge(
            defaults(FLAGS, context),
            &manager.extra_args,
            EXTRA_ARGS,
            config.release.argument_order,
        ),
        port: Sourced::new(PORT, &[KUBEADM_DEFAULT]),
        probes: Probes {
            host: bind_address(&manager.extra_args, EXTRA_ARGS),
            scheme: "HTTPS",
            liveness_path: "/healthz",
            readiness_path: None,
            startup_path: "/healthz",
            startup_timeout: config.timeouts.component_health_check,
        },
        requests: &[("cpu", "200m")],
        environment: Environment::of_proxies(&config.facts.proxies).with(
            &manager.extra_envs,
            "ClusterConfiguration.controllerManager.extraEnvs",
        )?,
        volumes: with_flexvolumes(context, HostPathVolumes::of_certificates(config))
            .with_kubeconfig(KUBECONFIG)
            .with_extra(
                &manager.extra_volumes,
                "ClusterConfiguration.controllerManager.extraVolumes",
            ),
    }
    .into_pod(config))
}

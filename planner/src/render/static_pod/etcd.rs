//! The static Pod of etcd: the one member of a new cluster, or one more of a cluster that runs.
//!
//! An external etcd has no Pod; the phase that calls this asks [`crate::config`] first. The members of a cluster that runs are known
//! there only: a hole stands for them.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kubeplan_bundle::index::Hole;
use kubeplan_bundle::index::hole::PLACEHOLDERS;
use serde_json::Value;

use super::environment::Environment;
use super::flags::{FlagRow, FlagValue, KUBEADM_DEFAULT, defaults, last_value, merge};
use super::metrics_endpoint::{METRICS_PORT, MetricsEndpoint};
use super::paths::{ADVERTISE_ADDRESS, CERTIFICATES_DIR, DATA_DIR, NODE_NAME};
use super::probes::Probes;
use super::volumes::HostPathVolumes;
use super::{Component, PodContext, Sourced, StaticPod, StaticPodError, images};
use crate::config::ValidConfig;
use crate::config::kubeadm::{Arg, LocalEtcd};
use crate::config::valid::host_port;
use crate::config::version::is_semantic_version;
use crate::kubeadm::layout;
use crate::kubeadm::releases::EtcdFlags;

/// The component's name.
pub const NAME: &str = "etcd";

/// Configuration path of the user's flags.
pub(super) const EXTRA_ARGS: &str = "ClusterConfiguration.etcd.local.extraArgs";

/// Tells `kubeadm` how clients reach this member.
pub(crate) const CLIENT_URLS_ANNOTATION: &str = "kubeadm.kubernetes.io/etcd.advertise-client-urls";

/// What stands for the members of a cluster that runs.
const INITIAL_CLUSTER_HOLE: &str = {
    let [_, _, initial_cluster] = PLACEHOLDERS;
    initial_cluster
};

const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// Which members etcd has when the node's own starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdMembers {
    /// Only the node's own.
    Own,
    /// Those of the cluster that runs; only that cluster can list them.
    OfTheCluster,
}

/// Its default flags.
pub const FLAGS: &[FlagRow] = &[
    FlagRow::new("advertise-client-urls", &[ADVERTISE_ADDRESS], |c| {
        Some(client_url(c.config.advertise_address).into())
    }),
    FlagRow::new("cert-file", &[CERTIFICATES_DIR], |c| {
        certificate(c, "server")
    }),
    FlagRow::new("client-cert-auth", &[KUBEADM_DEFAULT], |_| {
        Some("true".into())
    }),
    FlagRow::new("data-dir", &[DATA_DIR], |c| {
        let local = c.config.cluster.etcd.local.as_ref()?;
        Some(local.data_dir.as_str().into())
    }),
    FlagRow::new(
        "experimental-initial-corrupt-check",
        &[KUBEADM_DEFAULT],
        |c| (!has_stable_flags(c)).then(|| "true".into()),
    ),
    FlagRow::new(
        "experimental-watch-progress-notify-interval",
        &[KUBEADM_DEFAULT],
        |c| (!has_stable_flags(c)).then(|| "5s".into()),
    ),
    FlagRow::new("feature-gates", &[KUBEADM_DEFAULT], |c| {
        has_stable_flags(c).then(|| "InitialCorruptCheck=true".into())
    }),
    FlagRow::new("initial-advertise-peer-urls", &[ADVERTISE_ADDRESS], |c| {
        Some(peer_url(c.config).into())
    }),
    FlagRow::new("initial-cluster", &[NODE_NAME, ADVERTISE_ADDRESS], |c| {
        Some(match c.etcd_members {
            EtcdMembers::Own => format!("{}={}", c.config.node.name, peer_url(c.config)).into(),
            EtcdMembers::OfTheCluster => FlagValue {
                text: INITIAL_CLUSTER_HOLE.to_owned(),
                instead_from: Some("cluster: the members of etcd".to_owned()),
            },
        })
    }),
    FlagRow::new("initial-cluster-state", &[KUBEADM_DEFAULT], |c| {
        match c.etcd_members {
            EtcdMembers::Own => None,
            EtcdMembers::OfTheCluster => Some("existing".into()),
        }
    }),
    FlagRow::new("key-file", &[CERTIFICATES_DIR], |c| key(c, "server")),
    FlagRow::new("listen-client-urls", &[ADVERTISE_ADDRESS], |c| {
        let local = client_url(loopback(c.config));
        Some(format!("{local},{}", client_url(c.config.advertise_address)).into())
    }),
    FlagRow::new("listen-metrics-urls", &[ADVERTISE_ADDRESS], |c| {
        let address = host_port(loopback(c.config), METRICS_PORT);
        Some(format!("http://{address}").into())
    }),
    FlagRow::new("listen-peer-urls", &[ADVERTISE_ADDRESS], |c| {
        Some(peer_url(c.config).into())
    }),
    FlagRow::new("name", &[NODE_NAME], |c| {
        Some(c.config.node.name.as_str().into())
    }),
    FlagRow::new("peer-cert-file", &[CERTIFICATES_DIR], |c| {
        certificate(c, "peer")
    }),
    FlagRow::new("peer-client-cert-auth", &[KUBEADM_DEFAULT], |_| {
        Some("true".into())
    }),
    FlagRow::new("peer-key-file", &[CERTIFICATES_DIR], |c| key(c, "peer")),
    FlagRow::new("peer-trusted-ca-file", &[CERTIFICATES_DIR], |c| {
        certificate(c, "ca")
    }),
    FlagRow::new("snapshot-count", &[KUBEADM_DEFAULT], |_| {
        Some("10000".into())
    }),
    FlagRow::new("trusted-ca-file", &[CERTIFICATES_DIR], |c| {
        certificate(c, "ca")
    }),
    FlagRow::new("watch-progress-notify-interval", &[KUBEADM_DEFAULT], |c| {
        has_stable_flags(c).then(|| "5s".into())
    }),
];

/// Whether the corruption check and the progress interval have their names of etcd 3.6.
fn has_stable_flags(context: &PodContext<'_>) -> bool {
    match context.config.release.etcd_flags {
        EtcdFlags::Experimental => false,
        EtcdFlags::ByImageTag => is_since_3_6_0(&images::etcd_tag(context.config).value),
        EtcdFlags::Stable => true,
    }
}

/// Whether `tag` is a semantic version from 3.6.0 on. What follows a `-` makes a pre-release of it, as in the
/// tag `3.6.0-0`, which is therefore older than 3.6.0.
fn is_since_3_6_0(tag: &str) -> bool {
    let version = tag.strip_prefix('v').unwrap_or(tag);
    if !is_semantic_version(version) {
        return false;
    }
    let core_end = version.find(['-', '+']).unwrap_or(version.len());
    let (core, rest) = version.split_at(core_end);
    let numbers: Vec<u64> = core
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    match numbers.as_slice().cmp(&[3, 6, 0]) {
        Ordering::Less => false,
        Ordering::Equal => !rest.starts_with('-'),
        Ordering::Greater => true,
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the value of a flag table's row is optional"
)]
fn certificate(context: &PodContext<'_>, name: &str) -> Option<FlagValue> {
    let directory = &context.config.cluster.certificates_dir;
    Some(layout::certificate(directory, &format!("etcd/{name}")).into())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the value of a flag table's row is optional"
)]
fn key(context: &PodContext<'_>, name: &str) -> Option<FlagValue> {
    let directory = &context.config.cluster.certificates_dir;
    Some(layout::private_key(directory, &format!("etcd/{name}")).into())
}

/// The loopback address of the advertise address's family.
pub(super) fn loopback(config: &ValidConfig) -> IpAddr {
    match config.advertise_address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

/// Where clients reach a member at `address`.
pub(super) fn client_url(address: IpAddr) -> String {
    format!("https://{}", host_port(address, CLIENT_PORT))
}

/// Where the other members reach the node's.
pub(crate) fn peer_url(config: &ValidConfig) -> String {
    format!("https://{}", host_port(config.advertise_address, PEER_PORT))
}

/// Where a Pod's manifest has the list of members that only the running cluster knows: one word of a container's command.
///
/// Empty if extra arguments or patches remove it.
pub(crate) fn initial_cluster_holes(manifest: &Value) -> Vec<Hole> {
    let containers = manifest.pointer("/spec/containers");
    let mut holes = Vec::new();
    for (container, value) in items(containers) {
        for (word, value) in items(value.get("command")) {
            let has_hole = value
                .as_str()
                .is_some_and(|text| text.contains(INITIAL_CLUSTER_HOLE));
            let at = format!("spec/containers/{container}/command/{word}");
            if has_hole && let Ok(at) = at.parse() {
                holes.push(Hole::EtcdInitialCluster { at });
            }
        }
    }
    holes
}

fn items(list: Option<&Value>) -> impl Iterator<Item = (usize, &Value)> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
}

/// Where the member is probed, and where that comes from.
fn metrics_endpoint(extra: &[Arg]) -> (MetricsEndpoint, String) {
    match last_value(extra, "listen-metrics-urls") {
        Some((position, urls)) => (
            MetricsEndpoint::of_urls(urls),
            format!("{EXTRA_ARGS}[{position}]"),
        ),
        None => (MetricsEndpoint::DEFAULT, ADVERTISE_ADDRESS.to_owned()),
    }
}

/// The Pod of the member `local`.
///
/// # Errors
/// [`StaticPodError::EnvVar`] if an entry of `extraEnvs` is not an environment variable.
pub fn pod(context: &PodContext<'_>, local: &LocalEtcd) -> Result<StaticPod, StaticPodError> {
    let config = context.config;
    let (endpoint, from) = metrics_endpoint(&local.extra_args);
    Ok(Component {
        name: NAME,
        image: images::etcd(config),
        // As configured, even if an extra argument says otherwise.
        annotation: Some((
            CLIENT_URLS_ANNOTATION,
            Sourced::new(client_url(config.advertise_address), &[ADVERTISE_ADDRESS]),
        )),
        flags: merge(
            defaults(FLAGS, context),
            &local.extra_args,
            EXTRA_ARGS,
            config.release.argument_order,
        ),
        port: Sourced::new(endpoint.port.into(), &[&from]),
        probes: Probes {
            // Unlike the other components', an unspecified address stays.
            host: Sourced::new(
                endpoint
                    .host
                    .unwrap_or_else(|| loopback(config).to_string()),
                &[&from],
            ),
            scheme: endpoint.scheme,
            liveness_path: "/livez",
            readiness_path: Some("/readyz"),
            startup_path: "/readyz",
            startup_timeout: config.timeouts.component_health_check,
        },
        requests: &[("cpu", "100m"), ("memory", "100Mi")],
        environment: Environment::default().with(
            &local.extra_envs,
            "ClusterConfiguration.etcd.local.extraEnvs",
        )?,
        volumes: HostPathVolumes::of_etcd(&local.data_dir, &config.cluster.certificates_dir),
    }
    .into_pod(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_with_a_suffix_is_older_than_the_version_it_names() {
        for new in ["3.6.0", "v3.6.1", "3.6.1-0", "3.6.0+x", "3.7.0-0", "4.0.0"] {
            assert!(is_since_3_6_0(new), "{new}");
        }
        for old in ["3.5.24-0", "3.6.0-0", "3.6", "latest", "", "3.6.01"] {
            assert!(!is_since_3_6_0(old), "{old}");
        }
    }
}

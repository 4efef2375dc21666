//! The configuration of a node that joins a cluster that runs.
//!
//! In: a JoinConfiguration or kubeadm join's flags, and what discovery read from the cluster. Out: the node's [`ValidConfig`], as
//! `kubeadm join` would see it, or every finding. The cluster's own documents are read as kubeadm reads what it stored: a field that is not
//! known is a warning. Source: kubeadm v1.36.2, cmd/kubeadm/app/util/config/cluster.go.

use kubeplan_bundle::index::NodeRole;
use serde_json::json;

use super::{hand_on, is_control_plane, stands_alone};
use crate::config::address;
use crate::config::default::{self, SharedKubelet};
use crate::config::documents::{Source, take_stored};
use crate::config::draft::Draft;
use crate::config::load::{self, LoadedCluster, Options};
use crate::config::provenance::Origin;
use crate::config::report::Report;
use crate::config::valid::{EndpointHost, JoinCredential, Joining, ValidConfig};
use crate::config::validate::join::Discovery;
use crate::config::{SecretText, facts, flags, validate};
use crate::schema::Kind;

/// What discovery read from the cluster.
#[derive(Clone, Debug)]
pub struct RunningCluster<'a> {
    /// The file that holds it, for findings.
    pub file: &'a str,
    /// The API server, `https://…`, as the cluster's own `cluster-info` names it.
    pub server: &'a str,
    /// ClusterConfiguration, YAML as it is stored.
    pub cluster_configuration: &'a str,
    /// KubeletConfiguration, YAML as it is stored.
    pub kubelet_configuration: &'a str,
    /// The node joins as one of the control plane.
    pub control_plane: bool,
    /// The kubeconfig that the kubelet bootstraps with.
    pub bootstrap_kubeconfig: SecretText,
    /// `host:port` that a token was shown to.
    pub token_endpoint: Option<&'a str>,
    /// The shared certificates were fetched with a certificate key.
    pub certificate_key: bool,
}

/// Reads, defaults and validates the configuration of a node that joins `cluster`. The flags of `options` are kubeadm join's.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error.
pub fn load_join(
    sources: &[Source<'_>],
    options: Options,
    cluster: &RunningCluster<'_>,
) -> Result<LoadedCluster, Report> {
    let mut draft = match sources {
        [] => {
            let mut draft = Draft::default();
            draft.first_file = cluster.file.to_owned();
            draft
        }
        sources => load::read(sources, options.lenient)?,
    };
    load::warn_of_old_versions(&mut draft);
    stands_alone(&mut draft);
    if draft.report.has_errors() {
        return Err(draft.report);
    }
    let stored = |name: &str| format!("{} ({name})", cluster.file);
    let file = stored("kubeadm-config");
    take_stored(
        &mut draft,
        Kind::Cluster,
        &file,
        cluster.cluster_configuration,
    );
    let file = stored("kubelet-config");
    take_stored(
        &mut draft,
        Kind::Kubelet,
        &file,
        cluster.kubelet_configuration,
    );
    if draft.report.has_errors() {
        return Err(draft.report);
    }
    let role = role(&mut draft, cluster);
    for given in &options.flags {
        flags::set(&mut draft, given);
    }
    default::join::apply_static(&mut draft);
    validate::join::own_rules(&mut draft, Discovery::Done);
    hand_on(&mut draft);
    if role == NodeRole::Worker {
        no_api_server(&mut draft);
    }
    let facts = if options.hosts.is_empty() {
        options.facts
    } else {
        facts::take(&mut draft, &options.hosts)
    };
    let assumptions = default::join::apply_to_plan(&mut draft, &facts, role);
    endpoint_of_discovery(&mut draft, cluster);
    let kubelet = SharedKubelet::of(&draft);
    let checked = validate::check_founding(&mut draft, &facts, &kubelet, false);
    let ca_cert_path = draft.text(Kind::Join, "caCertPath");
    let hashes = draft.texts(Kind::Join, "discovery.bootstrapToken.caCertHashes");
    let ca_cert_hashes = hashes.into_iter().map(|(_, hash)| hash).collect();
    match validate::founding(&mut draft, checked, facts, assumptions) {
        Some(founding) if !draft.report.has_errors() => Ok(LoadedCluster {
            nodes: vec![joining(founding.config, cluster, ca_cert_path)],
            by_token: Vec::new(),
            ca_cert_hashes,
            warnings: draft.report,
        }),
        _ => Err(draft.report),
    }
}

/// What the node is to become, in its entry of the inventory. A document that makes it another thing than discovery did is an error.
fn role(draft: &mut Draft, cluster: &RunningCluster<'_>) -> NodeRole {
    let path = "controlPlane";
    if cluster.control_plane && !is_control_plane(draft) {
        let fact = "the node was discovered as one of the control plane".to_owned();
        draft.set_from(Kind::Join, path, json!({}), Origin::Facts { fact });
    } else if is_control_plane(draft) && !cluster.control_plane {
        let message = "the cluster was discovered for a worker, so what control-plane nodes share was not fetched";
        let hint = "run `kubeapply discover --control-plane` on the host with the certificate key, or remove the field";
        draft.error(Kind::Join, path, message, hint);
    }
    let role = if cluster.control_plane {
        NodeRole::ControlPlane
    } else {
        NodeRole::Worker
    };
    draft.set(
        Kind::Inventory,
        "nodes",
        json!([{"role": role.to_string()}]),
    );
    role
}

/// A worker advertises nothing: the field holds the unspecified address of the cluster's first family.
fn no_api_server(draft: &mut Draft) {
    let subnet = draft.text(Kind::Cluster, "networking.serviceSubnet");
    let first = subnet.split(',').next().and_then(address::parse_cidr);
    let any = match first {
        Some(net) if net.addr().is_ipv6() => "::",
        _ => "0.0.0.0",
    };
    let rule = "a worker has no API server".to_owned();
    let path = "localAPIEndpoint.advertiseAddress";
    draft.set_from(Kind::Init, path, any.into(), Origin::Default { rule });
}

/// Warns where the cluster's two words on its address differ.
fn endpoint_of_discovery(draft: &mut Draft, cluster: &RunningCluster<'_>) {
    let path = "controlPlaneEndpoint";
    let stored = draft.text(Kind::Cluster, path);
    let authority = cluster.server.trim_start_matches("https://");
    let parsed = |text: &str| address::split_host_port(&text.to_lowercase()).ok();
    if !stored.is_empty() && parsed(&stored) != parsed(authority) {
        let message = format!(
            "the cluster's `cluster-info` says that the API server is {}, and this is another address",
            cluster.server.escape_debug()
        );
        let hint =
            "the kubelet asks for its certificate at the first, everything else uses this one";
        draft.warn(Kind::Cluster, path, message, hint);
    }
}

/// The configuration of a node that would found the cluster, as that of one that joins it.
fn joining(config: ValidConfig, cluster: &RunningCluster<'_>, ca_cert_path: String) -> ValidConfig {
    let token_endpoint = cluster.token_endpoint.and_then(|text| {
        let (host, _) = address::split_host_port(&text.to_lowercase()).ok()?;
        Some(match address::parse_ip(&host) {
            Some(address) => EndpointHost::Address(address),
            None => EndpointHost::Name(host),
        })
    });
    let credential = JoinCredential::Bootstrap {
        kubeconfig: cluster.bootstrap_kubeconfig.clone(),
        token_endpoint,
        // Fetched client files of an external etcd are not in the plan, so the check for them must stand.
        certificate_key: cluster.certificate_key && config.cluster.etcd.external.is_none(),
    };
    config.joining_with(Joining {
        ca_cert_path,
        credential,
    })
}

//! Makes the configuration of a node that joins a running cluster.
//!
//! In: a JoinConfiguration or the flags of `kubeadm join`, and what discovery read from the cluster. Out: the node's
//! [`ValidConfig`], as `kubeadm join` would have it, or every finding. The documents that the cluster stores are read as kubeadm
//! reads them: an unknown field is a warning. Source: kubeadm v1.36.2, cmd/kubeadm/app/util/config/cluster.go.

use kubeplan_bundle::index::NodeRole;
use serde_json::json;

use crate::config::address;
use crate::config::default::{self, SharedKubelet};
use crate::config::documents::{Source, take_stored};
use crate::config::draft::Draft;
use crate::config::joining::{hand_on, is_control_plane};
use crate::config::load::{self, LoadedCluster};
use crate::config::means::Means;
use crate::config::options::Options;
use crate::config::provenance::Origin;
use crate::config::purpose::Purpose;
use crate::config::report::Report;
use crate::config::valid::{EndpointHost, JoinCredential, Joining, ValidConfig};
use crate::config::validate::join::Discovery;
use crate::config::{SecretText, facts, flags, unreadable, validate};
use crate::kubeadm::layout;
use crate::schema::Kind;

/// What discovery read from the cluster.
#[derive(Clone, Debug)]
pub struct RunningCluster<'a> {
    /// The name of the file with the join facts, for findings.
    pub file: &'a str,
    /// The URL of the API server, `https://…`, in the cluster's `cluster-info`.
    pub server: &'a str,
    /// The stored ClusterConfiguration, in YAML.
    pub cluster_configuration: &'a str,
    /// The stored KubeletConfiguration, in YAML.
    pub kubelet_configuration: &'a str,
    /// Whether the node joins as a control-plane node.
    pub control_plane: bool,
    /// The kubeconfig with which the kubelet requests its certificate.
    pub bootstrap_kubeconfig: SecretText,
    /// `host:port` of the API server to which discovery sent the token.
    pub token_endpoint: Option<&'a str>,
    /// Whether the shared certificates were fetched with a certificate key.
    pub certificate_key: bool,
}

/// Reads, defaults and validates the configuration of a node that joins `cluster`. The flags in `options` are those of `kubeadm join`.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error.
pub fn load_join(
    sources: &[Source<'_>],
    options: Options,
    cluster: &RunningCluster<'_>,
) -> Result<LoadedCluster, Report> {
    let draft = match sources {
        [] => {
            let mut draft = Draft::default();
            draft.first_file = cluster.file.to_owned();
            draft
        }
        sources => load::read(sources, options.lenient, Purpose::Join),
    };
    unreadable::checked(draft, |draft| with_cluster(draft, options, cluster))
}

fn with_cluster(
    mut draft: Draft,
    options: Options,
    cluster: &RunningCluster<'_>,
) -> Result<LoadedCluster, Report> {
    draft.means = Means {
        flags: true,
        files: draft.is_supplied(Kind::Join),
        entry: false,
        facts: options.hosts.is_empty(),
        several: false,
    };
    draft.cluster_runs = true;
    load::warn_of_old_versions(&mut draft);
    let mut own = std::mem::take(&mut draft.report);
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
    let unusable = draft.report.has_errors();
    own.extend(std::mem::take(&mut draft.report));
    if unusable {
        return Err(own);
    }
    draft.report = own;
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
    let checked = validate::check_first_control_plane(&mut draft, &facts, &kubelet, false);
    let ca_cert_path = written_ca_cert_path(&draft);
    let hashes = draft.texts(Kind::Join, "discovery.bootstrapToken.caCertHashes");
    let ca_cert_hashes = hashes.into_iter().map(|(_, hash)| hash).collect();
    match validate::first_control_plane(&mut draft, checked, facts, assumptions) {
        Some(first) if !draft.report.has_errors() => Ok(LoadedCluster {
            nodes: vec![joining(first.config, cluster, ca_cert_path)],
            by_token: Vec::new(),
            ca_cert_hashes,
            warnings: draft.report,
        }),
        _ => Err(draft.report),
    }
}

/// Sets the node's role in its entry of the inventory, as discovered. A control-plane document for a discovered worker is an error.
fn role(draft: &mut Draft, cluster: &RunningCluster<'_>) -> NodeRole {
    let path = "controlPlane";
    if cluster.control_plane && !is_control_plane(draft) {
        let fact = "the node was discovered as a control-plane node".to_owned();
        draft.set_from(Kind::Join, path, json!({}), Origin::Facts { fact });
    } else if is_control_plane(draft) && !cluster.control_plane {
        let message = "the cluster was discovered for a worker, so the certificates that control-plane nodes share were not fetched";
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

/// Sets a worker's advertise address, which it does not use, to the unspecified address of the cluster's first family.
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

/// Warns if `cluster-info` and the stored `controlPlaneEndpoint` differ.
fn endpoint_of_discovery(draft: &mut Draft, cluster: &RunningCluster<'_>) {
    let path = "controlPlaneEndpoint";
    let stored = draft.text(Kind::Cluster, path);
    let authority = cluster.server.trim_start_matches("https://");
    let parsed = |text: &str| address::split_host_port(&text.to_lowercase()).ok();
    if !stored.is_empty() && parsed(&stored) != parsed(authority) {
        let message = format!(
            "the address of the API server in the cluster's `cluster-info` is {}, which differs",
            cluster.server.escape_debug()
        );
        let hint = "the kubelet requests its certificate from the address in `cluster-info`; everything else uses this one";
        draft.warn(Kind::Cluster, path, message, hint);
    }
}

/// `caCertPath`, unless it is kubeadm's default.
fn written_ca_cert_path(draft: &Draft) -> Option<String> {
    let path = "caCertPath";
    let origin = draft.provenance.at(&draft.full_path(Kind::Join, path));
    let is_default = matches!(origin, Some(Origin::Default { .. }));
    (!is_default).then(|| layout::cleaned(&draft.text(Kind::Join, path)))
}

/// Turns the configuration of a first control-plane node into that of a joining node.
fn joining(
    config: ValidConfig,
    cluster: &RunningCluster<'_>,
    ca_cert_path: Option<String>,
) -> ValidConfig {
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
        // The plan does not contain the client files of an external etcd, so the check for them must stay.
        certificate_key: cluster.certificate_key && config.cluster.etcd.external.is_none(),
    };
    config.joining_with(Joining {
        ca_cert_path,
        credential,
    })
}

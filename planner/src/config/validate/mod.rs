//! Validates the configuration, and makes a [`ValidConfig`] of it.
//!
//! In: documents with every default. Out: the typed configuration, or findings. The rules are kubeadm's (v1.36.2,
//! cmd/kubeadm/app/apis/kubeadm/validation/validation.go), then kubeplan's own: the supported releases, and fields that it
//! does not support yet. A field that is set and would have no effect is an error.

mod api_server;
mod component_flags;
mod etcd;
mod feature_gates;
mod fields;
mod host_work;
pub(super) mod inventory;
pub(super) mod join;
mod kubelet;
mod labels;
pub(super) mod member;
mod names;
pub(super) mod network;
pub(super) mod overlap;
mod system_ids;
mod taints;
mod tokens;

use ipnet::IpNet;
use serde_json::Value;

use super::address;
use super::default::{self, SharedKubelet};
use super::draft::Draft;
use super::kubeadm::{ClusterConfiguration, InitConfiguration};
use super::timeouts::Timeouts;
use super::valid::{
    Assumption, ClusterConfig, ComponentConfig, Endpoint, EndpointHost, HostFacts, Membership,
    NodeParts, NodeSettings, Shared, ValidConfig,
};
use super::{merge_keys, skip_phases};
use crate::kubeadm::KeyAlgorithm;
use crate::kubeadm::duration::GoDuration;
use crate::kubeadm::releases::{self, Release};
use crate::schema::Kind;
use inventory::JoinBy;

/// The first control-plane node, and what joining nodes need of its configuration.
#[derive(Clone, Debug)]
pub(super) struct FirstControlPlane {
    pub(super) config: ValidConfig,
    pub(super) cluster: Shared<ClusterConfig>,
    pub(super) join_by: JoinBy,
}

/// Values that the checks of the cluster and of its first control-plane node parse.
pub(super) struct CheckedFirst {
    rules: Checked,
    timeouts: Timeouts,
    release: Option<(&'static Release, String)>,
    inventory: Option<inventory::Shared>,
    pub(super) node: Option<NodeSettings>,
    kubelet: Option<Value>,
}

/// Checks everything about the cluster and its first control-plane node. `joining` says whether other nodes join.
pub(super) fn check_first_control_plane(
    draft: &mut Draft,
    facts: &HostFacts,
    shared_kubelet: &SharedKubelet,
    joining: bool,
) -> CheckedFirst {
    let rules = kubeadm_rules(draft);
    let timeouts = host_work::check(draft);
    let release = release(draft);
    if !draft.joins {
        api_server::warn(draft);
    }
    component_flags::check(draft);
    fields::check(draft);
    merge_keys::check(draft);
    skip_phases::check(draft);
    let node = inventory::node(draft);
    kubelet::check(draft, facts);
    CheckedFirst {
        rules,
        timeouts,
        release,
        inventory: inventory::shared(draft, joining),
        node,
        kubelet: default::kubelet_of_node(draft, shared_kubelet, facts),
    }
}

/// The configuration of the first control-plane node; `None` if there is an error in the report.
pub(super) fn first_control_plane(
    draft: &mut Draft,
    checked: CheckedFirst,
    facts: HostFacts,
    assumptions: Vec<Assumption>,
) -> Option<FirstControlPlane> {
    if draft.report.has_errors() {
        return None;
    }
    let external_etcd = etcd::assumption(draft);
    let init: InitConfiguration = typed(draft, Kind::Init)?;
    let cluster: ClusterConfiguration = typed(draft, Kind::Cluster)?;
    let cluster_kubelet = Shared::from(component(draft, Kind::Kubelet));
    let kubelet = match checked.kubelet {
        Some(value) => Shared::from(ComponentConfig {
            value,
            supplied: cluster_kubelet.supplied,
        }),
        None => cluster_kubelet.clone(),
    };
    let kube_proxy = component(draft, Kind::KubeProxy);
    default::complete(draft, Kind::Inventory);
    let (release, version) = checked.release?;
    let inventory = checked.inventory?;
    let rules = checked.rules;
    let (certificate_validity, ca_certificate_validity) = rules.periods;
    let shared = ClusterConfig {
        control_plane_endpoint: endpoint(&cluster.control_plane_endpoint),
        cluster,
        cluster_kubelet,
        kube_proxy,
        bundle_cluster_name: inventory.cluster_name,
        credentials: inventory.credentials,
        signing_key_file: inventory.signing_key_file,
        release,
        version,
        service_cidrs: rules.service_cidrs,
        pod_cidrs: rules.pod_cidrs,
        key_algorithm: rules.key_algorithm?,
        certificate_validity: certificate_validity.to_std(),
        ca_certificate_validity: ca_certificate_validity.to_std(),
    };
    let shared = Shared::from(shared);
    let config = NodeParts {
        shared: shared.clone(),
        advertise_address: address::parse_ip(&init.local_api_endpoint.advertise_address)?,
        init,
        kubelet,
        node: checked.node?,
        membership: Membership::Creates,
        bind_port: rules.bind_port?,
        timeouts: checked.timeouts,
        facts: facts.into(),
        assumptions: assumptions.into_iter().chain(external_etcd).collect(),
        provenance: std::mem::take(&mut draft.provenance),
    };
    Some(FirstControlPlane {
        config: ValidConfig::of(config),
        cluster: shared,
        join_by: inventory.joining,
    })
}

/// Values that kubeadm's rules parse.
pub(super) struct Checked {
    service_cidrs: Vec<IpNet>,
    pod_cidrs: Vec<IpNet>,
    bind_port: Option<u16>,
    key_algorithm: Option<KeyAlgorithm>,
    periods: (GoDuration, GoDuration),
}

/// Applies kubeadm's rules, without kubeplan's own.
pub(super) fn kubeadm_rules(draft: &mut Draft) -> Checked {
    names::node_registration(draft);
    taints::validate(draft);
    taints::of_every_kubelet(draft);
    tokens::validate(draft);
    let service_cidrs = network::service_subnet(draft);
    let pod_cidrs = network::pod_subnet(draft);
    names::cluster(draft);
    etcd::external(draft);
    network::families(draft, &service_cidrs);
    overlap::check(draft, &service_cidrs, &pod_cidrs);
    let bind_port = bind_port(draft);
    certificate_key(draft);
    let gate_algorithm = feature_gates::check(draft);
    Checked {
        service_cidrs,
        pod_cidrs,
        bind_port,
        key_algorithm: encryption_algorithm(draft).map(|named| gate_algorithm.unwrap_or(named)),
        periods: validity_periods(draft),
    }
}

/// Converts the document to a typed struct. A test checks that tables and structs have the same fields.
fn typed<T: serde::de::DeserializeOwned>(draft: &mut Draft, kind: Kind) -> Option<T> {
    let mut document = default::complete(draft, kind);
    document.remove("apiVersion");
    document.remove("kind");
    serde_json::from_value(without_nulls(Value::Object(document)))
        .map_err(|error| {
            draft.error(
                kind,
                "",
                format!("the document cannot be converted: {error}"),
                "",
            )
        })
        .ok()
}

/// Removes null values, which serde does not accept for lists.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn component(draft: &mut Draft, kind: Kind) -> ComponentConfig {
    ComponentConfig {
        value: default::complete(draft, kind).into(),
        supplied: draft.is_supplied(kind),
    }
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (host, port) = address::split_host_port(text).ok()?;
    let host = match address::parse_ip(&host) {
        Some(address) => EndpointHost::Address(address),
        None => EndpointHost::Name(host),
    };
    Some(Endpoint { host, port: port? })
}

fn bind_port(draft: &mut Draft) -> Option<u16> {
    let path = "localAPIEndpoint.bindPort";
    let port = draft
        .get(Kind::Init, path)
        .and_then(Value::as_i64)
        .unwrap_or_default();
    let valid = u16::try_from(port).ok().filter(|port| *port != 0);
    if valid.is_none() {
        draft.error(
            Kind::Init,
            path,
            format!("{port} is not a valid port: use 1 to 65535"),
            "",
        );
    }
    valid
}

fn certificate_key(draft: &mut Draft) {
    let key = draft.text(Kind::Init, "certificateKey");
    let well_formed = key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
    if !(key.is_empty() || well_formed) {
        let hint = "run `kubeadm certs certificate-key` to make a key";
        draft.error(
            Kind::Init,
            "certificateKey",
            "the key is not 64 hexadecimal digits (32 bytes)",
            hint,
        );
    }
}

fn encryption_algorithm(draft: &mut Draft) -> Option<KeyAlgorithm> {
    let path = "encryptionAlgorithm";
    let name = draft.text(Kind::Cluster, path);
    let p384 = draft.release().is_none_or(|release| release.ecdsa_p384);
    let has = |algorithm: &KeyAlgorithm| p384 || *algorithm != KeyAlgorithm::EcdsaP384;
    let algorithm = KeyAlgorithm::from_name(&name).filter(has);
    if algorithm.is_none() {
        let known: Vec<&str> = KeyAlgorithm::ALL
            .into_iter()
            .filter(has)
            .map(KeyAlgorithm::as_str)
            .collect();
        let hint = format!("use one of {}", known.join(", "));
        draft.error(
            Kind::Cluster,
            path,
            format!("unknown algorithm `{name}`"),
            &hint,
        );
    }
    algorithm
}

fn duration(draft: &Draft, kind: Kind, path: &str) -> GoDuration {
    GoDuration::parse(&draft.text(kind, path)).unwrap_or(GoDuration(0))
}

fn validity_periods(draft: &mut Draft) -> (GoDuration, GoDuration) {
    let (leaf, ca) = ("certificateValidityPeriod", "caCertificateValidityPeriod");
    let periods = (
        duration(draft, Kind::Cluster, leaf),
        duration(draft, Kind::Cluster, ca),
    );
    for (path, period, recommended) in [
        (leaf, periods.0, "8760h0m0s"),
        (ca, periods.1, "87600h0m0s"),
    ] {
        if period.0 < 1_000_000_000 {
            draft.error(
                Kind::Cluster,
                path,
                format!("a certificate cannot be valid for {period}"),
                "use at least one second",
            );
        } else if Some(period) > GoDuration::parse(recommended) {
            draft.warn(
                Kind::Cluster,
                path,
                format!("{period} is longer than kubeadm recommends: {recommended}"),
                "",
            );
        }
    }
    if periods.0 > periods.1 {
        let message = format!(
            "{} is longer than caCertificateValidityPeriod {}",
            periods.0, periods.1
        );
        draft.warn(
            Kind::Cluster,
            leaf,
            message,
            "set it to at most caCertificateValidityPeriod, so that certificates do not outlive the CA that signed them",
        );
    }
    periods
}

/// The release row and the version without `v`.
fn release(draft: &mut Draft) -> Option<(&'static Release, String)> {
    let path = "kubernetesVersion";
    let version = draft
        .text(Kind::Cluster, path)
        .strip_prefix('v')?
        .to_owned();
    let found = draft.release();
    if found.is_none() {
        let message = format!("Kubernetes {version} is not supported");
        let hint = format!(
            "use one of the supported releases: {}",
            releases::supported().join(", ")
        );
        draft.error(Kind::Cluster, path, message, &hint);
    }
    found.map(|release| (release, version))
}

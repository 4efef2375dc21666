//! The valid configuration: the planner's only input besides key material and clock.
//!
//! Only validation makes a [`ValidConfig`], so later stages neither check it again nor change it. Derived values (addresses,
//! networks, endpoint) are parsed once, here. The nodes of a cluster share one [`ClusterConfig`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use kubeplan_bundle::facts::{DefaultRoute, Machine};
use kubeplan_bundle::index::{HostMatch, Name, NodeRole, Platform};
use serde_json::Value;

use super::SecretText;
use super::kubeadm::{ClusterConfiguration, InitConfiguration};
use super::provenance::Provenance;
use super::timeouts::Timeouts;
use crate::kubeadm::KeyAlgorithm;
use crate::kubeadm::releases::Release;
use crate::patches::Patches;

/// A read-only value that several configurations share. Only tests change it, and then their own copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Whether both refer to the same value in memory, not only to equal values.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The valid configuration of a cluster and one of its nodes. Cheap to clone and read-only: validation makes it, and a command can
/// add [`Additions`].
#[derive(Clone, Debug)]
pub struct ValidConfig(Shared<NodeConfig>);

impl Deref for ValidConfig {
    type Target = NodeConfig;

    fn deref(&self) -> &NodeConfig {
        &self.0
    }
}

/// The configuration of one node, and that of its cluster.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    shared: Shared<ClusterConfig>,
    /// kubeadm's InitConfiguration, with defaults.
    pub init: InitConfiguration,
    /// The configuration of this node's kubelet, with kubeadm's defaults and in Go's normal form: the cluster's with the overrides
    /// of `Cluster.nodes[].kubelet.config`.
    pub kubelet: Shared<ComponentConfig>,
    /// The node, from `Cluster.nodes[]` or from InitConfiguration.
    pub node: NodeSettings,
    /// Whether the node creates the cluster or joins it. For a joining node, the same fields of [`NodeConfig::init`] contain the
    /// values of JoinConfiguration or of the inventory.
    pub membership: Membership,
    /// Parsed `localAPIEndpoint.advertiseAddress`; for a worker, which has no API server, that of the first control-plane node.
    pub advertise_address: IpAddr,
    /// Parsed `localAPIEndpoint.bindPort`; for a worker, that of the first control-plane node.
    pub bind_port: u16,
    /// Parsed `timeouts`.
    pub timeouts: Timeouts,
    /// What kubeadm would have read from the live host.
    pub facts: Shared<HostFacts>,
    /// What the plan assumes because neither the configuration nor facts say it, for the summary.
    pub assumptions: Vec<Assumption>,
    /// The origins of values; those of a joining node only if [`super::Options`] asks for them.
    pub provenance: Provenance,
    /// The user's patches of rendered files.
    pub patches: Shared<Patches>,
    /// Whether to upload the shared certificates, encrypted, for other control-plane nodes: kubeadm's `--upload-certs`, which has
    /// no field in the configuration.
    pub upload_certs: bool,
    /// The only phases of kubeadm to plan, as `kubeadm init phase` would run them; empty to plan every phase.
    pub only_phases: Vec<&'static str>,
    /// Whether to issue certificates again that end soon, also if the node was planned before.
    pub renew: bool,
}

/// What all nodes of a cluster share.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// kubeadm's ClusterConfiguration, with defaults.
    pub cluster: ClusterConfiguration,
    /// The configuration that all kubelets share, which the cluster stores in `kubelet-config`.
    pub cluster_kubelet: Shared<ComponentConfig>,
    /// kube-proxy's configuration, with kubeadm's defaults and in Go's normal form.
    pub kube_proxy: ComponentConfig,
    /// The name of the cluster in file names and in the bundle: `metadata.name` of the `Cluster` document, else `clusterName`.
    pub bundle_cluster_name: Name,
    /// Lifetimes and tolerances of issued credentials.
    pub credentials: Credentials,
    /// The signing key that the `Cluster` document names.
    pub signing_key_file: Option<String>,
    /// Facts about the planned release of Kubernetes.
    pub release: &'static Release,
    /// The target version without `v`, such as `1.36.2`.
    pub version: String,
    /// Parsed `networking.serviceSubnet`, one or two.
    pub service_cidrs: Vec<IpNet>,
    /// Parsed `networking.podSubnet`, none, one or two.
    pub pod_cidrs: Vec<IpNet>,
    /// Parsed `controlPlaneEndpoint`, with its default port.
    pub control_plane_endpoint: Option<Endpoint>,
    /// The algorithm of every key.
    pub key_algorithm: KeyAlgorithm,
    /// Validity of leaf certificates.
    pub certificate_validity: Duration,
    /// Validity of CA certificates.
    pub ca_certificate_validity: Duration,
}

/// What a command adds to the configuration of a node.
#[derive(Clone, Debug, Default)]
pub struct Additions {
    /// Upload the shared certificates; has an effect only on the first control-plane node.
    pub upload_certs: bool,
    /// The only phases to plan; empty to plan all.
    pub only_phases: Vec<&'static str>,
    /// The patches in the node's directory of patches.
    pub patches: Shared<Patches>,
    /// Issue certificates again that end soon, also if the node was planned before.
    pub renew: bool,
}

/// The parts of a [`ValidConfig`], with the names of [`NodeConfig`]'s fields.
pub(crate) struct NodeParts {
    pub(crate) shared: Shared<ClusterConfig>,
    pub(crate) init: InitConfiguration,
    pub(crate) kubelet: Shared<ComponentConfig>,
    pub(crate) node: NodeSettings,
    pub(crate) membership: Membership,
    pub(crate) advertise_address: IpAddr,
    pub(crate) bind_port: u16,
    pub(crate) timeouts: Timeouts,
    pub(crate) facts: Shared<HostFacts>,
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) provenance: Provenance,
}

impl Deref for NodeConfig {
    type Target = ClusterConfig;

    fn deref(&self) -> &ClusterConfig {
        &self.shared
    }
}

impl ValidConfig {
    /// Makes the configuration that validation returns.
    pub(super) fn of(parts: NodeParts) -> Self {
        let NodeParts {
            shared,
            init,
            kubelet,
            node,
            membership,
            advertise_address,
            bind_port,
            timeouts,
            facts,
            assumptions,
            provenance,
        } = parts;
        let Additions {
            upload_certs,
            only_phases,
            patches,
            renew,
        } = Additions::default();
        let node = NodeConfig {
            shared,
            init,
            kubelet,
            node,
            membership,
            advertise_address,
            bind_port,
            timeouts,
            facts,
            assumptions,
            provenance,
            patches,
            upload_certs,
            only_phases,
            renew,
        };
        Self(node.into())
    }

    /// Returns the same node with the command's additions.
    #[must_use]
    pub fn with(self, additions: Additions) -> Self {
        let node = Arc::unwrap_or_clone(self.0.0);
        let makes_cluster = node.membership.makes_cluster();
        Self(
            NodeConfig {
                upload_certs: additions.upload_certs && makes_cluster,
                only_phases: additions.only_phases,
                patches: additions.patches,
                renew: additions.renew,
                ..node
            }
            .into(),
        )
    }

    /// Whether the nodes have the same settings, apart from what is always a node's own: its name, addresses, recipients, host and
    /// assumptions.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let NodeConfig {
            shared,
            init,
            kubelet,
            node,
            membership,
            advertise_address,
            bind_port,
            timeouts,
            facts,
            assumptions: _,
            provenance: _,
            patches,
            upload_certs,
            only_phases,
            renew,
        } = &*self.0;
        let NodeSettings {
            name: _,
            role,
            addresses: _,
            marks,
            recipients: _,
            host_match: _,
            platform,
            ca_cert_path,
            kubelet_drop_in,
            system_ids,
        } = node;
        shared.is(&other.shared)
            && kubelet.is(&other.kubelet)
            && patches.is(&other.patches)
            && init.is_like(&other.init)
            && *role == other.node.role
            && *marks == other.node.marks
            && *platform == other.node.platform
            && *ca_cert_path == other.node.ca_cert_path
            && *kubelet_drop_in == other.node.kubelet_drop_in
            && *system_ids == other.node.system_ids
            && *membership == other.membership
            && *advertise_address == other.advertise_address
            && *bind_port == other.bind_port
            && *timeouts == other.timeouts
            && *facts == other.facts
            && *upload_certs == other.upload_certs
            && *only_phases == other.only_phases
            && *renew == other.renew
    }

    /// Returns the same node as one that joins a running cluster, and so plans no bootstrap token.
    pub(super) fn joining_with(self, joining: Joining) -> Self {
        let mut node = Arc::unwrap_or_clone(self.0.0);
        node.init.bootstrap_tokens = Vec::new();
        node.membership = Membership::Joins(joining);
        Self(node.into())
    }
}

/// Lets tests make a configuration by hand.
#[cfg(test)]
mod by_hand {
    use std::ops::DerefMut;
    use std::sync::Arc;

    use super::{ClusterConfig, NodeConfig, NodeParts, Shared, ValidConfig};

    impl<T: Clone> DerefMut for Shared<T> {
        fn deref_mut(&mut self) -> &mut T {
            Arc::make_mut(&mut self.0)
        }
    }

    impl ValidConfig {
        /// Returns a configuration that is not validated.
        pub(crate) fn by_hand(parts: NodeParts) -> Self {
            Self::of(parts)
        }
    }

    impl DerefMut for ValidConfig {
        fn deref_mut(&mut self) -> &mut NodeConfig {
            &mut self.0
        }
    }

    impl DerefMut for NodeConfig {
        fn deref_mut(&mut self) -> &mut ClusterConfig {
            &mut self.shared
        }
    }
}

/// A component's configuration document.
#[derive(Clone, Debug)]
pub struct ComponentConfig {
    /// The complete document, every key that kubeadm would print.
    pub value: Value,
    /// Whether the user wrote such a document; later decides whether an object gets kubeadm's hash annotation.
    pub supplied: bool,
}

/// Settings of the node from kubeplan's own `Cluster` document.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The node's name: a lower-case RFC 1123 subdomain.
    pub name: Name,
    /// The node's role.
    pub role: NodeRole,
    /// Its own addresses, at most one of each family. The API server of a control-plane node advertises the first; a worker may have
    /// none.
    pub addresses: Vec<IpAddr>,
    /// Labels of a control-plane node that its kubelet may not set, so that `mark-control-plane` sets them.
    pub marks: BTreeMap<String, String>,
    /// Recipients: `age1…` or `ssh-ed25519 …`.
    pub recipients: Vec<String>,
    /// The identity of the host that the bundle is for.
    pub host_match: HostMatch,
    /// Platform; the default is `linux/amd64`.
    pub platform: Platform,
    /// The file of the cluster's CA certificate, if the node's entry sets `caCertPath`.
    pub ca_cert_path: Option<String>,
    /// Whether to write the kubelet's systemd drop-in.
    pub kubelet_drop_in: bool,
    /// The users of a control plane that does not run as root; `None` if it does.
    pub system_ids: Option<SystemIds>,
}

/// Whether a node creates its cluster or joins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The first control-plane node: it creates the cluster, as `kubeadm init` does.
    Creates,
    /// Every other node: it joins the cluster, as `kubeadm join` does.
    Joins(Joining),
}

impl Membership {
    /// Whether the node creates the cluster, with its tokens and objects.
    #[must_use]
    pub const fn makes_cluster(&self) -> bool {
        matches!(self, Self::Creates)
    }

    /// What the kubelet shows the API server first, if the node joins a cluster.
    #[must_use]
    pub const fn credential(&self) -> Option<&JoinCredential> {
        match self {
            Self::Creates => None,
            Self::Joins(joining) => Some(&joining.credential),
        }
    }

    /// Whether the kubelet asks the cluster for its certificate, so that none is issued with the plan.
    #[must_use]
    pub const fn kubelet_bootstraps(&self) -> bool {
        matches!(self.credential(), Some(JoinCredential::Bootstrap { .. }))
    }

    /// Whether the shared certificates were fetched from the cluster, with a certificate key.
    #[must_use]
    pub const fn fetches_certificates(&self) -> bool {
        matches!(
            self.credential(),
            Some(JoinCredential::Bootstrap {
                certificate_key: true,
                ..
            })
        )
    }

    /// How long the kubelet's certificate lives, where that is not what the cluster says of all of them.
    #[must_use]
    pub const fn kubelet_validity(&self) -> Option<Duration> {
        match self.credential() {
            Some(JoinCredential::Certificate { validity }) => Some(*validity),
            _ => None,
        }
    }
}

/// What a joining node needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// kubeadm's `caCertPath`, the file of the cluster's CA certificate, if the user set it. What counts otherwise, see
    /// [`super::kubelet::EffectiveKubelet::ca_cert_path`].
    pub ca_cert_path: Option<String>,
    /// The credential with which the kubelet first authenticates.
    pub credential: JoinCredential,
}

/// The credential with which a joining kubelet first authenticates to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinCredential {
    /// A client certificate that is issued with the plan, and that the kubelet rotates afterwards.
    Certificate {
        /// How long it is valid.
        validity: Duration,
    },
    /// The credentials in a kubeconfig that discovery made, with which the kubelet requests its certificate.
    Bootstrap {
        /// The text of the kubeconfig, with the server that discovery found.
        kubeconfig: SecretText,
        /// The API server to which discovery sent a token; `None` if discovery used a file alone.
        token_endpoint: Option<EndpointHost>,
        /// Whether the shared certificates were fetched from the cluster with a certificate key.
        certificate_key: bool,
    },
}

/// The numeric ids of the users and groups of a control plane that does not run as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemIds {
    /// `kubeadm-etcd`.
    pub etcd: Account,
    /// `kubeadm-kas`.
    pub kube_apiserver: Account,
    /// `kubeadm-kcm`.
    pub kube_controller_manager: Account,
    /// `kubeadm-ks`.
    pub kube_scheduler: Account,
    /// The group `kubeadm-sa-key-readers`.
    pub sa_key_readers: u32,
}

/// A user and the group of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
}

/// Lifetimes and tolerances of issued credentials.
#[derive(Clone, Copy, Debug)]
pub struct Credentials {
    /// A bundle can be installed while every certificate in it is valid for at least this long.
    pub min_remaining: Duration,
    /// How long before the plan's clock certificates become valid (5 minutes in kubeadm).
    pub clock_tolerance: Duration,
}

/// A host name or address and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// DNS name or IP address.
    pub host: EndpointHost,
    /// Port.
    pub port: u16,
}

/// The host part of an [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointHost {
    /// A DNS name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// What kubeadm reads from the live host, with the documented defaults for what is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// The host's name; if it is not known, the kubelet gets the node's name (`--hostname-override`).
    pub hostname: Option<String>,
    /// The optional directories with CA certificates that exist (see `static_pod::volumes`).
    pub ca_directories: Vec<String>,
    /// Whether systemd-resolved runs, so that the kubelet needs its resolv.conf.
    pub systemd_resolved: bool,
    /// Proxy variables in kubeadm's environment, by name.
    pub proxies: BTreeMap<String, String>,
    /// Addresses of the interface with the default route.
    pub default_route: DefaultRoute,
    /// Sockets on which container runtimes answer.
    pub cri_sockets: Option<Vec<String>>,
    /// Architecture, in Go's words.
    pub arch: Option<String>,
    /// Version of the installed kubelet, such as `v1.36.2`.
    pub kubelet_version: Option<String>,
    /// Facts about the machine and its kernel.
    pub machine: Option<Machine>,
    /// Names of assumptions that remain because the facts do not contain the value.
    pub unknown: BTreeSet<&'static str>,
}

/// Something the plan takes for granted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Assumption {
    /// Stable name, such as `hostname`.
    pub about: &'static str,
    /// What is assumed, in one sentence.
    pub assumed: Cow<'static, str>,
    /// How to replace the assumption, for example the field to set.
    pub instead: &'static str,
}

/// `address:port`, an IPv6 address in brackets.
#[must_use]
pub fn host_port(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

/// Normalises `host:port` as kubeadm does: keeps the capitals of an IPv6 address and leading zeros of the port, and puts brackets
/// only around a host that needs them.
fn rejoined(endpoint: &str) -> String {
    let bracketed = endpoint
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    match bracketed {
        Some((host, port)) if !host.contains(':') => format!("{host}{port}"),
        _ => endpoint.to_owned(),
    }
}

impl ClusterConfig {
    /// The address of the DNS Service: the tenth of the first service network.
    #[must_use]
    pub fn dns_address(&self) -> Option<IpAddr> {
        let network = self.service_cidrs.first()?;
        super::address::nth_address(network, 10)
    }

    /// Whether kubeadm's feature gate `name` is on; `None` if this release does not have the gate, or no longer uses it.
    #[must_use]
    pub fn gate(&self, name: &str) -> Option<bool> {
        let gate = self.release.gate(name).filter(|gate| gate.has_effect)?;
        let set = self.cluster.feature_gates.get(name).copied();
        Some(set.unwrap_or(gate.default))
    }
}

impl NodeConfig {
    /// What the node needs to join; `None` if it creates the cluster.
    #[must_use]
    pub const fn joining(&self) -> Option<&Joining> {
        match &self.membership {
            Membership::Creates => None,
            Membership::Joins(joining) => Some(joining),
        }
    }

    /// Whether the node is a control-plane node.
    #[must_use]
    pub fn is_control_plane(&self) -> bool {
        self.node.role == NodeRole::ControlPlane
    }

    /// `https://<advertiseAddress>:<bindPort>`: the URL of the API server for this node's own components.
    #[must_use]
    pub fn local_endpoint_url(&self) -> String {
        format!(
            "https://{}",
            host_port(self.advertise_address, self.bind_port)
        )
    }

    /// The URL of the API server for every client: that of the control-plane endpoint, else the local one.
    #[must_use]
    pub fn control_plane_url(&self) -> String {
        match &self.control_plane_endpoint {
            Some(_) => format!("https://{}", rejoined(&self.cluster.control_plane_endpoint)),
            None => self.local_endpoint_url(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rejoined;

    #[test]
    fn only_ipv6_addresses_keep_their_brackets() {
        for (written, expected) in [
            ("[host]:6443", "host:6443"),
            ("[10.0.0.1]:6443", "10.0.0.1:6443"),
            ("[FD00::1]:06443", "[FD00::1]:06443"),
            ("host:6443", "host:6443"),
        ] {
            assert_eq!(rejoined(written), expected);
        }
    }
}

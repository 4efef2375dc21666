//! Configuration that is complete and consistent: the planner's only input besides key material and clock.
//!
//! A [`ValidConfig`] exists only as the outcome of validation, so nothing behind it checks again, and nothing changes it. What it
//! derives (addresses, networks, endpoint) is parsed once, here. What the nodes of a cluster share they hold together.

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

/// A value that several configurations share, read-only: only a test changes one, and then its own copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Whether both are the very same value, not only equal ones.
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

/// Everything known about a cluster and one of its nodes. Cheap to clone, and nobody's to change: validation makes it, with what the
/// command adds ([`Additions`]).
#[derive(Clone, Debug)]
pub struct ValidConfig(Shared<NodeConfig>);

impl Deref for ValidConfig {
    type Target = NodeConfig;

    fn deref(&self) -> &NodeConfig {
        &self.0
    }
}

/// What is one node's own, and the cluster it is of.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    shared: Shared<ClusterConfig>,
    /// kubeadm's InitConfiguration, defaulted.
    pub init: InitConfiguration,
    /// The configuration of this node's kubelet, defaulted as kubeadm does and in Go's normal form: the cluster's with what
    /// `Cluster.nodes[].kubelet.config` says otherwise.
    pub kubelet: Shared<ComponentConfig>,
    /// The node, from `Cluster.nodes[]` or from InitConfiguration.
    pub node: NodeSettings,
    /// How the node comes into the cluster. Where it joins, [`NodeConfig::init`] holds what JoinConfiguration or the inventory
    /// says of it in the same fields.
    pub membership: Membership,
    /// Parsed `localAPIEndpoint.advertiseAddress`; of a worker, which has no API server, that of the node that founds the cluster.
    pub advertise_address: IpAddr,
    /// Parsed `localAPIEndpoint.bindPort`; of a worker that of the node that founds the cluster.
    pub bind_port: u16,
    /// Parsed `timeouts`.
    pub timeouts: Timeouts,
    /// What the live host would have told kubeadm.
    pub facts: HostFacts,
    /// Values that neither the configuration nor facts gave, for the summary.
    pub assumptions: Vec<Assumption>,
    /// Where every value comes from; of a node that joins only as far as [`super::Options`] asks for it.
    pub provenance: Provenance,
    /// The user's patches of rendered files.
    pub patches: Shared<Patches>,
    /// Upload the shared certificates, encrypted, for other control-plane nodes: kubeadm's `--upload-certs`, which no field
    /// of the configuration can set.
    pub upload_certs: bool,
    /// The phases of kubeadm that are planned and no others, as `kubeadm init phase` would run them; every phase if empty.
    pub only_phases: Vec<&'static str>,
}

/// What all nodes of a cluster share.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// kubeadm's ClusterConfiguration, defaulted.
    pub cluster: ClusterConfiguration,
    /// The configuration that all kubelets share: the one that the cluster keeps in `kubelet-config`.
    pub cluster_kubelet: Shared<ComponentConfig>,
    /// kube-proxy's configuration, defaulted as kubeadm does and in Go's normal form.
    pub kube_proxy: ComponentConfig,
    /// The name of the cluster in file names and in the bundle: `Cluster` `metadata.name`, else `clusterName`.
    pub bundle_cluster_name: Name,
    /// Lifetimes and tolerances of issued credentials.
    pub credentials: Credentials,
    /// Signing preferences of the `Cluster` document.
    pub signing_key_file: Option<String>,
    /// Facts of the release that is planned.
    pub release: &'static Release,
    /// The target version without `v`, such as `1.36.2`.
    pub version: String,
    /// Parsed `networking.serviceSubnet`, one or two.
    pub service_cidrs: Vec<IpNet>,
    /// Parsed `networking.podSubnet`, none, one or two.
    pub pod_cidrs: Vec<IpNet>,
    /// Parsed `controlPlaneEndpoint`, with the port it defaults to.
    pub control_plane_endpoint: Option<Endpoint>,
    /// The algorithm every key is made for.
    pub key_algorithm: KeyAlgorithm,
    /// Life of leaf certificates.
    pub certificate_validity: Duration,
    /// Life of CA certificates.
    pub ca_certificate_validity: Duration,
}

/// What a command adds to the configuration of a node.
#[derive(Clone, Debug, Default)]
pub struct Additions {
    /// The node that makes the cluster uploads the shared certificates; of no effect on others.
    pub upload_certs: bool,
    /// Only these phases; all if empty.
    pub only_phases: Vec<&'static str>,
    /// The patches in the folder that the node names.
    pub patches: Shared<Patches>,
}

/// What a [`ValidConfig`] of a node is made of; its names are those of [`NodeConfig`].
pub(crate) struct NodeParts {
    pub(crate) shared: Shared<ClusterConfig>,
    pub(crate) init: InitConfiguration,
    pub(crate) kubelet: Shared<ComponentConfig>,
    pub(crate) node: NodeSettings,
    pub(crate) membership: Membership,
    pub(crate) advertise_address: IpAddr,
    pub(crate) bind_port: u16,
    pub(crate) timeouts: Timeouts,
    pub(crate) facts: HostFacts,
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
    /// The outcome of validation.
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
        };
        Self(node.into())
    }

    /// The same node with what the command adds.
    #[must_use]
    pub fn with(self, additions: Additions) -> Self {
        let node = Arc::unwrap_or_clone(self.0.0);
        let founds = node.membership == Membership::Founds;
        Self(
            NodeConfig {
                upload_certs: additions.upload_certs && founds,
                only_phases: additions.only_phases,
                patches: additions.patches,
                ..node
            }
            .into(),
        )
    }

    /// The same node as one that joins a cluster which runs, so that it plans no token.
    pub(super) fn joining_with(self, joining: Joining) -> Self {
        let mut node = Arc::unwrap_or_clone(self.0.0);
        node.init.bootstrap_tokens = Vec::new();
        node.membership = Membership::Joins(joining);
        Self(node.into())
    }
}

/// Tests make the configuration they need by hand.
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
        /// A configuration that nothing has validated.
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
    /// Whether the user wrote such a document (decides the hash annotation later).
    pub supplied: bool,
}

/// What kubeplan's own `Cluster` document says of the node.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The node's name: lower-case DNS-1123 subdomain.
    pub name: Name,
    /// What it is for.
    pub role: NodeRole,
    /// Its own addresses, at most one of each family. Of a control-plane node the first is the one its API server advertises; a
    /// worker may have none.
    pub addresses: Vec<IpAddr>,
    /// Labels of a control-plane node that its kubelet may not set: `mark-control-plane` sets them.
    pub marks: BTreeMap<String, String>,
    /// age recipients: `age1…` or `ssh-ed25519 …`.
    pub recipients: Vec<String>,
    /// Host identity the bundle is bound to.
    pub host_match: HostMatch,
    /// Platform, `linux/amd64` unless said otherwise.
    pub platform: Platform,
    /// Write the kubelet's systemd drop-in.
    pub kubelet_drop_in: bool,
    /// The users of a control plane that does not run as root.
    pub system_ids: Option<SystemIds>,
}

/// How a node comes into its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It makes the cluster, as `kubeadm init` does.
    Founds,
    /// It joins a cluster that another node made, as `kubeadm join` does.
    Joins(Joining),
}

/// What joining takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// Where the cluster's CA certificate lies on a worker: kubeadm's `caCertPath`.
    pub ca_cert_path: String,
    /// What the kubelet shows the API server first.
    pub credential: JoinCredential,
}

/// What a joining kubelet shows the API server first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinCredential {
    /// A client certificate that is issued with the plan; the kubelet rotates it from then on.
    Certificate {
        /// How long it lives.
        validity: Duration,
    },
    /// The credentials of a kubeconfig that discovery made; the kubelet asks for its certificate with them.
    Bootstrap {
        /// The kubeconfig's text, its server as discovery found it.
        kubeconfig: SecretText,
        /// The host of the API server that a token was shown to; `None` if a file said everything.
        token_endpoint: Option<EndpointHost>,
        /// The shared certificates were fetched from the cluster, with a certificate key.
        certificate_key: bool,
    },
}

/// Numbers of the users and groups of a control plane that does not run as root.
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
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// Lifetimes and tolerances of issued credentials.
#[derive(Clone, Copy, Debug)]
pub struct Credentials {
    /// A bundle can be installed while its earliest certificate has at least this left.
    pub min_remaining: Duration,
    /// How far notBefore lies before the plan's clock (kubeadm: 5 minutes).
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

/// What kubeadm reads from the live host; documented defaults when nobody looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// The host's own name; when unknown the kubelet is told the node name (`--hostname-override`).
    pub hostname: Option<String>,
    /// Which of the optional CA folders exist (see `static_pod::volumes`).
    pub ca_directories: Vec<String>,
    /// systemd-resolved runs, so the kubelet needs its real resolv.conf.
    pub systemd_resolved: bool,
    /// Proxy variables of kubeadm's environment, by name.
    pub proxies: BTreeMap<String, String>,
    /// Addresses on the interface of the default route.
    pub default_route: DefaultRoute,
    /// Sockets of container runtimes that answer.
    pub cri_sockets: Option<Vec<String>>,
    /// Architecture, in Go's words.
    pub arch: Option<String>,
    /// What the installed kubelet says it is, such as `v1.36.2`.
    pub kubelet_version: Option<String>,
    /// The machine and its kernel.
    pub machine: Option<Machine>,
    /// Names of assumptions that stand although somebody looked.
    pub unknown: BTreeSet<&'static str>,
}

/// Something the plan takes for granted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Assumption {
    /// Stable name, such as `hostname`.
    pub about: &'static str,
    /// What is assumed, in one sentence.
    pub assumed: Cow<'static, str>,
    /// How to say otherwise.
    pub instead: &'static str,
}

/// `address:port`, an IPv6 address in brackets.
#[must_use]
pub fn host_port(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

/// `host:port` taken apart and put together again, as kubeadm does it: capitals of an IPv6 address and leading zeros of the port
/// stay as they are written, brackets only around what needs them.
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
        super::validate::network::nth_address(network, 10)
    }

    /// Whether kubeadm's feature gate `name` is on; `None` if this release has no such gate, or nothing
    /// depends on it any more.
    #[must_use]
    pub fn gate(&self, name: &str) -> Option<bool> {
        let gate = self.release.gate(name).filter(|gate| gate.has_effect)?;
        let set = self.cluster.feature_gates.get(name).copied();
        Some(set.unwrap_or(gate.default))
    }
}

impl NodeConfig {
    /// What joining takes, if the node joins.
    #[must_use]
    pub const fn joining(&self) -> Option<&Joining> {
        match &self.membership {
            Membership::Founds => None,
            Membership::Joins(joining) => Some(joining),
        }
    }

    /// Whether the node runs the control plane.
    #[must_use]
    pub fn is_control_plane(&self) -> bool {
        self.node.role == NodeRole::ControlPlane
    }

    /// `https://<advertiseAddress>:<bindPort>`: where this node's own components find the API server.
    #[must_use]
    pub fn local_endpoint_url(&self) -> String {
        format!(
            "https://{}",
            host_port(self.advertise_address, self.bind_port)
        )
    }

    /// Where everybody finds the API server: the control-plane endpoint, else the local one.
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
    fn brackets_stay_around_ipv6_addresses_only() {
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

//! The certificates that a cluster needs, as rows of a table. [`super::issue`] issues them.
//!
//! In: [`ValidConfig`]. Out: [`CertificateProfile`]s in kubeadm's phase order, each CA before what it
//! signs, the kubeconfig clients last. No row depends on the clock or on randomness, so goldens can show
//! every profile. Names, subjects and usages are kubeadm's (kubeadm v1.36.2,
//! cmd/kubeadm/app/phases/certs/certlist.go and phases/kubeconfig/kubeconfig.go).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::ValidConfig;
use crate::config::valid::EndpointHost;

use super::profile::{CertificateKind, CertificateProfile, ExtendedKeyUsage};

use CertificateKind::{Authority, KubeconfigClient, Leaf};
use ExtendedKeyUsage::{ClientAuth, ServerAuth};

/// The common name of a row.
#[derive(Clone, Copy, Debug)]
enum CommonName {
    /// Always the same.
    Fixed(&'static str),
    /// The node's name.
    NodeName,
    /// `system:node:<node name>`, the identity the Node authorizer knows.
    SystemNode,
}

/// The organization of a row.
#[derive(Clone, Copy, Debug)]
enum Organization {
    /// None.
    None,
    /// Always the same.
    Fixed(&'static str),
    /// The organization with which the release's API server authenticates to kubelets.
    OfKubeletClient,
}

/// The alternative names of a row.
#[derive(Clone, Copy, Debug)]
enum Sans {
    /// The extension is absent.
    None,
    /// The common name as a DNS name, as in kubeadm's CAs.
    CommonName,
    /// The names and addresses of the API server.
    ApiServer,
    /// The names and addresses of the etcd member, with `serverCertSANs`.
    EtcdServer,
    /// Likewise, with `peerCertSANs`.
    EtcdPeer,
}

/// One certificate.
struct Row {
    name: &'static str,
    base_name: &'static str,
    kind: CertificateKind,
    common_name: CommonName,
    organization: Organization,
    usages: &'static [ExtendedKeyUsage],
    signer: &'static str,
    sans: Sans,
}

/// Names of every certificate, in kubeadm's order, and of the service account key (`sa`).
pub const NAMES: [&str; 16] = [
    "ca",
    "apiserver",
    "apiserver-kubelet-client",
    "front-proxy-ca",
    "front-proxy-client",
    "etcd-ca",
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
    "sa",
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

const fn authority(name: &'static str, base_name: &'static str, common_name: &'static str) -> Row {
    Row {
        name,
        base_name,
        kind: Authority,
        common_name: CommonName::Fixed(common_name),
        organization: Organization::None,
        usages: &[],
        signer: name,
        sans: Sans::CommonName,
    }
}

const fn leaf(
    name: &'static str,
    base_name: &'static str,
    common_name: CommonName,
    usages: &'static [ExtendedKeyUsage],
    signer: &'static str,
    sans: Sans,
) -> Row {
    Row {
        name,
        base_name,
        kind: Leaf,
        common_name,
        organization: Organization::None,
        usages,
        signer,
        sans,
    }
}

const fn kubeconfig(
    name: &'static str,
    common_name: CommonName,
    organization: Option<&'static str>,
) -> Row {
    Row {
        name,
        base_name: name,
        kind: KubeconfigClient,
        common_name,
        organization: match organization {
            Some(name) => Organization::Fixed(name),
            None => Organization::None,
        },
        usages: &[ClientAuth],
        signer: "ca",
        sans: Sans::None,
    }
}

const ETCD_CA: &str = "etcd-ca";
const SUPER_ADMIN: &str = "super-admin.conf";
/// The kubelet's client certificate.
pub const KUBELET: &str = "kubelet.conf";

const ROWS: &[Row] = &[
    authority("ca", "ca", "kubernetes"),
    leaf(
        "apiserver",
        "apiserver",
        CommonName::Fixed("kube-apiserver"),
        &[ServerAuth],
        "ca",
        Sans::ApiServer,
    ),
    Row {
        organization: Organization::OfKubeletClient,
        ..leaf(
            "apiserver-kubelet-client",
            "apiserver-kubelet-client",
            CommonName::Fixed("kube-apiserver-kubelet-client"),
            &[ClientAuth],
            "ca",
            Sans::None,
        )
    },
    authority("front-proxy-ca", "front-proxy-ca", "front-proxy-ca"),
    leaf(
        "front-proxy-client",
        "front-proxy-client",
        CommonName::Fixed("front-proxy-client"),
        &[ClientAuth],
        "front-proxy-ca",
        Sans::None,
    ),
    authority(ETCD_CA, "etcd/ca", "etcd-ca"),
    leaf(
        "etcd-server",
        "etcd/server",
        CommonName::NodeName,
        &[ServerAuth, ClientAuth],
        ETCD_CA,
        Sans::EtcdServer,
    ),
    leaf(
        "etcd-peer",
        "etcd/peer",
        CommonName::NodeName,
        &[ServerAuth, ClientAuth],
        ETCD_CA,
        Sans::EtcdPeer,
    ),
    leaf(
        "etcd-healthcheck-client",
        "etcd/healthcheck-client",
        CommonName::Fixed("kube-etcd-healthcheck-client"),
        &[ClientAuth],
        ETCD_CA,
        Sans::None,
    ),
    leaf(
        "apiserver-etcd-client",
        "apiserver-etcd-client",
        CommonName::Fixed("kube-apiserver-etcd-client"),
        &[ClientAuth],
        ETCD_CA,
        Sans::None,
    ),
    kubeconfig(
        "admin.conf",
        CommonName::Fixed("kubernetes-admin"),
        Some("kubeadm:cluster-admins"),
    ),
    kubeconfig(
        SUPER_ADMIN,
        CommonName::Fixed("kubernetes-super-admin"),
        Some("system:masters"),
    ),
    kubeconfig(KUBELET, CommonName::SystemNode, Some("system:nodes")),
    kubeconfig(
        "controller-manager.conf",
        CommonName::Fixed("system:kube-controller-manager"),
        None,
    ),
    kubeconfig(
        "scheduler.conf",
        CommonName::Fixed("system:kube-scheduler"),
        None,
    ),
];

/// Every certificate that is issued for the configured node or signs one of them, in kubeadm's phase order, then the kubeconfig
/// clients.
///
/// | node | certificates |
/// |---|---|
/// | first control-plane node | all |
/// | control-plane node that joins | all but super-admin.conf; kubelet.conf only if its kubelet does not bootstrap |
/// | worker | kubelet.conf, unless its kubelet bootstraps; no CA, because a worker gets only the certificate of a CA |
///
/// With an external etcd, the certificates of etcd's CA are not the planner's and are omitted.
#[must_use]
pub fn profiles(config: &ValidConfig) -> Vec<CertificateProfile> {
    ROWS.iter()
        .filter(|row| is_planned(config, row.name))
        .map(|row| profile(row, config))
        .collect()
}

/// The CAs of the cluster, whichever node is configured.
#[must_use]
pub fn authorities(config: &ValidConfig) -> Vec<CertificateProfile> {
    ROWS.iter()
        .filter(|row| row.kind == Authority && !is_external(config, row.name))
        .map(|row| profile(row, config))
        .collect()
}

/// Whether the certificate `name` is one of [`profiles`].
#[must_use]
pub fn is_planned(config: &ValidConfig, name: &str) -> bool {
    let membership = &config.membership;
    let has = match name {
        SUPER_ADMIN => membership.makes_cluster(),
        KUBELET => !membership.kubelet_bootstraps(),
        _ => true,
    };
    has && !is_external(config, name) && (config.is_control_plane() || name == KUBELET)
}

/// A certificate of the table, whatever the configuration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// kubeadm's name.
    pub name: &'static str,
    /// Name of the CA that signs it; its own for a CA.
    pub signer: &'static str,
    /// File name of that CA without extension.
    pub signer_base_name: &'static str,
}

/// The certificate whose files are called `base_name`: a CA, or a leaf of a node.
#[must_use]
pub fn known(base_name: &str, authority: bool) -> Option<Known> {
    let row = ROWS
        .iter()
        .find(|row| row.base_name == base_name && (row.kind == Authority) == authority)?;
    let signer = ROWS.iter().find(|candidate| candidate.name == row.signer)?;
    Some(Known {
        name: row.name,
        signer: row.signer,
        signer_base_name: signer.base_name,
    })
}

/// Whether the certificate `name` belongs to an external etcd.
#[must_use]
pub fn is_external(config: &ValidConfig, name: &str) -> bool {
    config.cluster.etcd.external.is_some()
        && ROWS
            .iter()
            .any(|row| row.name == name && row.signer == ETCD_CA)
}

fn profile(row: &Row, config: &ValidConfig) -> CertificateProfile {
    let common_name = common_name(row, config);
    let sans = match row.sans {
        Sans::None => SanList::default(),
        Sans::CommonName => SanList::default().name(&common_name),
        Sans::ApiServer => api_server_sans(config),
        Sans::EtcdServer => etcd_sans(
            config,
            config
                .cluster
                .etcd
                .local
                .as_ref()
                .map(|l| &l.server_cert_sans),
        ),
        Sans::EtcdPeer => etcd_sans(
            config,
            config
                .cluster
                .etcd
                .local
                .as_ref()
                .map(|l| &l.peer_cert_sans),
        ),
    };
    let signer = ROWS.iter().find(|candidate| candidate.name == row.signer);
    CertificateProfile {
        name: row.name,
        base_name: row.base_name,
        kind: row.kind,
        common_name,
        organization: match row.organization {
            Organization::None => None,
            Organization::Fixed(name) => Some(name.to_owned()),
            Organization::OfKubeletClient => config
                .release
                .apiserver_kubelet_client_organization
                .map(str::to_owned),
        },
        subject_key_id: config.release.subject_key_id,
        usages: row.usages,
        signer: row.signer,
        signer_base_name: signer.map_or(row.base_name, |signer| signer.base_name),
        issuer_common_name: signer
            .map(|signer| self::common_name(signer, config))
            .unwrap_or_default(),
        dns_sans: sans.dns.into_iter().collect(),
        ip_sans: sans.addresses,
        key_algorithm: config.key_algorithm,
        lifetime: match config.membership.kubelet_validity() {
            _ if row.kind == Authority => config.ca_certificate_validity,
            Some(validity) if row.name == KUBELET => validity,
            _ => config.certificate_validity,
        },
    }
}

fn common_name(row: &Row, config: &ValidConfig) -> String {
    match row.common_name {
        CommonName::Fixed(name) => name.to_owned(),
        CommonName::NodeName => config.node.name.as_str().to_owned(),
        CommonName::SystemNode => format!("system:node:{}", config.node.name.as_str()),
    }
}

/// Alternative names while they are collected: names sorted bytewise, addresses in order of arrival.
#[derive(Default)]
struct SanList {
    dns: BTreeSet<String>,
    addresses: Vec<IpAddr>,
}

impl SanList {
    fn name(mut self, name: &str) -> Self {
        self.dns.insert(name.to_owned());
        self
    }

    fn address(mut self, address: IpAddr) -> Self {
        // An IPv4-mapped IPv6 address is the IPv4 address, as in Go's net.IP.
        let address = address.to_canonical();
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
        self
    }

    /// Configured entries: addresses or names. Validation has refused anything else.
    fn configured(self, entries: &[String]) -> Self {
        entries
            .iter()
            .fold(self, |list, entry| match parse_address(entry) {
                Some(address) => list.address(address),
                None if is_dns_name(entry) => list.name(entry),
                None => list,
            })
    }
}

fn api_server_sans(config: &ValidConfig) -> SanList {
    let mut list = SanList::default()
        .name(config.node.name.as_str())
        .name("kubernetes")
        .name("kubernetes.default")
        .name("kubernetes.default.svc")
        .name(&format!(
            "kubernetes.default.svc.{}",
            config.cluster.networking.dns_domain
        ));
    // Only the first family gets a service address, also with two (kubeadm does the same).
    if let Some(cidr) = config.service_cidrs.first() {
        list = list.address(first_service_address(cidr));
    }
    list = list.address(config.advertise_address);
    list = match config.control_plane_endpoint.as_ref().map(|e| &e.host) {
        Some(EndpointHost::Address(address)) => list.address(*address),
        Some(EndpointHost::Name(name)) => list.name(name),
        None => list,
    };
    list.configured(&config.cluster.api_server.cert_sans)
}

fn etcd_sans(config: &ValidConfig, configured: Option<&Vec<String>>) -> SanList {
    // Both loopback addresses, whatever the cluster's families are.
    SanList::default()
        .name(config.node.name.as_str())
        .name("localhost")
        .address(config.advertise_address)
        .address(Ipv4Addr::LOCALHOST.into())
        .address(Ipv6Addr::LOCALHOST.into())
        .configured(configured.map_or(&[], Vec::as_slice))
}

/// The address of the `kubernetes` Service: the network address of the first service CIDR plus one.
#[must_use]
pub fn first_service_address(cidr: &ipnet::IpNet) -> IpAddr {
    match cidr.network() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits().saturating_add(1)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits().saturating_add(1)).into(),
    }
}

/// An address as kubeadm reads it: leading zeros in IPv4 parts are tolerated and decimal
/// (k8s.io/utils/net, ParseIPSloppy).
fn parse_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let parts: Vec<&str> = text.split('.').collect();
    let stripped = parts.iter().map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        digits
            .then(|| part.trim_start_matches('0'))
            .map(|rest| if rest.is_empty() { "0" } else { rest })
    });
    let parts: Vec<&str> = stripped.collect::<Option<_>>()?;
    parts.join(".").parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

/// A DNS-1123 subdomain, or `*.` and one.
fn is_dns_name(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests;

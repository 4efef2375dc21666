//! Validates the networks of Services and Pods against each other and against the addresses in ClusterConfiguration.
//!
//! kubeadm checks each network alone. What cannot work is an error, what depends on the network plugin is a warning.
//! Source: Kubernetes v1.36.2, pkg/controller/nodeipam/ipam/range_allocator.go: kube-controller-manager gives no node a subnet
//! that lies in the network of the Services.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::address::{nth_address, parse_cidr, parse_ip, split_host_port};
use super::super::draft::Draft;
use super::etcd::host_of;
use super::network::allocates_node_subnets;
use crate::schema::Kind;

const SERVICES: &str = "networking.serviceSubnet";
const PODS: &str = "networking.podSubnet";

/// Networks that hosts do not route, and what they are.
const RESERVED: [(&str, &str); 5] = [
    ("0.0.0.0/8", "addresses that stand for the host itself"),
    ("127.0.0.0/8", "loopback addresses"),
    ("224.0.0.0/4", "multicast addresses"),
    ("::/127", "the unspecified and the loopback address"),
    ("ff00::/8", "multicast addresses"),
];

/// The address of all hosts of a link.
const BROADCAST: &str = "255.255.255.255/32";

/// Networks that not every network can use: each with what its addresses are, and why.
const LIMITED: [(&str, &str, &str); 3] = [
    (
        "169.254.0.0/16",
        "link-local addresses",
        "which hosts do not route to other hosts",
    ),
    (
        "fe80::/10",
        "link-local addresses",
        "which hosts do not route to other hosts",
    ),
    (
        CLASS_E,
        "reserved addresses",
        "which Linux routes, but not every router and operating system",
    ),
];

/// IPv4 addresses that are reserved for future use (RFC 1112, section 4).
const CLASS_E: &str = "240.0.0.0/4";

/// Checks the networks that could be parsed.
pub(super) fn check(draft: &mut Draft, services: &[IpNet], pods: &[IpNet]) {
    for (path, nets) in [(SERVICES, services), (PODS, pods)] {
        for net in nets {
            reserved(draft, path, net);
        }
    }
    pairs(draft, services, pods);
    families(draft, services, pods);
    addresses(draft, services, pods);
}

/// Whether the networks have an address in common.
fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

fn reserved(draft: &mut Draft, path: &str, net: &IpNet) {
    let in_common = |known: &str| parse_cidr(known).is_some_and(|known| overlap(&known, net));
    let hint = "use a private network, for example a part of 10.0.0.0/8 or fd00::/8";
    // Neither network plugins nor the API server give out the last address of a network.
    let all_of_class_e = parse_cidr(CLASS_E).is_some_and(|all| all == *net);
    let known = RESERVED
        .iter()
        .copied()
        .chain((!all_of_class_e).then_some((BROADCAST, "the broadcast address")))
        .find(|(known, _)| in_common(known));
    if let Some((known, what)) = known {
        let message = format!("{net} contains {what} ({known}), which hosts do not route");
        draft.cluster_error(path, message, hint);
    } else if let Some((known, what, why)) = LIMITED.iter().find(|(known, ..)| in_common(known)) {
        let message = format!("{net} contains {what} ({known}), {why}");
        draft.warn(Kind::Cluster, path, message, hint);
    }
}

/// Checks each network of Services against each network of Pods.
fn pairs(draft: &mut Draft, services: &[IpNet], pods: &[IpNet]) {
    let hint = "choose networks that do not overlap, for example 10.96.0.0/12 for Services and 10.244.0.0/16 for Pods";
    for (service, pod) in services
        .iter()
        .flat_map(|service| pods.iter().map(move |pod| (service, pod)))
        .filter(|(service, pod)| overlap(service, pod))
    {
        let allocates = allocates_node_subnets(draft);
        let (error, why) = if service.contains(pod) && allocates {
            let why = format!(
                "{pod} lies in the network of the Services, {service}: kube-controller-manager gives no node a subnet for its Pods"
            );
            (true, why)
        } else if allocates {
            let why = format!(
                "{pod} contains the network of the Services, {service}: a network plugin that ignores the nodes' subnets gives Pods the addresses of Services"
            );
            (false, why)
        } else {
            let why = format!(
                "{pod} and the network of the Services, {service}, overlap: a Pod and a Service may get the same address"
            );
            (false, why)
        };
        if error {
            draft.cluster_error(PODS, why, hint);
        } else {
            draft.warn(Kind::Cluster, PODS, why, hint);
        }
    }
}

/// Checks that the Pods have addresses of the Services' families.
fn families(draft: &mut Draft, services: &[IpNet], pods: &[IpNet]) {
    if pods.is_empty() {
        return;
    }
    let has = |nets: &[IpNet], v4: bool| nets.iter().any(|net| net.addr().is_ipv4() == v4);
    let missing: Vec<&str> = [(true, "IPv4"), (false, "IPv6")]
        .into_iter()
        .filter(|(v4, _)| has(services, *v4) && !has(pods, *v4))
        .map(|(_, name)| name)
        .collect();
    let Some(family) = missing.first() else {
        return;
    };
    let message = format!(
        "there is no {family} network of Pods, so Services with an {family} address have no endpoints"
    );
    let hint = format!("add an {family} network to podSubnet, or remove that of serviceSubnet");
    let both = has(services, true) == has(services, false);
    if both || !allocates_node_subnets(draft) {
        draft.warn(Kind::Cluster, PODS, message, &hint);
    } else {
        draft.cluster_error(PODS, message, &hint);
    }
}

/// The addresses that kubeadm gives to Services: `kubernetes` in every network, `kube-dns` in the first.
#[must_use]
pub(in super::super) fn taken_by_service(
    services: &[IpNet],
    address: IpAddr,
) -> Option<&'static str> {
    let is = |net: &IpNet, n| nth_address(net, n) == Some(address);
    if services.iter().any(|net| is(net, 1)) {
        Some("kubernetes")
    } else if services.first().is_some_and(|net| is(net, 10)) {
        Some("kube-dns")
    } else {
        None
    }
}

/// Checks the addresses of the API server and of an external etcd against the networks.
fn addresses(draft: &mut Draft, services: &[IpNet], pods: &[IpNet]) {
    let mut found: Vec<(String, IpAddr)> = Vec::new();
    let path = "controlPlaneEndpoint";
    let endpoint = split_host_port(&draft.text(Kind::Cluster, path)).ok();
    if let Some(address) = endpoint.and_then(|(host, _)| parse_ip(&host)) {
        found.push((path.to_owned(), address));
    }
    for (path, url) in draft.texts(Kind::Cluster, "etcd.external.endpoints") {
        if let Some(address) = host_of(&url).and_then(parse_ip) {
            found.push((path, address));
        }
    }
    for (path, address) in found {
        let hint = "choose other networks: nodes, load balancers, Services and Pods must not share addresses";
        if let Some(service) = taken_by_service(services, address) {
            let message = format!("{address} is the address of the Service `{service}`");
            draft.cluster_error(&path, message, hint);
            continue;
        }
        for (of, nets) in [("Services", services), ("Pods", pods)] {
            if let Some(net) = nets.iter().find(|net| net.contains(&address)) {
                let message = format!("{address} lies in the network of the {of}, {net}");
                draft.warn(Kind::Cluster, &path, message, hint);
            }
        }
    }
}

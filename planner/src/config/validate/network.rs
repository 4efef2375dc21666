//! Validates Service and Pod networks.

use ipnet::IpNet;
use serde_json::Value;

use super::super::address::{parse_cidr, parse_ip};
use super::super::draft::Draft;
use crate::schema::Kind;

/// A Service network has at most 2^20 addresses (kube-apiserver has the same rule).
const SERVICE_MAX_HOST_BITS: u8 = 20;
const SERVICE_MIN_ADDRESSES: u128 = 10;
const POD_MIN_ADDRESSES: u128 = 14;
const POD_MAX_MASK_DIFFERENCE: i64 = 16;

fn host_bits(net: &IpNet) -> u8 {
    net.max_prefix_len() - net.prefix_len()
}

/// Checks that the field contains one network, or two of different families, each with at least `minimum` addresses.
fn networks(draft: &mut Draft, path: &str, minimum: u128) -> Vec<IpNet> {
    let text = draft.text(Kind::Cluster, path);
    if text.is_empty() {
        return Vec::new();
    }
    let hint = "for example `10.96.0.0/12`, or two of different families separated by a comma without spaces";
    let mut nets = Vec::new();
    for part in text.split(',') {
        match parse_cidr(part) {
            Some(net) => nets.push(net),
            None => {
                draft.error(
                    Kind::Cluster,
                    path,
                    format!("`{part}` is not a valid network in CIDR form"),
                    hint,
                );
                return Vec::new();
            }
        }
    }
    let dual = match nets.as_slice() {
        [_] => true,
        [first, second] => first.addr().is_ipv4() != second.addr().is_ipv4(),
        _ => false,
    };
    if !dual {
        draft.error(
            Kind::Cluster,
            path,
            "there is more than one network of a family",
            "use one network, or one IPv4 and one IPv6 network",
        );
    }
    for net in &nets {
        let bits = host_bits(net);
        if bits < 64 && 1_u128 << bits < minimum {
            let message = format!(
                "{net} has {} addresses, but the cluster needs at least {minimum}",
                1_u128 << bits
            );
            draft.error(Kind::Cluster, path, message, "use a shorter prefix");
        }
        if let (IpNet::V6(v6), Some(IpNet::V6(site_local))) = (net, parse_cidr("fec0::/10"))
            && (site_local.contains(&v6.network()) || v6.contains(&site_local.network()))
        {
            let message = format!("{net} has site-local addresses, which RFC 3879 deprecates");
            draft.warn(Kind::Cluster, path, message, "");
        }
    }
    nets
}

/// Warns if the API server would not start: its address must be of the family of the first Service network ("service IP family …
/// must match public address family …"). kubeadm does not check this.
pub(super) fn families(draft: &mut Draft, service_cidrs: &[IpNet]) {
    let path = "localAPIEndpoint.advertiseAddress";
    let address = parse_ip(&draft.text(Kind::Init, path));
    if let (Some(address), Some(first)) = (address, service_cidrs.first())
        && address.is_ipv4() != first.addr().is_ipv4()
    {
        let message = format!(
            "{address} is of another family than the first Service network, {first}: kube-apiserver will not start"
        );
        let hint = "list the network of the address's family first in networking.serviceSubnet";
        draft.warn(Kind::Init, path, message, hint);
    }
}

/// Checks `networking.serviceSubnet`.
pub(super) fn service_subnet(draft: &mut Draft) -> Vec<IpNet> {
    let path = "networking.serviceSubnet";
    let nets = networks(draft, path, SERVICE_MIN_ADDRESSES);
    for net in &nets {
        if host_bits(net) > SERVICE_MAX_HOST_BITS {
            let longest = net.max_prefix_len() - SERVICE_MAX_HOST_BITS;
            let message = format!("{net} is too large for Services");
            draft.error(
                Kind::Cluster,
                path,
                message,
                &format!("use a prefix length of {longest} or more"),
            );
        }
    }
    nets
}

/// Checks `networking.podSubnet`, also against the size of each node's subnet.
pub(super) fn pod_subnet(draft: &mut Draft) -> Vec<IpNet> {
    let path = "networking.podSubnet";
    let nets = networks(draft, path, POD_MIN_ADDRESSES);
    if !allocates_node_subnets(draft) {
        return nets;
    }
    for net in &nets {
        let (flag, default) = match net {
            IpNet::V4(_) => ("node-cidr-mask-size-ipv4", 24),
            IpNet::V6(_) => ("node-cidr-mask-size-ipv6", 64),
        };
        let node_mask = match last_argument(draft, flag).filter(|value| !value.is_empty()) {
            None => default,
            Some(value) => match value.parse::<i64>() {
                Ok(mask) => mask,
                Err(_) => {
                    let message = format!("`{value}` of the flag {flag} is not an integer");
                    draft.error(Kind::Cluster, "controllerManager.extraArgs", message, "");
                    continue;
                }
            },
        };
        let mask = i64::from(net.prefix_len());
        if mask > node_mask {
            let message = format!("{net} is smaller than the subnet of one node, /{node_mask}");
            draft.error(
                Kind::Cluster,
                path,
                message,
                &format!("use a shorter prefix, or set {flag} in controllerManager.extraArgs"),
            );
        } else if node_mask - mask > POD_MAX_MASK_DIFFERENCE {
            let message = format!(
                "{net} is too large for node subnets of /{node_mask}: the prefix lengths differ by more than {POD_MAX_MASK_DIFFERENCE}"
            );
            draft.error(
                Kind::Cluster,
                path,
                message,
                &format!("use a longer prefix, or set {flag} in controllerManager.extraArgs"),
            );
        }
    }
    nets
}

/// Whether kube-controller-manager gives each node a subnet of the Pods' networks.
#[must_use]
pub(super) fn allocates_node_subnets(draft: &Draft) -> bool {
    last_argument(draft, "allocate-node-cidrs").as_deref() != Some("false")
}

/// The last value of a flag among `controllerManager.extraArgs`.
fn last_argument(draft: &Draft, name: &str) -> Option<String> {
    let args = draft
        .get(Kind::Cluster, "controllerManager.extraArgs")?
        .as_array()?;
    args.iter()
        .rev()
        .find(|arg| arg.get("name").and_then(Value::as_str) == Some(name))
        .map(|arg| {
            arg.get("value")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        })
}

//! Validates Service and Pod networks.

use ipnet::IpNet;
use serde_json::Value;

use super::super::address::{parse_cidr, parse_ip};
use super::super::draft::Draft;
use super::super::kubelet::normalised;
use crate::kubeadm::flags::Type;
use crate::kubeadm::truth_value;
use crate::schema::Kind;

/// A Service network has at most 2^20 addresses (kube-apiserver has the same rule).
const SERVICE_MAX_HOST_BITS: u8 = 20;
const SERVICE_MIN_ADDRESSES: u128 = 10;
const POD_MIN_ADDRESSES: u128 = 14;
const POD_MAX_MASK_DIFFERENCE: i64 = 16;

const CONTROLLER_ARGS: &str = "controllerManager.extraArgs";
const MASK: &str = "node-cidr-mask-size";
const MASK_IPV4: &str = "node-cidr-mask-size-ipv4";
const MASK_IPV6: &str = "node-cidr-mask-size-ipv6";

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
    node_masks(draft, &nets);
    // kubeadm compares the text, whatever kube-controller-manager reads.
    if last_argument(draft, "allocate-node-cidrs").as_deref() == Some("false") {
        return nets;
    }
    for net in &nets {
        let (flag, default) = match net {
            IpNet::V4(_) => (MASK_IPV4, 24),
            IpNet::V6(_) => (MASK_IPV6, 64),
        };
        let node_mask = match last_argument(draft, flag).filter(|value| !value.is_empty()) {
            None => default,
            Some(value) => match value.parse::<i64>() {
                Ok(mask) => mask,
                // An error of the flag itself, unless only kubeadm cannot read it: it reads decimal numbers.
                Err(_) if !Type::Int(32).reads(&value) => continue,
                Err(_) => {
                    let message = format!("`{value}` of the flag {flag} is not a decimal number");
                    draft.error(Kind::Cluster, CONTROLLER_ARGS, message, "");
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

/// Checks the flags for the size of a node's subnet as kube-controller-manager does before it starts. Sources: Kubernetes v1.36.2,
/// cmd/kube-controller-manager/app/core.go (setNodeCIDRMaskSizes), pkg/controller/nodeipam/node_ipam_controller.go.
fn node_masks(draft: &mut Draft, pods: &[IpNet]) {
    let (Some(first), true) = (pods.first(), allocates_node_subnets(draft)) else {
        return;
    };
    let is_set = |name: &str| controllers_flag(draft, name).is_some_and(|mask| mask != "0");
    let (ipv4, ipv6) = (is_set(MASK_IPV4), is_set(MASK_IPV6));
    let both = controllers_flag(draft, MASK).filter(|mask| mask != "0");
    let (message, hint) = match (both, first, pods.len()) {
        (Some(_), _, 2..) => (
            format!("kube-controller-manager does not start with {MASK} and Pods of both families"),
            format!("set {MASK_IPV4} and {MASK_IPV6} instead"),
        ),
        (Some(_), ..) if ipv4 || ipv6 => (
            format!(
                "kube-controller-manager does not start with {MASK} beside {MASK_IPV4} or {MASK_IPV6}"
            ),
            format!("remove {MASK}"),
        ),
        (Some(text), net, _) => match text.parse::<i64>() {
            // An error of the flag itself.
            Err(_) => return,
            Ok(mask) if mask < net.prefix_len().into() => (
                format!(
                    "{net}, the network of the Pods, is smaller than the subnet of one node, /{mask}: kube-controller-manager does not start"
                ),
                format!("set {MASK} to {} or more", net.prefix_len()),
            ),
            Ok(mask) if mask > net.max_prefix_len().into() => (
                format!("/{mask} of the flag {MASK} is longer than an address of {net}"),
                format!("set {MASK} to at most {}", net.max_prefix_len()),
            ),
            Ok(_) => return,
        },
        (None, IpNet::V6(_), 1) if ipv4 => (
            format!(
                "kube-controller-manager does not start with {MASK_IPV4} if all Pods have IPv6 addresses"
            ),
            format!("set {MASK_IPV6} instead"),
        ),
        (None, IpNet::V4(_), 1) if ipv6 => (
            format!(
                "kube-controller-manager does not start with {MASK_IPV6} if all Pods have IPv4 addresses"
            ),
            format!("set {MASK_IPV4} instead"),
        ),
        _ => return,
    };
    draft.cluster_error(CONTROLLER_ARGS, message, &hint);
}

/// Whether kube-controller-manager gives each node a subnet of the Pods' networks.
#[must_use]
pub(super) fn allocates_node_subnets(draft: &Draft) -> bool {
    controllers_flag(draft, "allocate-node-cidrs").and_then(|value| truth_value::parse(&value))
        != Some(false)
}

/// The last value of a flag among `controllerManager.extraArgs`, as kubeadm looks for it.
fn last_argument(draft: &Draft, name: &str) -> Option<String> {
    last_argument_that(draft, |written| written == name)
}

/// The same, as kube-controller-manager looks for it: `_` in a name stands for `-`.
fn controllers_flag(draft: &Draft, name: &str) -> Option<String> {
    last_argument_that(draft, |written| normalised(written) == name)
}

fn last_argument_that(draft: &Draft, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
    let args = draft.get(Kind::Cluster, CONTROLLER_ARGS)?.as_array()?;
    let text = |arg: &Value, field: &str| {
        let text = arg.get(field).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    args.iter()
        .rev()
        .find(|arg| is_wanted(&text(arg, "name")))
        .map(|arg| text(arg, "value"))
}

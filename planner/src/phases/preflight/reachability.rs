//! Checks of the network: forwarding, proxies, host names. The checks of ports are in the table.

use std::net::IpAddr;

use ipnet::IpNet;
use kubeplan_bundle::check::{
    DirectConnection, DirectNetwork, FileBegins, NodeName, ServiceInactive,
};

use super::Join;
use super::row::{Made, Row};
use crate::config::valid::EndpointHost;

pub(super) const IPV4_FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
pub(super) const IPV6_FORWARDING: &str = "/proc/sys/net/ipv6/conf/default/forwarding";

impl Row<'_> {
    pub(super) fn forwarding(&self, path: &str, wanted: bool) -> Made {
        if !wanted {
            return Ok(Vec::new());
        }
        self.at_path(path, |path| FileBegins {
            path,
            text: "1".to_owned(),
        })
    }

    /// Whether a network or the advertised address is of the family.
    pub(super) fn has_family(&self, ipv6: bool) -> bool {
        let networks = self
            .config
            .service_cidrs
            .iter()
            .chain(&self.config.pod_cidrs);
        networks
            .map(IpNet::addr)
            .chain([self.config.advertise_address])
            .any(|address| address.is_ipv6() == ipv6)
    }

    /// Whether the API server that a token is shown to is named by an address of the family; of a planned node whether a network is.
    pub(super) fn joins_by_family(&self, ipv6: bool) -> bool {
        match self.join() {
            Some(Join { planned: true, .. }) => self.has_family(ipv6),
            Some(Join {
                token_endpoint: Some(EndpointHost::Address(address)),
                ..
            }) => address.is_ipv6() == ipv6,
            _ => false,
        }
    }

    /// The host of the API server that the node joins by, if it is known.
    fn join_host(&self) -> Option<EndpointHost> {
        let join = self.join()?;
        if !join.planned {
            return join.token_endpoint.clone();
        }
        Some(match &self.config.control_plane_endpoint {
            Some(endpoint) => endpoint.host.clone(),
            None => EndpointHost::Address(self.config.advertise_address),
        })
    }
}

pub(super) fn firewalld(row: &Row<'_>) -> Made {
    row.one(ServiceInactive {
        service: "firewalld".parse()?,
        ports: vec![row.config.bind_port, row.kubelet.port()],
    })
}

/// How Go's proxy rules are asked about an address: with a port if it is IPv6, because only then are there brackets.
fn authority(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]:1234"),
    }
}

pub(super) fn advertise_address_proxy(row: &Row<'_>) -> Made {
    row.one(DirectConnection {
        authority: authority(row.config.advertise_address),
    })
}

pub(super) fn endpoint_proxy(row: &Row<'_>) -> Made {
    let authority = match row.join_host() {
        None => return Ok(Vec::new()),
        Some(EndpointHost::Name(name)) => name,
        Some(EndpointHost::Address(address)) => authority(address),
    };
    row.one(DirectConnection { authority })
}

pub(super) fn network_proxies(row: &Row<'_>) -> Made {
    let mut checks = Vec::new();
    for network in row.config.service_cidrs.iter().chain(&row.config.pod_cidrs) {
        let cidr = network.to_string();
        checks.extend(row.one(DirectNetwork { cidr })?);
    }
    Ok(checks)
}

pub(super) fn hostname(row: &Row<'_>) -> Made {
    row.one(NodeName {
        node: row.config.node.name.to_string(),
    })
}

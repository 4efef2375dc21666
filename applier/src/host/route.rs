//! Addresses on the interface of the default route.
//!
//! In: the kernel's routing tables as text, the addresses of the interfaces. Out: the first global unicast address of
//! each family, as the apimachinery library v0.36.2 (pkg/util/net/interface.go) chooses it: of the first default route
//! whose interface has one, else of the loopback interface.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use kubeplan_bundle::facts::DefaultRoute;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::path::RootPath;
use super::root::Root;

const IPV4_ROUTES: RootPath = RootPath::fixed("/proc/self/net/route");
const IPV6_ROUTES: RootPath = RootPath::fixed("/proc/self/net/ipv6_route");

/// Bytes of a routing table that are read.
const LIMIT: u64 = 16 * 1024 * 1024;

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Assigned {
    interface: String,
    loopback: bool,
    address: IpAddr,
}

/// Looks at the running system; `None` if it has no default route with an address.
pub(crate) fn addresses(root: &Root) -> Option<DefaultRoute> {
    let table = |path: &RootPath| {
        root.read_text(path, LIMIT)
            .ok()
            .flatten()
            .unwrap_or_default()
    };
    let assigned: Vec<Assigned> = getifaddrs()
        .ok()?
        .filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|entry| {
            let address = entry.address?;
            let ipv4 = address
                .as_sockaddr_in()
                .map(|found| IpAddr::from(found.ip()));
            let ipv6 = || {
                address
                    .as_sockaddr_in6()
                    .map(|found| IpAddr::from(found.ip()))
            };
            Some(Assigned {
                interface: entry.interface_name,
                loopback: entry.flags.contains(InterfaceFlags::IFF_LOOPBACK),
                address: ipv4.or_else(ipv6)?,
            })
        })
        .collect();
    let found = DefaultRoute {
        ipv4: choose(&ipv4_interfaces(&table(&IPV4_ROUTES)), &assigned, ipv4),
        ipv6: choose(&ipv6_interfaces(&table(&IPV6_ROUTES)), &assigned, ipv6),
    };
    (found != DefaultRoute::default()).then_some(found)
}

/// Interfaces of IPv4 default routes: name, destination and gateway in hexadecimal.
fn ipv4_interfaces(table: &str) -> Vec<&str> {
    table
        .lines()
        .filter(|line| !line.starts_with("Iface"))
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (interface, destination) = (fields.next()?, fields.next()?);
            (destination == "00000000").then_some(interface)
        })
        .collect()
}

/// Interfaces of IPv6 default routes that have a gateway.
fn ipv6_interfaces(table: &str) -> Vec<&str> {
    let zero = |text: &str| text.len() == 32 && text.bytes().all(|b| b == b'0');
    table
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (destination, gateway) = (fields.first()?, fields.get(4)?);
            (zero(destination) && !zero(gateway))
                .then(|| fields.get(9).copied())
                .flatten()
        })
        .collect()
}

fn choose<T>(
    interfaces: &[&str],
    assigned: &[Assigned],
    family: impl Fn(IpAddr) -> Option<T>,
) -> Option<T> {
    let first = |of: &dyn Fn(&Assigned) -> bool| {
        assigned
            .iter()
            .filter(|entry| of(entry))
            .find_map(|entry| family(entry.address))
    };
    interfaces.iter().find_map(|name| {
        first(&|entry| entry.interface == *name).or_else(|| first(&|entry| entry.loopback))
    })
}

/// A global unicast address in Go's sense: also a private one.
fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    let special = address.is_loopback()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_link_local();
    (!special).then_some(address)
}

fn ipv6(address: IpAddr) -> Option<Ipv6Addr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let special = address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unicast_link_local();
    (!special).then_some(address)
}

/// Whether an interface of this host has the address. Sends nothing: a socket can be bound to the host's own addresses only.
pub(crate) fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
        eth1\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\n\
        eth0\t00000000\t010A0A0A\t0003\t0\t0\t100\t00000000\n\
        eth1\t00000000\t010B0A0A\t0003\t0\t0\t200\t00000000\n";

    fn assigned(interface: &str, address: &str) -> Assigned {
        Assigned {
            interface: interface.into(),
            loopback: interface == "lo",
            address: address.parse().unwrap(),
        }
    }

    #[test]
    fn default_routes_are_found_in_the_kernels_tables() {
        assert_eq!(ipv4_interfaces(TABLE), ["eth0", "eth1"]);
        let zero = "0".repeat(32);
        let gateway = "fe800000000000000000000000000001";
        let table = format!(
            "{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n\
             {zero} 00 {zero} 00 {gateway} 00000400 00000003 00000000 00450003     eth0\n\
             broken line\n"
        );
        assert_eq!(ipv6_interfaces(&table), ["eth0"]);
        assert!(ipv4_interfaces("").is_empty() && ipv6_interfaces("\n\n").is_empty());
    }

    #[test]
    fn the_first_global_address_of_the_first_route_counts() {
        let routes = ipv4_interfaces(TABLE);
        let all = [
            assigned("lo", "127.0.0.1"),
            assigned("eth1", "10.10.11.5"),
            assigned("eth0", "fd00::5"),
            assigned("eth0", "169.254.1.1"),
            assigned("eth0", "10.10.10.5"),
            assigned("eth0", "10.10.10.6"),
        ];
        let found = |entries: &[Assigned]| choose(&routes, entries, ipv4).map(|ip| ip.to_string());
        assert_eq!(found(&all).as_deref(), Some("10.10.10.5"));
        assert_eq!(found(&all[..2]).as_deref(), Some("10.10.11.5"));
        assert_eq!(found(&all[..1]), None);
        // Routers that number their loopback interface only (RFC 5549).
        assert_eq!(
            found(&[assigned("lo", "127.0.0.1"), assigned("lo", "203.0.113.7")]).as_deref(),
            Some("203.0.113.7")
        );
        assert_eq!(choose(&[], &all, ipv4), None);
    }
}

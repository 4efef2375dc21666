//! Judges hosts that clients connect to: the address of the API server, the endpoints of an external etcd, names in certificates.
//!
//! In: a host that has the form of an address or a DNS name. Out: a [`Fault`] if no client can connect to it, or if clients on
//! different hosts would connect to different servers. kubeadm checks only the form.

use std::net::{IpAddr, Ipv6Addr};

use super::address::{parse_ip, split_host_port};
use super::report::Severity;

/// What listens at the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// API servers, or a load balancer in front of them.
    Api,
    /// A member of an external etcd.
    Etcd,
    /// A proxy that a component uses.
    Proxy,
}

impl Server {
    const fn name(self) -> &'static str {
        match self {
            Self::Api => "the API server",
            Self::Etcd => "etcd",
            Self::Proxy => "the proxy",
        }
    }

    /// Who connects to the host itself if the address is loopback.
    const fn clients(self) -> &'static str {
        match self {
            Self::Api => "each kubelet and each client",
            Self::Etcd => "each API server",
            Self::Proxy => "each component",
        }
    }

    const fn loopback_hint(self) -> &'static str {
        match self {
            Self::Api => {
                "keep it only if a proxy for the API servers listens there on every host; otherwise use the name or address of a load balancer"
            }
            Self::Etcd => {
                "keep it only if a member of etcd listens there on every control-plane node"
            }
            Self::Proxy => "keep it only if the proxy listens there on every control-plane node",
        }
    }
}

/// What is wrong with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    /// An IPv6 address without brackets whose last group may be meant as a port.
    TwoReadings { host: Ipv6Addr, port: u16 },
    /// Numbers and dots that are not an address.
    Numeric,
    /// `0.0.0.0` or `::`.
    Unspecified,
    /// Multicast, or the broadcast address.
    Group,
    /// An IPv6 link-local address, which is an address only together with an interface.
    LinkLocal,
    /// The host itself.
    Loopback,
}

/// What is wrong, and what to do about it.
#[derive(Debug)]
pub(super) struct Fault {
    /// Error or warning.
    pub(super) severity: Severity,
    /// What is wrong.
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: String,
}

/// What is wrong with `host[:port]`; nothing if the text does not have this form.
#[must_use]
pub(super) fn of_endpoint(text: &str, server: Server) -> Option<Fault> {
    let (host, _) = split_host_port(text).ok()?;
    let problem = two_readings(text).or_else(|| problem_of(&host))?;
    Some(fault(problem, text, &host, server))
}

/// What is wrong with the host in the value of a proxy variable: always a warning, without the user and the password of the URL. A
/// loopback address is accepted: components use the host's network.
#[must_use]
pub(super) fn of_proxy(variable: &str, url: &str) -> Option<Fault> {
    let name = variable.to_ascii_lowercase();
    if !name.ends_with("_proxy") || name == "no_proxy" {
        return None;
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let found = of_endpoint(&host.to_ascii_lowercase(), Server::Proxy)?;
    (found.severity == Severity::Error).then_some(Fault {
        severity: Severity::Warning,
        ..found
    })
}

/// What is wrong with a host without a port; an IPv6 address has no brackets.
#[must_use]
pub(super) fn of_host(host: &str, server: Server) -> Option<Fault> {
    problem_of(host).map(|problem| fault(problem, host, host, server))
}

/// Whether `text` consists of numbers and dots, and is not an IPv4 address.
///
/// Such a text has the form of a DNS name, but no top-level domain is a number (RFC 3696, section 2).
#[must_use]
pub(super) fn is_wrong_ipv4(text: &str) -> bool {
    let digits = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit());
    text.split('.').all(digits) && parse_ip(text).is_none()
}

fn fault(problem: Problem, text: &str, host: &str, of: Server) -> Fault {
    let server = of.name();
    let address = format!("use the address or DNS name at which clients connect to {server}");
    let (message, hint) = match problem {
        Problem::TwoReadings { host, port } => (
            format!(
                "`{text}` can be read in two ways: as an address without a port, and as {host} with port {port}"
            ),
            format!("write `[{host}]:{port}`, or `[{text}]:PORT` with the port of {server}"),
        ),
        Problem::Numeric => (
            format!("`{host}` is neither a valid IPv4 address nor a DNS name: it has only numbers"),
            "an IPv4 address has four numbers from 0 to 255".to_owned(),
        ),
        Problem::Unspecified => (
            format!("`{host}` is the unspecified address: clients cannot connect to it"),
            address,
        ),
        Problem::Group => (
            format!("`{host}` is a multicast or broadcast address: clients cannot connect to it"),
            address,
        ),
        Problem::LinkLocal => (
            format!(
                "`{host}` is a link-local address: clients cannot connect to it without the name of an interface"
            ),
            address,
        ),
        Problem::Loopback => (
            format!(
                "`{host}` is the host itself: {} connects to its own host",
                of.clients()
            ),
            of.loopback_hint().to_owned(),
        ),
    };
    Fault {
        severity: match problem {
            Problem::Loopback => Severity::Warning,
            _ => Severity::Error,
        },
        message,
        hint,
    }
}

/// An IPv6 address without brackets that ends like a port, if the text before its last colon is an address, too. Only three or four
/// digits count: `fd00::1:443` is ambiguous, `fd00::10:5` is an address.
fn two_readings(text: &str) -> Option<Problem> {
    if text.starts_with('[') || parse_ip(text).is_none() {
        return None;
    }
    let (before, last) = text.rsplit_once(':')?;
    let like_a_port =
        last.len() >= 3 && !last.starts_with('0') && last.bytes().all(|b| b.is_ascii_digit());
    let (true, Ok(host)) = (like_a_port, before.parse()) else {
        return None;
    };
    let port = last.parse().ok()?;
    Some(Problem::TwoReadings { host, port })
}

fn problem_of(host: &str) -> Option<Problem> {
    if is_wrong_ipv4(host) {
        return Some(Problem::Numeric);
    }
    let Some(address) = parse_ip(host) else {
        let name = host.to_ascii_lowercase();
        let local = matches!(name.as_str(), "localhost" | "localhost.localdomain")
            || name.ends_with(".localhost");
        return local.then_some(Problem::Loopback);
    };
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if address.is_unspecified() {
        Some(Problem::Unspecified)
    } else if address.is_multicast() || broadcast {
        Some(Problem::Group)
    } else if link_local {
        Some(Problem::LinkLocal)
    } else {
        address.is_loopback().then_some(Problem::Loopback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_client_can_connect_to_are_found() {
        for (host, expected) in [
            ("10.0.0.1", None),
            ("api.example.com", None),
            ("1.example.com", None),
            ("169.254.1.1", None),
            ("fd00::1", None),
            ("010.0.0.9", None),
            ("10.0.0.256", Some(Problem::Numeric)),
            ("10.0.0", Some(Problem::Numeric)),
            ("1.2.3.4.5", Some(Problem::Numeric)),
            ("6443", Some(Problem::Numeric)),
            ("0.0.0.0", Some(Problem::Unspecified)),
            ("::", Some(Problem::Unspecified)),
            ("::ffff:0.0.0.0", Some(Problem::Unspecified)),
            ("224.0.0.1", Some(Problem::Group)),
            ("255.255.255.255", Some(Problem::Group)),
            ("ff02::1", Some(Problem::Group)),
            ("fe80::1", Some(Problem::LinkLocal)),
            ("127.0.0.1", Some(Problem::Loopback)),
            ("127.9.9.9", Some(Problem::Loopback)),
            ("::1", Some(Problem::Loopback)),
            ("localhost", Some(Problem::Loopback)),
            ("api.localhost", Some(Problem::Loopback)),
            ("localhost.example.com", None),
        ] {
            assert_eq!(problem_of(host), expected, "{host}");
        }
    }

    #[test]
    fn the_host_of_a_proxy_is_found_in_its_url() {
        for (variable, url, expected) in [
            ("HTTPS_PROXY", "http://proxy.example.com:3128", ""),
            ("https_proxy", "proxy.example.com", ""),
            ("HTTP_PROXY", "http://127.0.0.1:3128", ""),
            ("HTTP_PROXY", "", ""),
            ("NO_PROXY", "10.0.0.256", ""),
            ("PROXY", "10.0.0.256", ""),
            (
                "HTTP_PROXY",
                "http://u:hunter2@10.0.0.256:3128/",
                "`10.0.0.256` is neither",
            ),
            (
                "http_proxy",
                "0.0.0.0:3128",
                "`0.0.0.0` is the unspecified address",
            ),
            (
                "ALL_PROXY",
                "socks5://[::]:1080",
                "`::` is the unspecified address",
            ),
            (
                "HTTP_PROXY",
                "http://fd00::5:3128",
                "can be read in two ways",
            ),
        ] {
            let found = of_proxy(variable, url);
            let said = found.map_or_else(String::new, |fault| {
                assert_eq!(fault.severity, Severity::Warning);
                fault.message
            });
            assert_eq!(
                said.is_empty(),
                expected.is_empty(),
                "{variable} {url}: {said}"
            );
            assert!(
                said.contains(expected) && !said.contains("hunter2"),
                "{said}"
            );
        }
    }

    #[test]
    fn an_address_that_ends_like_a_port_has_two_readings() {
        let two = |host: &str, port| {
            let host = host.parse().unwrap();
            Some(Problem::TwoReadings { host, port })
        };
        for (text, expected) in [
            ("fd00::5:6443", two("fd00::5", 6443)),
            ("::1:6443", two("::1", 6443)),
            ("2001:db8::10:443", two("2001:db8::10", 443)),
            ("fd00::10:5", None),
            ("fd00::1", None),
            ("fd00::6443", None),
            ("fd00::5:0443", None),
            ("fd00::5:644a", None),
            ("fd00:0:0:0:0:0:5:6443", None),
            ("[fd00::5:6443]:6443", None),
            ("[fd00::5]:6443", None),
            ("10.0.0.1:6443", None),
            ("api.example.com:6443", None),
        ] {
            assert_eq!(two_readings(text), expected, "{text}");
        }
    }
}

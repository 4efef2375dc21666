//! Whether a connection would go through a proxy.
//!
//! As Go's programs decide it (golang.org/x/net/http/httpproxy): `HTTPS_PROXY` and `NO_PROXY`, in capitals first; no proxy for
//! loopback addresses and `localhost`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use kubeplan_bundle::check::{DirectConnection, DirectNetwork};

use super::kinds::Explained::Never;
use super::kinds::Needs::Live;
use super::kinds::{Looking, Row};
use super::{Finding, Looked, View, found_if};

/// kubeadm asks about networks, and about IPv6 addresses, with this port.
const PORT: u16 = 1234;

/// A connection to the host needs no proxy.
impl Looking for DirectConnection {
    const ROW: Row = Row::new(Live, Never, "HTTPS_PROXY and NO_PROXY of the process");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { authority } = self;
        let (host, port) = split(authority);
        let proxy = proxy_for(&view.system.proxies(), host, port.unwrap_or(443));
        found_if(proxy.is_some(), || {
            let proxy = proxy.unwrap_or_default();
            format!(
                "a connection to https://{authority} goes through the proxy {proxy}: name it in NO_PROXY if that is not wanted"
            )
        })
    }
}

/// A connection to the network's second address needs no proxy.
impl Looking for DirectNetwork {
    const ROW: Row = Row::new(Live, Never, "HTTPS_PROXY and NO_PROXY of the process");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { cidr } = self;
        let Some(address) = cidr.parse::<IpNet>().ok().and_then(|net| second(&net)) else {
            return Ok(vec![Finding::Error(format!(
                "`{}` is no network with two addresses",
                cidr.escape_debug()
            ))]);
        };
        let proxy = proxy_for(&view.system.proxies(), &address.to_string(), PORT);
        found_if(proxy.is_some(), || {
            let proxy = proxy.unwrap_or_default();
            format!(
                "a connection into {cidr} goes through the proxy {proxy}: Pods and Services cannot be reached that way, name the network in NO_PROXY"
            )
        })
    }
}

fn second(network: &IpNet) -> Option<IpAddr> {
    let next = match network.network() {
        IpAddr::V4(address) => IpAddr::V4(u32::from(address).checked_add(1)?.into()),
        IpAddr::V6(address) => IpAddr::V6(u128::from(address).checked_add(1)?.into()),
    };
    network.contains(&next).then_some(next)
}

/// Host without brackets, and port if there is one.
fn split(authority: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return (
            host,
            rest.strip_prefix(':').and_then(|port| port.parse().ok()),
        );
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if authority.parse::<Ipv6Addr>().is_err() => (host, port.parse().ok()),
        _ => (authority, None),
    }
}

fn variable<'a>(variables: &'a BTreeMap<String, String>, names: [&str; 2]) -> Option<&'a str> {
    names
        .iter()
        .find_map(|name| variables.get(*name))
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// The proxy for `https://host:port`, without its password.
fn proxy_for(variables: &BTreeMap<String, String>, host: &str, port: u16) -> Option<String> {
    let proxy = variable(variables, ["HTTPS_PROXY", "https_proxy"])?;
    let exceptions = variable(variables, ["NO_PROXY", "no_proxy"]).unwrap_or_default();
    if is_excepted(exceptions, host, port) {
        return None;
    }
    Some(match proxy.rsplit_once('@') {
        None => proxy.to_owned(),
        Some((before, server)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{server}"),
            None => server.to_owned(),
        },
    })
}

fn is_excepted(exceptions: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_lowercase();
    let address = host.parse::<IpAddr>().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    exceptions
        .split(',')
        .map(|exception| exception.trim().to_lowercase())
        .filter(|exception| !exception.is_empty())
        .any(|exception| matches(&exception, &host, address, port))
}

fn matches(exception: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if exception == "*" {
        return true;
    }
    if let Ok(network) = exception.parse::<IpNet>() {
        return address.is_some_and(|address| network.contains(&address));
    }
    let (name, wanted) = split(exception);
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    if let Ok(excepted) = name.parse::<IpAddr>() {
        return address == Some(excepted);
    }
    // `.example.com` and `*.example.com` are names below it, `example.com` is the name itself too.
    let below = name.strip_prefix('*').unwrap_or(name);
    match below.strip_prefix('.') {
        Some(_) => host.ends_with(below),
        None => host == below || host.ends_with(&format!(".{below}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)], host: &str, port: u16) -> Option<String> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        proxy_for(&variables, host, port)
    }

    #[test]
    fn exceptions_are_gos() {
        let with = |exceptions: &str, host: &str, port| {
            proxy(
                &[("HTTPS_PROXY", "http://p:3128"), ("NO_PROXY", exceptions)],
                host,
                port,
            )
            .is_none()
        };
        for (exceptions, host, port, direct) in [
            ("", "10.0.0.1", 443, false),
            ("", "127.0.0.1", 443, true),
            ("", "::1", 1234, true),
            ("", "localhost", 443, true),
            ("*", "10.0.0.1", 443, true),
            ("10.0.0.1", "10.0.0.1", 443, true),
            ("10.0.0.0/8", "10.0.0.1", 443, true),
            ("10.0.0.0/8", "11.0.0.1", 443, false),
            ("fd00::/8", "fd00::1", 1234, true),
            ("[fd00::1]:1234", "fd00::1", 1234, true),
            ("fd00::1", "fd00::1", 1234, true),
            ("10.0.0.1:80", "10.0.0.1", 443, false),
            ("10.0.0.1:443", "10.0.0.1", 443, true),
            (" a.b , example.com", "api.example.com", 443, true),
            ("example.com", "example.com", 443, true),
            ("example.com", "notexample.com", 443, false),
            (".example.com", "example.com", 443, false),
            ("*.example.com", "api.EXAMPLE.com", 443, true),
        ] {
            assert_eq!(with(exceptions, host, port), direct, "{exceptions} {host}");
        }
    }

    #[test]
    fn only_the_https_proxy_counts_and_its_password_is_not_shown() {
        assert_eq!(proxy(&[("HTTP_PROXY", "http://p")], "10.0.0.1", 443), None);
        assert_eq!(proxy(&[("HTTPS_PROXY", "")], "10.0.0.1", 443), None);
        assert_eq!(
            proxy(&[("https_proxy", "http://u:secret@p:1")], "10.0.0.1", 443).as_deref(),
            Some("http://p:1")
        );
        assert_eq!(split("[fd00::1]:1234"), ("fd00::1", Some(1234)));
        assert_eq!(split("host:1"), ("host", Some(1)));
        assert_eq!(second(&"10.0.0.0/32".parse().unwrap()), None);
        assert_eq!(
            second(&"0.0.0.0/0".parse().unwrap()),
            Some("0.0.0.1".parse().unwrap())
        );
    }
}

//! Parses addresses, networks, host names and ports by kubeadm's rules.
//!
//! Addresses are parsed "sloppily" as Go's k8s.io/utils/net does: leading zeros in IPv4 are dropped, and an IPv4
//! address in IPv6 form is IPv4. DNS names are RFC 1123 subdomains of at most 253 lower-case characters.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = part.trim_start_matches('0');
        *octet = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
    }
    parts.next().is_none().then(|| octets.into())
}

/// Parses an IP address.
#[must_use]
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    if !text.contains(':') {
        return ipv4(text).map(IpAddr::V4);
    }
    let address: Ipv6Addr = text.parse().ok()?;
    Some(match address.to_ipv4_mapped() {
        Some(mapped) => IpAddr::V4(mapped),
        None => IpAddr::V6(address),
    })
}

/// Parses a network in CIDR form; sets the bits of the host part to zero.
#[must_use]
pub fn parse_cidr(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    if length.is_empty() || length.len() > 3 || !length.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let length: u8 = length.parse().ok()?;
    let address = if address.contains(':') {
        IpAddr::V6(address.parse().ok()?)
    } else {
        IpAddr::V4(ipv4(address)?)
    };
    IpNet::new(address, length).ok().map(|net| net.trunc())
}

/// Whether `text` is an RFC 1123 subdomain.
#[must_use]
pub fn is_subdomain(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// Whether `text` is `*.` and an RFC 1123 subdomain.
#[must_use]
pub fn is_wildcard_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.strip_prefix("*.").is_some_and(is_subdomain)
}

/// Go's `IsGlobalUnicast`: also true for private addresses.
#[must_use]
pub fn is_global_unicast(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(link_local || address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

/// Parses a port, 1 to 65535.
#[must_use]
pub fn parse_port(text: &str) -> Option<u16> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|port| *port != 0)
}

/// Why a text is not a valid `host[:port]`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HostPortError {
    /// The port is not valid.
    #[error("port `{0}` is not a number from 1 to 65535")]
    Port(String),
    /// The host is not valid.
    #[error("host `{0}` is neither an IP address nor a lower-case DNS name")]
    Host(String),
}

/// Splits `host[:port]` as kubeadm does; a bare IPv6 address needs no brackets.
///
/// # Errors
/// [`HostPortError`] if either part is not valid.
pub fn split_host_port(text: &str) -> Result<(String, Option<u16>), HostPortError> {
    let (host, port) = go_split(text).unwrap_or((text, ""));
    let port = match port {
        "" => None,
        digits => Some(parse_port(digits).ok_or_else(|| HostPortError::Port(digits.to_owned()))?),
    };
    if parse_ip(host).is_some() || is_subdomain(host) {
        Ok((host.to_owned(), port))
    } else {
        Err(HostPortError::Host(host.to_owned()))
    }
}

/// Go's `net.SplitHostPort`; `None` if Go reports an error.
fn go_split(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = after.strip_prefix(':')?;
        return (!host.contains('[') && !port.contains([':', '[', ']'])).then_some((host, port));
    }
    let (host, port) = text.rsplit_once(':')?;
    (!host.contains([':', '[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

/// `host:port`, with brackets around a host that contains a colon.
#[must_use]
pub fn join_host_port(host: &str, port: i64) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The `n`th address after the network address, if it is in the network.
#[must_use]
pub(super) fn nth_address(net: &IpNet, n: u32) -> Option<IpAddr> {
    let address = match net.network() {
        IpAddr::V4(v4) => IpAddr::V4(u32::from(v4).checked_add(n)?.into()),
        IpAddr::V6(v6) => IpAddr::V6(u128::from(v6).checked_add(u128::from(n))?.into()),
    };
    net.contains(&address).then_some(address)
}

/// The networks of a field of ClusterConfiguration that could be parsed.
#[must_use]
pub(super) fn parsed(text: &str) -> Vec<IpNet> {
    text.split(',').filter_map(parse_cidr).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_kubeadm_reads_them() {
        for (text, printed) in [
            ("192.168.10.11", "192.168.10.11"),
            ("010.000.0.09", "10.0.0.9"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("2001:DB8::0:1", "2001:db8::1"),
        ] {
            assert_eq!(parse_ip(text).unwrap().to_string(), printed);
        }
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "a.b.c.d",
            "fe80::1%eth0",
            "[::1]",
            "1.2.3.+4",
        ] {
            assert_eq!(parse_ip(text), None, "{text}");
        }
    }

    #[test]
    fn networks_are_parsed_without_host_bits() {
        assert_eq!(
            parse_cidr("10.96.7.1/12").unwrap().to_string(),
            "10.96.0.0/12"
        );
        assert_eq!(parse_cidr("fd00::1/108").unwrap().to_string(), "fd00::/108");
        for text in [
            "10.96.0.0",
            "10.96.0.0/33",
            " 10.0.0.0/8",
            "10.0.0.0/-1",
            "fd00::/129",
            "/8",
            "10.0.0.0/",
        ] {
            assert_eq!(parse_cidr(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_and_ports_are_split_as_go_splits_them() {
        let ok = |host: &str, port| Ok((host.to_owned(), port));
        for (text, expected) in [
            ("api.example.com", ok("api.example.com", None)),
            ("api.example.com:6443", ok("api.example.com", Some(6443))),
            ("api.example.com:", ok("api.example.com", None)),
            ("10.0.0.1:1", ok("10.0.0.1", Some(1))),
            ("fd00::1", ok("fd00::1", None)),
            ("[fd00::1]:6443", ok("fd00::1", Some(6443))),
            ("[fd00::1]", Err(HostPortError::Host("[fd00::1]".into()))),
            (
                "Api.example.com",
                Err(HostPortError::Host("Api.example.com".into())),
            ),
            (":6443", Err(HostPortError::Host(String::new()))),
            ("a:0", Err(HostPortError::Port("0".into()))),
            ("a:65536", Err(HostPortError::Port("65536".into()))),
            ("a:http", Err(HostPortError::Port("http".into()))),
        ] {
            assert_eq!(split_host_port(text), expected, "{text}");
        }
    }

    #[test]
    fn names_follow_rfc_1123() {
        assert!(is_subdomain("cp-1.example.com"));
        for text in ["", "-a", "a-", "a..b", "A", "a_b", &"a".repeat(254)] {
            assert!(!is_subdomain(text), "{text}");
        }
        assert!(is_wildcard_subdomain("*.example.com"));
        assert!(!is_wildcard_subdomain("*"));
    }
}

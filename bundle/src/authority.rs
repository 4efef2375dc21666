//! Destinations on the network, as they are written in an index.
//!
//! In: text of an index. Out: scheme, host, port and path of exactly what a client will connect to. Text that two readers could take
//! for different destinations (user information, escapes, white space, other schemes) is refused.

use std::net::{IpAddr, Ipv6Addr};

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address. An IPv4 address in IPv6 form (`::ffff:…`) is that IPv4 address.
    Address(IpAddr),
    /// A name, in lower case.
    Name(String),
}

/// `http[s]://host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host.
    pub host: Host,
    /// The port, if there is one.
    pub port: Option<u16>,
    /// From the first `/`; empty if there is none.
    pub path: &'a str,
}

impl<'a> Url<'a> {
    /// Parses a URL; `None` if it is not of the form above.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let (host_and_port, path) = match rest.find('/') {
            None => (rest, ""),
            Some(at) => rest.split_at(at),
        };
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_');
        if !path.bytes().all(plain) {
            return None;
        }
        let (host, port) = authority(host_and_port)?;
        Some(Self {
            scheme,
            host,
            port,
            path,
        })
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }
}

/// `host` or `host:port`, an IPv6 address in brackets; `None` if it is neither.
#[must_use]
pub fn authority(text: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, port) = rest.split_once(']')?;
            let address = IpAddr::V6(inside.parse::<Ipv6Addr>().ok()?);
            (Host::Address(address.to_canonical()), port)
        }
        None => {
            let at = text.find(':').unwrap_or(text.len());
            let (host, port) = text.split_at(at);
            (name_or_address(host)?, port)
        }
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Some((host, None)),
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((host, Some(digits.parse().ok().filter(|port| *port > 0)?)))
        }
        Some(_) => None,
    }
}

fn name_or_address(text: &str) -> Option<Host> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Host::Address(address));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    // Some programs read a last label of digits alone as an address: `127.1`, `2130706433`.
    let numeric = name.rsplit('.').next().is_some_and(|last| {
        last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x")
    });
    (name.len() <= 253 && name.split('.').all(label) && !numeric)
        .then(|| Host::Name(text.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_has_one_reading() {
        for (text, host, port, path) in [
            ("https://10.0.0.10:6443", "10.0.0.10", Some(6443), ""),
            (
                "http://[fd00::1]:80/healthz",
                "fd00::1",
                Some(80),
                "/healthz",
            ),
            ("https://[::ffff:169.254.1.1]/", "169.254.1.1", None, "/"),
            ("https://API.example.com", "api.example.com", None, ""),
        ] {
            let url = Url::parse(text).unwrap();
            let found = match url.host {
                Host::Address(address) => address.to_string(),
                Host::Name(name) => name,
            };
            assert_eq!((found.as_str(), url.port, url.path), (host, port, path));
        }
        for bad in [
            "",
            "10.0.0.1",
            "file:///etc/shadow",
            "HTTP://a",
            "http://",
            "http:///healthz",
            "http://user@a/healthz",
            "http://127.0.0.1@b/healthz",
            "http://a:b/healthz",
            "http://a:0/healthz",
            "http://a:65536/healthz",
            "http://a:80:80/healthz",
            "http://a b/healthz",
            "http://a\\b/healthz",
            "http://a/healthz?x=http://b",
            "http://a#b",
            "http://a/%2e%2e",
            "http://127.1/healthz",
            "http://2130706433/healthz",
            "http://0x7f000001/healthz",
            "http://[::1/healthz",
            "http://[::1]x/healthz",
            "http://fd00::1/healthz",
        ] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
    }
}

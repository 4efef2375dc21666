//! Validates `etcd`: a member on this node, or an external cluster.
//!
//! Rules: kubeadm v1.36.2, `ValidateEtcd`. URLs are parsed as by Go's net/url.

use super::super::draft::Draft;
use super::super::host::{self, Server};
use super::super::provenance::Origin;
use super::super::valid::Assumption;
use crate::schema::Kind;

const KIND: Kind = Kind::Cluster;

/// Checks `etcd.external`.
pub(super) fn external(draft: &mut Draft) {
    if draft.get(KIND, "etcd.external").is_none() {
        return;
    }
    if draft.get(KIND, "etcd.local").is_some() {
        draft.error(
            KIND,
            "etcd",
            "`local` and `external` are both set",
            "remove one of them",
        );
        return;
    }
    let file = |name: &str| draft.text(KIND, &format!("etcd.external.{name}"));
    let (ca, cert, key) = (file("caFile"), file("certFile"), file("keyFile"));
    for (name, path) in [("caFile", &ca), ("certFile", &cert), ("keyFile", &key)] {
        if !path.is_empty() && !path.starts_with('/') {
            let message = format!("`{}` is not an absolute path", path.escape_debug());
            draft.error(KIND, &format!("etcd.external.{name}"), message, "");
        }
    }
    if cert.is_empty() != key.is_empty() {
        let message = "only one of `certFile` and `keyFile` is set";
        draft.error(KIND, "etcd.external", message, "");
    } else if !cert.is_empty() && ca.is_empty() {
        let message = "`certFile` and `keyFile` are set without `caFile`";
        draft.error(KIND, "etcd.external", message, "");
    }
    let secure = !(ca.is_empty() && cert.is_empty() && key.is_empty());
    let endpoints = draft.texts(KIND, "etcd.external.endpoints");
    if endpoints.is_empty() {
        let hint = "for example `https://10.0.0.21:2379`";
        draft.error(KIND, "etcd.external.endpoints", "no endpoint is set", hint);
    }
    urls(draft, endpoints, secure);
    if is_written(draft) {
        let http = draft.texts(KIND, "etcd.external.httpEndpoints");
        urls(draft, http, false);
    }
}

/// Whether the user wrote `httpEndpoints`. Their defaults are the endpoints, which have been checked.
fn is_written(draft: &Draft) -> bool {
    let origin = draft
        .provenance
        .at("ClusterConfiguration.etcd.external.httpEndpoints");
    origin.is_some_and(|origin| matches!(origin, Origin::Written { .. } | Origin::Flag { .. }))
}

fn urls(draft: &mut Draft, urls: Vec<(String, String)>, https: bool) {
    for (path, url) in urls {
        let shown = url.escape_debug();
        match scheme(&url) {
            None => {
                let message = format!("`{shown}` is not a valid absolute URL");
                draft.error(KIND, &path, message, "for example `https://10.0.0.21:2379`");
            }
            Some(scheme) if https && !scheme.eq_ignore_ascii_case("https") => {
                let message =
                    format!("`{shown}` is not an https URL, but certificates or a CA are set");
                draft.error(KIND, &path, message, "");
            }
            Some(scheme) if is_http(scheme) && host_of(&url).is_none_or(str::is_empty) => {
                let message = format!("`{shown}` has no host");
                draft.error(KIND, &path, message, "for example `https://10.0.0.21:2379`");
            }
            Some(_) => {
                if let Some(host) = host_of(&url) {
                    draft.fault(KIND, &path, host::of_host(host, Server::Etcd));
                }
            }
        }
    }
}

fn is_http(scheme: &str) -> bool {
    ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str())
}

/// The host of an absolute http or https URL, an IPv6 address without its brackets; `None` if the text is not such a URL.
#[must_use]
pub(super) fn host_of(url: &str) -> Option<&str> {
    if !is_http(scheme(url)?) {
        return None;
    }
    let (_, rest) = url.split_once("//")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address),
        None => host.split(':').next(),
    }
}

/// The scheme of an absolute URL; `None` if Go does not accept the URL or finds no scheme.
fn scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once(':')?;
    let well_formed = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    // Without a slash the rest is opaque, and Go does not check its escapes.
    let path = rest.split('?').next().unwrap_or_default();
    let escapes_ok = is_escaped(fragment) && (!path.starts_with('/') || is_escaped(path));
    if !well_formed || !escapes_ok || url.chars().any(|c| c.is_ascii_control()) {
        return None;
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Some(scheme);
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    is_authority(authority).then_some(scheme)
}

/// Whether every `%` is followed by two hexadecimal digits.
fn is_escaped(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
}

/// `[user@]host[:port]`, an IPv6 address in brackets.
fn is_authority(text: &str) -> bool {
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let (name, after) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, after)) => (address, after),
            None => return false,
        },
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    // A host may contain escapes only for bytes that are not ASCII, and for the `%` of a zone.
    let escapes_ok = host.split('%').skip(1).all(|rest| {
        rest.starts_with("25")
            || rest.starts_with(|c| matches!(c, '8'..='9' | 'a'..='f' | 'A'..='F'))
    });
    let port_ok = after.is_empty()
        || after
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    port_ok
        && escapes_ok
        && !name
            .chars()
            .any(|c| c.is_ascii() && b" <>\"\\^`{|}".contains(&(c as u8)))
}

/// The assumption of a plan with an external etcd.
pub(super) fn assumption(draft: &Draft) -> Option<Assumption> {
    let named: Vec<String> = ["caFile", "certFile", "keyFile"]
        .iter()
        .map(|name| draft.text(KIND, &format!("etcd.external.{name}")))
        .filter(|path| !path.is_empty())
        .collect();
    (!named.is_empty()).then(|| Assumption {
        about: "external-etcd",
        assumed: format!(
            "{} {} on the host: the bundle does not contain the client files of the external etcd",
            named.join(", "),
            if named.len() == 1 {
                "is already"
            } else {
                "are already"
            }
        )
        .into(),
        instead: "copy them to the host before you install the bundle",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_is_found() {
        for (url, expected) in [
            ("https://10.0.0.1:2379", Some("10.0.0.1")),
            ("http://user@etcd.example.com/x", Some("etcd.example.com")),
            ("https://[fd00::1]:2379/x?y=1", Some("fd00::1")),
            ("https://:2379", Some("")),
            ("https://", Some("")),
            ("unix:///run/etcd.sock", None),
            ("10.0.0.1:2379", None),
        ] {
            assert_eq!(host_of(url), expected, "{url}");
        }
    }

    #[test]
    fn schemes_are_parsed_as_go_parses_them() {
        for (url, expected) in [
            ("https://10.0.0.1:2379", Some("https")),
            ("HTTPS://a", Some("HTTPS")),
            ("https://[fd00::1]:2379/x?y=%", Some("https")),
            ("unix:/run/etcd.sock", Some("unix")),
            ("https://user:pw@a:1", Some("https")),
            ("https://a:", Some("https")),
            ("a.example.com", None),
            ("10.0.0.1:2379", None),
            ("//a:1", None),
            ("https://a:http", None),
            ("https://a b", None),
            ("https://[fd00::1", None),
            ("https://a/%zz", None),
            ("https://a?%zz", Some("https")),
            ("https://a?x#%zz", None),
            ("https:%zz", Some("https")),
            ("https://a/%41", Some("https")),
            ("https://a%41", None),
            ("https://a%25", Some("https")),
            ("ht_tp://a", None),
            ("https://a\n", None),
            ("", None),
        ] {
            assert_eq!(scheme(url), expected, "{url:?}");
        }
    }
}

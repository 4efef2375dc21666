//! Where etcd answers health requests, read from its `listen-metrics-urls`.
//!
//! In: the flag's value. Out: host, port and scheme for probes. The URL is read as Go's `net/url` reads it,
//! because a text that is not a URL to Go means kubeadm's default endpoint (v1.36.2,
//! `cmd/kubeadm/app/util/staticpod/utils.go`). Escapes in a host other than a zone's are not decoded: such
//! a host counts as no URL.

/// Port of etcd's metrics and health requests.
pub(super) const METRICS_PORT: u16 = 2381;

/// Where etcd answers health requests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MetricsEndpoint {
    /// The host; `None` for the loopback address.
    pub(super) host: Option<String>,
    pub(super) port: u16,
    /// `HTTP` or `HTTPS`.
    pub(super) scheme: &'static str,
}

impl MetricsEndpoint {
    /// Without the flag.
    pub(super) const DEFAULT: Self = Self {
        host: None,
        port: METRICS_PORT,
        scheme: "HTTP",
    };

    /// From the first of the URLs; what it leaves out is as without the flag, and so is everything if it
    /// is not a URL.
    pub(super) fn of_urls(urls: &str) -> Self {
        let url = urls.split(',').next().unwrap_or_default();
        parse(url).unwrap_or(Self::DEFAULT)
    }
}

/// `None` if `url` is not a URL.
fn parse(url: &str) -> Option<MetricsEndpoint> {
    if url.bytes().any(|b| b.is_ascii_control()) {
        return None;
    }
    let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (scheme, rest) = split_scheme(url)?;
    let rest = rest.split('?').next().unwrap_or_default();
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) if !scheme.is_empty() || !rest.starts_with('/') => rest
            .find('/')
            .and_then(|at| rest.split_at_checked(at))
            .unwrap_or((rest, "")),
        _ if scheme.is_empty() && rest.split('/').next().is_some_and(|s| s.contains(':')) => {
            return None;
        }
        _ => ("", rest),
    };
    if !has_valid_escapes(path) || !has_valid_escapes(fragment) {
        return None;
    }
    let (host, port) = split_authority(authority)?;
    Some(MetricsEndpoint {
        host: Some(host).filter(|host| !host.is_empty()),
        port: port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .unwrap_or(METRICS_PORT),
        scheme: if scheme.eq_ignore_ascii_case("https") {
            "HTTPS"
        } else {
            "HTTP"
        },
    })
}

/// The scheme, empty if there is none, and what follows its colon; `None` for a colon at the very start.
fn split_scheme(url: &str) -> Option<(&str, &str)> {
    let end = url.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
    match end.and_then(|end| url.split_at_checked(end)) {
        Some(("", rest)) if rest.starts_with(':') => None,
        Some((scheme, rest)) if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) => Some(
            rest.strip_prefix(':')
                .map_or(("", url), |rest| (scheme, rest)),
        ),
        _ => Some(("", url)),
    }
}

/// Host and port, each possibly empty; `None` if they are not well-formed.
fn split_authority(authority: &str) -> Option<(String, &str)> {
    let (user, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let allowed_in_user = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(allowed_in_user) || !has_valid_escapes(user) {
        return None;
    }
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (host, port) = rest.rsplit_once(']')?;
        if host.contains(['[', ']']) || host.contains('%') && !host.contains("%25") {
            return None;
        }
        (host.replacen("%25", "%", 1), port)
    } else {
        let at = address.find(':').unwrap_or(address.len());
        let (host, port) = address.split_at_checked(at)?;
        if host.contains('%') {
            return None;
        }
        (host.to_owned(), port)
    };
    let allowed_in_host = |c: char| {
        !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(c)
    };
    if !host.chars().all(allowed_in_host) {
        return None;
    }
    if port.is_empty() {
        return Some((host, ""));
    }
    let digits = port.strip_prefix(':')?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then_some((host, digits))
}

/// Whether every `%` starts a two-digit escape.
fn has_valid_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        rest.get(..2)
            .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_url_decides() {
        for (urls, host, port, scheme) in [
            ("http://0.0.0.0:2381", Some("0.0.0.0"), 2381, "HTTP"),
            (
                "https://10.0.0.1:9000,http://x:1",
                Some("10.0.0.1"),
                9000,
                "HTTPS",
            ),
            ("HTTPS://a", Some("a"), 2381, "HTTPS"),
            ("http://[::]:2382", Some("::"), 2382, "HTTP"),
            ("http://[::1]", Some("::1"), 2381, "HTTP"),
            ("http://[fe80::1%25eth0]:5", Some("fe80::1%eth0"), 5, "HTTP"),
            (
                "https://u:p@h.example:2385/x?y z#f",
                Some("h.example"),
                2385,
                "HTTPS",
            ),
            ("http://a/metrics x", Some("a"), 2381, "HTTP"),
            ("//h:99", Some("h"), 99, "HTTP"),
            ("http://:2390", None, 2390, "HTTP"),
            ("https:opaque", None, 2381, "HTTPS"),
            ("http:///x", None, 2381, "HTTP"),
            ("http://a:70000", Some("a"), 2381, "HTTP"),
            ("http://a:0", Some("a"), 2381, "HTTP"),
            ("http://a:", Some("a"), 2381, "HTTP"),
        ] {
            let expected = MetricsEndpoint {
                host: host.map(str::to_owned),
                port,
                scheme,
            };
            assert_eq!(MetricsEndpoint::of_urls(urls), expected, "{urls}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_url_changes_nothing() {
        for urls in [
            "",
            "0.0.0.0:2381",
            "https://a:x",
            "https://a:1:2",
            "https://[::1:2381",
            "https://[::]x:2381",
            "https://[a]b]:4",
            "https://[fe80::1%eth0]:4",
            "https://a b:1",
            "https://a%41:5",
            "https://a/%zz",
            "ht_tps://a:3",
            "1https://a:3",
            ":2381",
            "https://a\t",
            "h:99",
        ] {
            assert_eq!(
                MetricsEndpoint::of_urls(urls),
                MetricsEndpoint::DEFAULT,
                "{urls}"
            );
        }
    }
}

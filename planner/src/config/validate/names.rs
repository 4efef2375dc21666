//! Validates names, paths, images and flags: values that have a grammar of their own.

use kubeplan_bundle::index::Name;
use kubeplan_bundle::path::HostPath;

use super::super::address::{is_subdomain, is_wildcard_subdomain, parse_ip};
use super::super::draft::Draft;
use crate::schema::Kind;

/// Checks `nodeRegistration`.
pub(super) fn node_registration(draft: &mut Draft) {
    let kind = Kind::Init;
    let name = draft.text(kind, "nodeRegistration.name");
    if !name.is_empty() {
        let path = "nodeRegistration.name";
        if !is_subdomain(&name) {
            let message = format!(
                "`{}` is not a valid DNS name (RFC 1123 subdomain)",
                name.escape_debug()
            );
            draft.error(kind, path, message, "use lower-case letters, digits, `-` and `.`, starting and ending with a letter or digit");
        } else if name.parse::<Name>().is_err() {
            draft.error(
                kind,
                path,
                "the name is too long for a bundle",
                "use at most 100 characters",
            );
        }
    }
    let socket = draft.text(kind, "nodeRegistration.criSocket");
    let path = socket
        .strip_prefix("unix:")
        .map(|rest| rest.trim_start_matches("//"));
    if !path.is_some_and(|path| {
        path.starts_with('/') && !path.chars().any(|c| c.is_control() || c == ' ')
    }) {
        let message = format!("`{}` is not a valid unix socket", socket.escape_debug());
        draft.error(
            kind,
            "nodeRegistration.criSocket",
            message,
            "for example `unix:///var/run/containerd/containerd.sock`",
        );
    }
    extra_args(draft, kind, "nodeRegistration.kubeletExtraArgs");
    let policy = draft.text(kind, "nodeRegistration.imagePullPolicy");
    if !matches!(policy.as_str(), "Always" | "IfNotPresent" | "Never") {
        let message = format!("unknown pull policy `{}`", policy.escape_debug());
        draft.error(
            kind,
            "nodeRegistration.imagePullPolicy",
            message,
            "use one of Always, IfNotPresent, Never",
        );
    }
}

/// Checks the names of ClusterConfiguration.
pub(super) fn cluster(draft: &mut Draft) {
    let kind = Kind::Cluster;
    let domain = draft.text(kind, "networking.dnsDomain");
    if !is_subdomain(&domain) {
        let message = format!(
            "`{}` is not a valid DNS domain (RFC 1123 subdomain)",
            domain.escape_debug()
        );
        draft.error(
            kind,
            "networking.dnsDomain",
            message,
            "for example `cluster.local`",
        );
    }
    for component in ["apiServer", "controllerManager", "scheduler", "etcd.local"] {
        extra_args(draft, kind, &format!("{component}.extraArgs"));
    }
    for list in [
        "apiServer.certSANs",
        "etcd.local.serverCertSANs",
        "etcd.local.peerCertSANs",
    ] {
        for (path, name) in draft.texts(kind, list) {
            if !(is_subdomain(&name) || is_wildcard_subdomain(&name) || parse_ip(&name).is_some()) {
                let message = format!(
                    "`{}` is not a valid IP address, DNS name or wildcard DNS name (`*.…`)",
                    name.escape_debug()
                );
                draft.error(kind, &path, message, "");
            }
        }
    }
    directory(draft, "certificatesDir");
    if draft.get(kind, "etcd.local").is_some() {
        directory(draft, "etcd.local.dataDir");
    }
    for path in [
        "imageRepository",
        "etcd.local.imageRepository",
        "dns.imageRepository",
    ] {
        let repository = draft.text(kind, path);
        if !repository.is_empty() && !is_repository(&repository) {
            let message = format!(
                "`{}` is not a valid image repository",
                repository.escape_debug()
            );
            draft.error(kind, path, message, "use a host and a lower-case path without scheme and tag, for example `registry.example.com:5000/k8s`");
        }
    }
}

fn extra_args(draft: &mut Draft, kind: Kind, list: &str) {
    for item in draft.items(kind, list) {
        let path = format!("{item}.name");
        if draft.text(kind, &path).is_empty() {
            draft.error(
                kind,
                &path,
                "the flag has no name",
                "write the flag without its dashes",
            );
        }
    }
}

/// Checks that the field is an absolute path that a bundle can contain.
fn directory(draft: &mut Draft, path: &str) {
    let text = draft.text(Kind::Cluster, path);
    if !text.starts_with('/') {
        let message = format!("`{}` is not an absolute path", text.escape_debug());
        draft.error(Kind::Cluster, path, message, "");
    } else if let Err(error) = text.parse::<HostPath>() {
        draft.error(Kind::Cluster, path, error.to_string(), "");
    }
}

/// Whether `<repository>/name:tag` is a valid image reference (grammar of github.com/distribution/reference).
fn is_repository(repository: &str) -> bool {
    let (first, rest) = match repository.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (repository, None),
    };
    (is_path_component(first) || is_registry(first))
        && rest.is_none_or(|rest| rest.split('/').all(is_path_component))
}

/// Lower-case letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.split(alphanumeric).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
}

/// A registry's host, in brackets if it is IPv6, with an optional port.
fn is_registry(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            return false;
        };
        let hexadecimal =
            !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        return hexadecimal && (after.is_empty() || after.strip_prefix(':').is_some_and(digits));
    }
    let (host, port) = text
        .split_once(':')
        .map_or((text, None), |(host, port)| (host, Some(port)));
    host.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    }) && port.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::is_repository;

    #[test]
    fn repositories_follow_the_reference_grammar() {
        for good in [
            "registry.k8s.io",
            "registry.example.com:5000/k8s",
            "localhost/a__b/c-d",
            "Registry.Example.com/k8s",
            "[fd00::1]:5000/k8s",
            "k8s",
            "a.b/c---d",
        ] {
            assert!(is_repository(good), "{good}");
        }
        for bad in [
            "",
            "https://registry.k8s.io",
            "registry.k8s.io/",
            "registry.k8s.io/K8s",
            "a/b:tag",
            "a//b",
            "a/b___c",
            "a b",
            "host:port/x",
            "-a/b",
        ] {
            assert!(!is_repository(bad), "{bad}");
        }
    }
}

//! Validates names, paths, images and flags: values that have a grammar of their own.

use kubeplan_bundle::index::Name;
use kubeplan_bundle::path::HostPath;

use super::super::address::{is_subdomain, is_wildcard_subdomain, parse_ip};
use super::super::default;
use super::super::draft::Draft;
use super::super::host::{self, is_wrong_ipv4};
use super::super::kubelet::normalised;
use super::super::kubelet::word::unquoted;
use super::super::labels::is_value;
use crate::kubeadm::image_reference::{is_repository, is_tag};
use crate::kubeadm::layout;
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
        } else if !is_value(&name) && !sets_hostname_label(draft) {
            let message = format!(
                "the name has {} characters: the API server will refuse the Node, whose label `{HOSTNAME}` is the name and has at most 63 characters",
                name.len()
            );
            let hint = "use a name of at most 63 characters, for example the host's name without its domain";
            draft.error(kind, path, message, hint);
        }
    }
    let socket = draft.text(kind, "nodeRegistration.criSocket");
    let path = socket
        .strip_prefix("unix:")
        .map(|rest| rest.strip_prefix("//").unwrap_or(rest));
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

/// The label that the kubelet sets to the node's name.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Whether the node's labels or flags replace the value of the label (Kubernetes v1.36.2, pkg/kubelet/kubelet_node_status.go).
fn sets_hostname_label(draft: &Draft) -> bool {
    let kind = Kind::Init;
    let in_flags = draft
        .items(kind, "nodeRegistration.kubeletExtraArgs")
        .iter()
        .any(|item| {
            let value = unquoted(&draft.text(kind, &format!("{item}.value"))).unwrap_or_default();
            let mut labels = value.split(',').filter_map(|label| label.split_once('='));
            normalised(&draft.text(kind, &format!("{item}.name"))) == "node-labels"
                && labels.any(|(key, _)| key.trim() == HOSTNAME)
        });
    in_flags
        || default::labels(draft)
            .iter()
            .any(|(key, _)| key == HOSTNAME)
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
        proxies(draft, &format!("{component}.extraEnvs"));
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
            } else if is_wrong_ipv4(&name) {
                let message = format!(
                    "`{name}` is neither a valid IPv4 address nor a DNS name: it has only numbers"
                );
                let hint = "an IPv4 address has four numbers from 0 to 255";
                draft.error(kind, &path, message, hint);
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
    for path in ["etcd.local.imageTag", "dns.imageTag"] {
        let tag = draft.text(kind, path);
        if !tag.is_empty() && !is_tag(&tag) {
            let message = format!("`{}` is not a valid image tag", tag.escape_debug());
            draft.error(kind, path, message, "use at most 128 letters, digits, `_`, `.` and `-`, starting with a letter, a digit or `_`; a digest may follow: `@sha256:` and 64 hexadecimal digits, or sha384 (96) or sha512 (128)");
        }
    }
}

fn extra_args(draft: &mut Draft, kind: Kind, list: &str) {
    for item in draft.items(kind, list) {
        let path = format!("{item}.name");
        let name = draft.text(kind, &path);
        if name.is_empty() {
            draft.error(
                kind,
                &path,
                "the flag has no name",
                "write the flag without its dashes",
            );
        } else if !is_flag(&name) {
            let message = format!("`{}` is not the name of a flag", name.escape_debug());
            draft.error(kind, &path, message, &flag_hint(&name));
        }
    }
}

/// Whether kubeadm writes the name as one flag: `--`, the name, `=`, the value.
fn is_flag(name: &str) -> bool {
    let split = |c: char| c == '=' || c.is_whitespace() || c.is_control();
    !name.starts_with('-') && !name.contains(split)
}

fn flag_hint(name: &str) -> String {
    let plain = name.trim().trim_start_matches('-');
    match plain.split_once('=') {
        Some((plain, value)) if is_flag(plain) && !plain.is_empty() => {
            let value = value.escape_debug();
            format!("write `name: {plain}` and `value: \"{value}\"`")
        }
        None if is_flag(plain) && !plain.is_empty() => format!("write `{plain}`"),
        _ => "write the flag without its dashes, and its value in `value`".to_owned(),
    }
}

/// Checks the hosts of proxy variables.
fn proxies(draft: &mut Draft, list: &str) {
    for item in draft.items(Kind::Cluster, list) {
        let variable = draft.text(Kind::Cluster, &format!("{item}.name"));
        let path = format!("{item}.value");
        let url = draft.text(Kind::Cluster, &path);
        draft.fault(Kind::Cluster, &path, host::of_proxy(&variable, &url));
    }
}

/// Checks that the field is an absolute path that a bundle can contain.
fn directory(draft: &mut Draft, path: &str) {
    let text = draft.text(Kind::Cluster, path);
    if text.starts_with('/') {
        host_path(draft, Kind::Cluster, path, &text);
    } else {
        let message = format!("`{}` is not an absolute path", text.escape_debug());
        draft.error(Kind::Cluster, path, message, "");
    }
}

/// Checks that `text`, the value of the field, is a path that a bundle can contain. Slashes and `.` that change nothing are accepted.
pub(super) fn host_path(draft: &mut Draft, kind: Kind, path: &str, text: &str) {
    let cleaned = layout::cleaned(text);
    if text.split('/').any(|part| part == "..") {
        let message = format!(
            "`{}` contains `..`, and the kubelet does not mount such a path into a Pod",
            text.escape_debug()
        );
        let hint = format!("write `{}`", cleaned.escape_debug());
        draft.error(kind, path, message, &hint);
    } else if let Err(error) = cleaned.parse::<HostPath>() {
        draft.error(kind, path, error.to_string(), "");
    }
}

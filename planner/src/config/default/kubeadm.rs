//! Sets the defaults of InitConfiguration and ClusterConfiguration.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kubeplan_bundle::index::NodeRole;
use serde_json::json;

use super::super::address::{self, parse_ip};
use super::super::draft::Host;
use super::super::draft::{Draft, Unset};
use super::super::flags::hint_to_set;
use super::super::host::{self, Server};
use super::super::provenance::Origin;
use super::super::timeouts;
use super::super::valid::{Assumption, HostFacts};
use super::super::version::is_semantic_version;
use super::warn_of_unset;
use crate::kubeadm::go_types::tables::kubeadm_v1beta4::EXTERNAL_ETCD;
use crate::kubeadm::releases;
use crate::schema::Kind;

/// The socket that kubeadm uses if it finds none on the host.
pub(in super::super) const DEFAULT_CRI_SOCKET: &str = "unix:///var/run/containerd/containerd.sock";

const RULE: &str = "kubeadm's default";

/// The rule recorded for placeholders of values that kubeadm would read from the host.
pub const STAND_IN: &str = "a placeholder: kubeadm would read the value from the host";

/// Sets a placeholder for a value that kubeadm would read from the host.
fn stand_in(draft: &mut Draft, path: &str, value: String) {
    let rule = STAND_IN.to_owned();
    draft.set_from(Kind::Init, path, value.into(), Origin::Default { rule });
}

/// A placeholder address of the family of the cluster's Services, different for each node. The first IPv4 one is kubeadm's.
fn stand_in_address(draft: &Draft) -> IpAddr {
    let place = u32::try_from(draft.position).unwrap_or_default();
    let subnet = draft.text(Kind::Cluster, "networking.serviceSubnet");
    match subnet.split(',').next().and_then(address::parse_cidr) {
        Some(net) if net.addr().is_ipv6() => {
            let first = u128::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
            IpAddr::V6((first + u128::from(place)).into())
        }
        _ => IpAddr::V4((u32::from(Ipv4Addr::new(1, 2, 3, 4)).wrapping_add(place)).into()),
    }
}

/// Sets the defaults that follow from the documents alone.
pub(in super::super) fn apply_static(draft: &mut Draft) {
    let init = Kind::Init;
    draft.default_to(init, "bootstrapTokens", Unset::Empty, json!([{}]), RULE);
    for token in draft.items(init, "bootstrapTokens") {
        draft.default_to(init, &format!("{token}.ttl"), Unset::Nil, "24h0m0s", RULE);
        let usages = json!(["signing", "authentication"]);
        draft.default_to(init, &format!("{token}.usages"), Unset::Empty, usages, RULE);
        let groups = json!(["system:bootstrappers:kubeadm:default-node-token"]);
        draft.default_to(init, &format!("{token}.groups"), Unset::Empty, groups, RULE);
    }
    apply_static_of_node(draft);
    apply_static_of_cluster(draft);
}

/// Sets the defaults of ClusterConfiguration that follow from the documents alone.
pub(super) fn apply_static_of_cluster(draft: &mut Draft) {
    let cluster = Kind::Cluster;
    for (path, value) in [
        ("networking.serviceSubnet", "10.96.0.0/12"),
        ("networking.dnsDomain", "cluster.local"),
        ("certificatesDir", "/etc/kubernetes/pki"),
        ("imageRepository", "registry.k8s.io"),
        ("clusterName", "kubernetes"),
        ("encryptionAlgorithm", "RSA-2048"),
    ] {
        draft.default_to(cluster, path, Unset::Empty, value, RULE);
    }
    draft.default_to(
        cluster,
        "certificateValidityPeriod",
        Unset::Nil,
        "8760h0m0s",
        RULE,
    );
    draft.default_to(
        cluster,
        "caCertificateValidityPeriod",
        Unset::Nil,
        "87600h0m0s",
        RULE,
    );
    if draft.get(cluster, "etcd.external").is_none() || draft.get(cluster, "etcd.local").is_some() {
        draft.default_to(
            cluster,
            "etcd.local.dataDir",
            Unset::Empty,
            "/var/lib/etcd",
            RULE,
        );
    } else if EXTERNAL_ETCD
        .fields_of(draft.release())
        .any(|field| field.name == "httpEndpoints")
    {
        let endpoints = draft
            .get(cluster, "etcd.external.endpoints")
            .cloned()
            .unwrap_or_default();
        draft.default_to(
            cluster,
            "etcd.external.httpEndpoints",
            Unset::Empty,
            endpoints,
            "kubeadm's default: etcd.external.endpoints",
        );
    }
    for list in [
        "apiServer.extraEnvs",
        "controllerManager.extraEnvs",
        "scheduler.extraEnvs",
        "etcd.local.extraEnvs",
    ] {
        for item in draft.items(cluster, list) {
            if draft
                .get(cluster, &format!("{item}.valueFrom.fieldRef"))
                .is_some()
            {
                let path = format!("{item}.valueFrom.fieldRef.apiVersion");
                draft.default_to(cluster, &path, Unset::Empty, "v1", RULE);
            }
        }
    }
}

/// Sets the defaults of a node, whether it creates the cluster or joins it, that follow from the documents alone.
pub(super) fn apply_static_of_node(draft: &mut Draft) {
    let init = Kind::Init;
    draft.default_to(init, "localAPIEndpoint.bindPort", Unset::Empty, 6443, RULE);
    draft.default_to(
        init,
        "nodeRegistration.imagePullPolicy",
        Unset::Empty,
        "IfNotPresent",
        RULE,
    );
    draft.default_to(
        init,
        "nodeRegistration.imagePullSerial",
        Unset::Nil,
        true,
        RULE,
    );
    for (field, value) in timeouts::DEFAULTS {
        draft.default_to(init, &format!("timeouts.{field}"), Unset::Nil, *value, RULE);
    }
}

/// Sets the dynamic defaults for documents that are printed and not planned: what kubeadm would read from the host stays unset, with a warning.
pub(super) fn apply_to_convert(draft: &mut Draft) {
    let (name, address) = ("nodeRegistration.name", "localAPIEndpoint.advertiseAddress");
    let unset = |draft: &Draft, kind, path| draft.text(kind, path).is_empty();
    if unset(draft, Kind::Init, name) {
        warn_of_unset(draft, Kind::Init, name, "use the host's name");
    } else {
        node_name(draft, &HostFacts::default());
    }
    taints(draft);
    cri_socket(draft, &HostFacts::default(), &mut Vec::new());
    if unset(draft, Kind::Init, address) {
        let source = "use the address of the host's default route";
        warn_of_unset(draft, Kind::Init, address, source);
    } else if parse_ip(&draft.text(Kind::Init, address)).is_some_and(|ip| ip.is_unspecified()) {
        let message =
            "it stays as it is; kubeadm would use the address of the host's default route";
        draft.warn(Kind::Init, address, message, "");
    } else {
        advertise_address(draft, &HostFacts::default());
    }
    control_plane_endpoint(draft);
    lower_case_names(draft);
    for token in draft.items(Kind::Init, "bootstrapTokens") {
        let path = format!("{token}.token");
        if draft.text(Kind::Init, &path).is_empty() {
            warn_of_unset(draft, Kind::Init, &path, "generate one");
        }
    }
    if unset(draft, Kind::Cluster, "kubernetesVersion") {
        let source = "ask the internet for `stable-1`";
        warn_of_unset(draft, Kind::Cluster, "kubernetesVersion", source);
    } else {
        apply_version(draft);
        warn_of_unsupported(draft);
    }
}

/// Sets the defaults for which kubeadm reads the host.
pub(super) fn apply_dynamic(
    draft: &mut Draft,
    facts: &HostFacts,
    assumptions: &mut Vec<Assumption>,
) {
    apply_dynamic_to_node(draft, facts, NodeRole::ControlPlane, assumptions);
    control_plane_endpoint(draft);
    lower_case_names(draft);
}

/// Sets the defaults of a node, whether it creates the cluster or joins it, for which kubeadm reads the host. A worker has neither a taint
/// nor an API server (kubeadm v1.36.2, app/util/config/joinconfiguration.go).
pub(super) fn apply_dynamic_to_node(
    draft: &mut Draft,
    facts: &HostFacts,
    role: NodeRole,
    assumptions: &mut Vec<Assumption>,
) {
    node_name(draft, facts);
    ignored_checks(draft);
    cri_socket(draft, facts, assumptions);
    if role == NodeRole::ControlPlane {
        taints(draft);
        advertise_address(draft, facts);
    }
}

pub(super) fn taints(draft: &mut Draft) {
    let taint = json!([{"effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane"}]);
    draft.default_to(
        Kind::Init,
        "nodeRegistration.taints",
        Unset::Nil,
        taint,
        RULE,
    );
}

/// Sorts the names of checks in lower case, as kubeadm's union of flag and file does.
pub(super) fn ignored_checks(draft: &mut Draft) {
    let path = "nodeRegistration.ignorePreflightErrors";
    let written = draft.texts(Kind::Init, path);
    let names: BTreeSet<String> = written
        .iter()
        .map(|(_, name)| name.to_lowercase())
        .collect();
    if !names.is_empty() {
        draft.set(Kind::Init, path, names.into_iter().collect());
    }
}

pub(super) fn lower_case_names(draft: &mut Draft) {
    for (path, name) in draft.texts(Kind::Cluster, "apiServer.certSANs") {
        let lower = name.to_lowercase();
        if lower != name {
            draft.set(Kind::Cluster, &path, lower.into());
        }
    }
}

pub(super) fn node_name(draft: &mut Draft, facts: &HostFacts) {
    let path = "nodeRegistration.name";
    let written = draft.text(Kind::Init, path);
    if written.is_empty() {
        match &facts.hostname {
            Some(hostname) => {
                let origin = Origin::Facts {
                    fact: "hostname".to_owned(),
                };
                let name = hostname.trim().to_lowercase();
                draft.set_from(Kind::Init, path, name.into(), origin);
            }
            None if draft.host == Host::Unneeded && !draft.joins => {
                stand_in(draft, path, "node".to_owned());
            }
            None => {
                let message = "the node has no name, and kubeplan cannot read it from the host";
                let hint = hint_to_set(draft, "name", "node-name");
                draft.error(Kind::Init, path, message, &hint);
            }
        }
        return;
    }
    // kubeadm lower-cases the name in a configuration file, but uses the name from its flag as it is.
    let full = format!("{}.{path}", Kind::Init.name());
    if matches!(draft.provenance.at(&full), Some(Origin::Flag { .. })) {
        let lower = written.to_lowercase();
        if lower != written {
            let message = format!(
                "`{}` contains capitals: kubeadm does not lower-case the flag's value, and bundles need lower-case names",
                written.escape_debug()
            );
            draft.error(
                Kind::Init,
                path,
                message,
                &format!("write `{}`", lower.escape_debug()),
            );
        }
        return;
    }
    let name = written.trim().to_lowercase();
    if name.is_empty() {
        draft.error(Kind::Init, path, "the name contains only white space", "");
    }
    draft.set(Kind::Init, path, name.into());
}

pub(super) fn cri_socket(draft: &mut Draft, facts: &HostFacts, assumptions: &mut Vec<Assumption>) {
    let path = "nodeRegistration.criSocket";
    let written = draft.text(Kind::Init, path);
    if let (true, Some(sockets)) = (written.is_empty(), &facts.cri_sockets) {
        match sockets.as_slice() {
            [] => {
                let rule = "kubeadm's default socket (none answers on the host)";
                draft.default_to(Kind::Init, path, Unset::Empty, DEFAULT_CRI_SOCKET, rule);
            }
            [socket] => {
                let origin = Origin::Facts {
                    fact: "criSockets".to_owned(),
                };
                draft.set_from(Kind::Init, path, socket.as_str().into(), origin);
            }
            several => {
                let message = format!(
                    "several container runtimes answer on the host: {}",
                    several.join(", ")
                );
                draft.error(Kind::Init, path, message, "set the socket to use");
            }
        }
    } else if written.is_empty() {
        let rule = "kubeadm's default socket (no host to look for one)";
        draft.default_to(Kind::Init, path, Unset::Empty, DEFAULT_CRI_SOCKET, rule);
        assumptions.push(Assumption {
            about: "cri-socket",
            assumed: format!("the container runtime listens on {DEFAULT_CRI_SOCKET}").into(),
            instead: match draft.joins {
                false => "set InitConfiguration.nodeRegistration.criSocket",
                true => "set `kubelet.criSocket` of the node in a `kubeplan.io/v1alpha1` Cluster document",
            },
        });
    } else if written.starts_with("npipe:") {
        let message = format!(
            "`{}` is a socket of Windows, and kubeplan does not support Windows nodes",
            written.escape_debug()
        );
        let hint = "remove the node from the configuration, and join it with `kubeadm join` once the cluster runs";
        draft.error(Kind::Init, path, message, hint);
    } else if !written.starts_with("unix") {
        draft.warn(
            Kind::Init,
            path,
            "a socket without `unix://` is deprecated; kubeplan adds it",
            &format!("write `unix://{written}`"),
        );
        draft.set(Kind::Init, path, format!("unix://{written}").into());
    }
}

pub(super) fn advertise_address(draft: &mut Draft, facts: &HostFacts) {
    let path = "localAPIEndpoint.advertiseAddress";
    let hint = hint_to_set(draft, "address", "apiserver-advertise-address");
    let written = draft.text(Kind::Init, path);
    let parsed = parse_ip(&written);
    if let (false, None) = (written.is_empty(), parsed) {
        let message = format!("`{written}` is not a valid IP address");
        draft.error(Kind::Init, path, message, "");
        return;
    }
    // kubeadm replaces an empty or unspecified address by that of the default route, IPv4 unless the field says `::`.
    if parsed.is_none_or(|address| address.is_unspecified()) {
        let ipv4 = facts.default_route.ipv4.map(IpAddr::from);
        let ipv6 = facts.default_route.ipv6.map(IpAddr::from);
        let found = match parsed {
            Some(IpAddr::V6(_)) => ipv6.or(ipv4),
            _ => ipv4.or(ipv6),
        };
        if let Some(address) = found {
            let origin = Origin::Facts {
                fact: "defaultRoute".to_owned(),
            };
            draft.set_from(Kind::Init, path, address.to_string().into(), origin);
            return;
        }
    }
    let looks = |address: IpAddr| address.is_unspecified() || address.is_loopback();
    if draft.host == Host::Unneeded && parsed.is_none_or(looks) {
        let address = stand_in_address(draft);
        stand_in(draft, path, address.to_string());
        return;
    }
    let Some(address) = parsed else {
        let message = "the API server has no address, and kubeplan cannot read it from the host";
        draft.error(Kind::Init, path, message, &hint);
        return;
    };
    if looks(address) {
        let message = format!(
            "`{written}` stands for an address that kubeadm reads from the host, and kubeplan cannot read it"
        );
        draft.error(Kind::Init, path, message, &hint);
    } else if !address::is_global_unicast(address) {
        let message = format!(
            "`{written}` is a link-local, multicast or broadcast address: clients cannot reach the API server there"
        );
        draft.error(Kind::Init, path, message, "");
    }
    draft.set(Kind::Init, path, address.to_string().into());
}

pub(super) fn control_plane_endpoint(draft: &mut Draft) {
    let path = "controlPlaneEndpoint";
    let written = draft.text(Kind::Cluster, path);
    if written.is_empty() {
        return;
    }
    draft.fault(
        Kind::Cluster,
        path,
        host::of_endpoint(&written, Server::Api),
    );
    match address::split_host_port(&written) {
        Ok((host, None)) => {
            let port = draft
                .get(Kind::Init, "localAPIEndpoint.bindPort")
                .and_then(serde_json::Value::as_i64)
                .unwrap_or(6443);
            draft.set(
                Kind::Cluster,
                path,
                address::join_host_port(&host, port).into(),
            );
        }
        Ok(_) => {}
        Err(error) => {
            let message = format!("`{written}` is not a valid `host[:port]`: {error}");
            draft.error(
                Kind::Cluster,
                path,
                message,
                "for example `api.example.com:6443` or `[fd00::1]:6443`",
            );
        }
    }
}

/// Warns of a release that `kubeplan validate` will refuse, if the version itself is valid.
fn warn_of_unsupported(draft: &mut Draft) {
    let path = "kubernetesVersion";
    let written = draft.text(Kind::Cluster, path);
    let plain = written.strip_prefix('v').unwrap_or(&written);
    if is_semantic_version(plain) && draft.release().is_none() {
        let message =
            format!("Kubernetes {plain} is not supported, so the result cannot be planned");
        draft.warn(Kind::Cluster, path, message, &supported_hint());
    }
}

/// Which versions can be planned.
pub(in super::super) fn supported_hint() -> String {
    let examples = releases::supported();
    let newest = releases::RELEASES.last().map(|release| release.example());
    format!(
        "use a version of one of the supported releases {}, such as `{}`",
        examples.join(", "),
        newest.unwrap_or_default()
    )
}

/// Turns `kubernetesVersion` into `vX.Y.Z`, as kubeadm does for an exact version.
pub(super) fn apply_version(draft: &mut Draft) {
    let path = "kubernetesVersion";
    let written = draft.text(Kind::Cluster, path);
    let plain = written.strip_prefix('v').unwrap_or(&written);
    let minor = plain
        .strip_prefix("1.")
        .and_then(|minor| minor.parse().ok());
    let hint = match minor.map(releases::find) {
        Some(Some(release)) => format!(
            "kubeplan works offline: set the exact version with its patch release, such as `{}`",
            release.example()
        ),
        Some(None) => supported_hint(),
        None => "kubeplan works offline: set an exact version such as `v1.36.2`".to_owned(),
    };
    let hint = hint.as_str();
    if written.is_empty() {
        let message = "no version is set; kubeadm would ask the internet for `stable-1`";
        draft.error(Kind::Cluster, path, message, hint);
        return;
    }
    if is_semantic_version(plain) {
        draft.set(Kind::Cluster, path, format!("v{plain}").into());
        return;
    }
    let label = written.rsplit('/').next().unwrap_or_default();
    let message = if written.starts_with("ci/") {
        format!("`{written}` is a CI build: kubeplan does not support CI builds")
    } else if label.starts_with("stable") || label.starts_with("latest") {
        format!("`{written}` is a label, which kubeadm would resolve over the internet")
    } else {
        format!("`{written}` is not a valid version")
    };
    draft.error(Kind::Cluster, path, message, hint);
}

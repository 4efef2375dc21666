//! Validates kubeplan's own `Cluster` document: its fields about the cluster, and the entry of one node.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{HostMatch, Name, NodeRole, Platform};
use kubeplan_bundle::seal::{MAX_RECIPIENTS, Recipient};

use super::super::address::{is_global_unicast, is_subdomain, parse_ip};
use super::super::default;
use super::super::draft::{Draft, NODE};
use super::super::valid::{Credentials, NodeSettings};
use super::{labels, system_ids};
use crate::kubeadm::duration::GoDuration;
use crate::schema::{Kind, Object, Type};

/// The document's settings of the cluster.
#[derive(Clone, Debug)]
pub(in super::super) struct Shared {
    pub(in super::super) cluster_name: Name,
    pub(in super::super) credentials: Credentials,
    pub(in super::super) signing_key_file: Option<String>,
    pub(in super::super) joining: JoinBy,
}

/// How joining nodes join: `credentials.join`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum JoinBy {
    /// With a client certificate in the bundle that is valid for this long.
    Certificate(Duration),
    /// With a bootstrap token, by `kubeapply join`; the nodes are not planned.
    BootstrapToken,
}

const KIND: Kind = Kind::Inventory;
/// The architectures that Kubernetes is released for.
const ARCHITECTURES: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

/// Checks the settings of the cluster; `None` only together with an error. `joining` says whether nodes join.
pub(super) fn shared(draft: &mut Draft, joining: bool) -> Option<Shared> {
    refuse_later_fields(draft, KIND.object(), "");
    let credentials = credentials(draft);
    let join_by = join_by(draft, credentials, joining);
    let cluster_name = cluster_name(draft);
    Some(Shared {
        cluster_name: cluster_name?,
        credentials,
        signing_key_file: Some(draft.text(KIND, "signing.keyFile")).filter(|file| !file.is_empty()),
        joining: join_by?,
    })
}

/// Checks the node's entry; `None` only together with an error.
pub(super) fn node(draft: &mut Draft) -> Option<NodeSettings> {
    let role = role(draft);
    let recipients = recipients(draft);
    let host_match = host_match(draft);
    let platform = platform(draft);
    let addresses = addresses(draft, role);
    let marks = labels::check(draft, role);
    let system_ids = system_ids::check(draft, role);
    let ca_cert_path = ca_cert_path(draft);
    let name = draft.text(Kind::Init, "nodeRegistration.name").parse().ok();
    Some(NodeSettings {
        name: name?,
        role,
        addresses,
        marks,
        recipients,
        host_match,
        platform,
        system_ids,
        ca_cert_path,
        kubelet_drop_in: draft.get(KIND, &format!("{NODE}.kubeletDropIn")) == Some(&true.into()),
    })
}

/// The node's `caCertPath`, if it is set.
fn ca_cert_path(draft: &mut Draft) -> Option<String> {
    let path = format!("{NODE}.caCertPath");
    let text = draft.text(KIND, &path);
    if text.is_empty() {
        return None;
    }
    if draft.joins {
        super::join::ca_cert_path(draft, KIND, &path);
    } else {
        let message =
            "the node that creates the cluster has its CA certificate in `certificatesDir`";
        let hint = "set ClusterConfiguration.certificatesDir, and remove the field";
        draft.error(KIND, &path, message, hint);
    }
    Some(text)
}

fn role(draft: &mut Draft) -> NodeRole {
    default::role(draft).unwrap_or_else(|| {
        let path = format!("{NODE}.role");
        let other = draft.text(KIND, &path);
        let message = format!("unknown role `{}`", other.escape_debug());
        draft.error(KIND, &path, message, "write `control-plane` or `worker`");
        NodeRole::Worker
    })
}

/// The node's addresses, at most one of each family. An API server advertises the first.
fn addresses(draft: &mut Draft, role: NodeRole) -> Vec<IpAddr> {
    let (short, list) = (format!("{NODE}.address"), format!("{NODE}.addresses"));
    let written = draft.text(KIND, &short);
    let mut texts = draft.texts(KIND, &list);
    if !(written.is_empty() || texts.is_empty()) {
        let message = "`address` and `addresses` are both set";
        draft.error(KIND, &list, message, "remove one of them");
    }
    if texts.is_empty() && !written.is_empty() {
        texts.push((short, written));
    }
    let mut found: Vec<IpAddr> = Vec::new();
    for (position, (path, text)) in texts.into_iter().enumerate() {
        // kubeadm's rules for advertiseAddress have been applied to the first address.
        let advertised = position == 0 && role == NodeRole::ControlPlane;
        let Some(address) = parse_ip(&text) else {
            let message = format!("`{}` is not a valid IP address", text.escape_debug());
            draft.error(KIND, &path, message, "");
            continue;
        };
        if !advertised && !is_global_unicast(address) {
            let message = format!("other nodes cannot reach the node at `{address}`");
            let hint = "use an address that is not loopback, link-local, multicast or unspecified";
            draft.error(KIND, &path, message, hint);
        } else if found
            .iter()
            .any(|known| known.is_ipv4() == address.is_ipv4())
        {
            let message = format!("{address} is a second address of the same family");
            let hint =
                "list at most one IPv4 and one IPv6 address; the API server advertises the first";
            draft.error(KIND, &path, message, hint);
        }
        found.push(address);
    }
    let advertised = parse_ip(&draft.text(Kind::Init, "localAPIEndpoint.advertiseAddress"));
    match (role, advertised, found.first_mut()) {
        (NodeRole::ControlPlane, Some(address), None) => found.push(address),
        // An unspecified address was replaced by that of the default route.
        (NodeRole::ControlPlane, Some(address), Some(first)) => *first = address,
        _ => {}
    }
    found
}

/// Reports fields that are reserved and have no effect yet.
fn refuse_later_fields(draft: &mut Draft, object: &Object, prefix: &str) {
    for field in object.fields {
        let path = if prefix.is_empty() {
            field.name.to_owned()
        } else {
            format!("{prefix}.{}", field.name)
        };
        match &field.ty {
            Type::NotYet if draft.get(KIND, &path).is_some() => {
                let message = "the field is not supported yet";
                draft.error(KIND, &path, message, "remove it");
            }
            Type::Object(inner) => refuse_later_fields(draft, inner, &path),
            Type::List(Type::Object(inner)) => {
                for item in draft.items(KIND, &path) {
                    refuse_later_fields(draft, inner, &item);
                }
            }
            _ => {}
        }
    }
}

fn cluster_name(draft: &mut Draft) -> Option<Name> {
    let own = draft.text(KIND, "metadata.name");
    if !own.is_empty() {
        let name = own.parse();
        return name
            .map_err(|error| draft.error(KIND, "metadata.name", format!("{error}"), ""))
            .ok();
    }
    let name = draft.text(Kind::Cluster, "clusterName").parse();
    name.map_err(|error| {
        let hint = "set another name for files and bundles: `metadata.name` in a `kubeplan.io/v1alpha1` Cluster document";
        draft.error(Kind::Cluster, "clusterName", format!("files and bundles cannot be named after the cluster: {error}"), hint);
    })
    .ok()
}

fn recipients(draft: &mut Draft) -> Vec<String> {
    let mut recipients = Vec::new();
    for (path, text) in draft.texts(KIND, &format!("{NODE}.recipients")) {
        let text = text.trim().to_owned();
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            let hint = "write the public key (`age1…`) here, and treat the secret key as disclosed";
            draft.error(KIND, &path, "this is a secret key", hint);
        } else if Recipient::parse(&text).is_err() {
            let hint = "use an age X25519 recipient (`age1…`) or the host's `ssh-ed25519 …` public key (/etc/ssh/ssh_host_ed25519_key.pub)";
            draft.error(KIND, &path, "not a valid recipient", hint);
        } else if recipients.contains(&text) {
            draft.error(KIND, &path, "the recipient is listed twice", "");
        }
        recipients.push(text);
    }
    if recipients.len() > MAX_RECIPIENTS {
        let message = format!(
            "the node has {} recipients; the limit is {MAX_RECIPIENTS}",
            recipients.len()
        );
        let hint = "remove recipients";
        draft.error(KIND, &format!("{NODE}.recipients"), message, hint);
    }
    recipients
}

fn host_match(draft: &mut Draft) -> HostMatch {
    let text = |draft: &Draft, field: &str| {
        Some(draft.text(KIND, &format!("{NODE}.match.{field}"))).filter(|text| !text.is_empty())
    };
    let ssh_host_key = text(draft, "sshHostKey");
    if let Some(key) = &ssh_host_key {
        let digest = key
            .strip_prefix("SHA256:")
            .and_then(|digest| STANDARD_NO_PAD.decode(digest).ok());
        if digest.is_none_or(|digest| digest.len() != 32) {
            let hint = "use the output of `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`: `SHA256:` and 43 characters";
            draft.error(
                KIND,
                &format!("{NODE}.match.sshHostKey"),
                "not a valid fingerprint of an SSH key",
                hint,
            );
        }
    }
    let machine_id_hash = text(draft, "machineIdHash").and_then(|hash| {
        let digest = hash.parse::<Sha256Digest>();
        if digest.is_err() {
            let hint = "use 64 hexadecimal digits: the SHA-256 digest of the machine id, not the id itself";
            draft.error(
                KIND,
                &format!("{NODE}.match.machineIdHash"),
                "not a valid SHA-256 digest",
                hint,
            );
        }
        digest.ok()
    });
    let hostname = text(draft, "hostname").map(|name| name.trim().to_lowercase());
    if let Some(name) = &hostname
        && !is_subdomain(name)
    {
        let message = format!("`{}` is not a valid host name", name.escape_debug());
        draft.error(KIND, &format!("{NODE}.match.hostname"), message, "");
    }
    HostMatch {
        ssh_host_key,
        machine_id_hash,
        hostname,
    }
}

fn platform(draft: &mut Draft) -> Platform {
    let os = draft.text(KIND, &format!("{NODE}.platform.os"));
    let arch = draft.text(KIND, &format!("{NODE}.platform.arch"));
    if os != "linux" {
        let message = format!(
            "kubeplan does not support nodes that run `{}`",
            os.escape_debug()
        );
        draft.error(
            KIND,
            &format!("{NODE}.platform.os"),
            message,
            "write `linux`",
        );
    }
    if !ARCHITECTURES.contains(&arch.as_str()) {
        let message = format!("Kubernetes is not released for `{}`", arch.escape_debug());
        let hint = format!("use one of {}", ARCHITECTURES.join(", "));
        draft.error(KIND, &format!("{NODE}.platform.arch"), message, &hint);
    }
    Platform { os, arch }
}

fn credentials(draft: &mut Draft) -> Credentials {
    let mut read = |field: &str| {
        let path = format!("credentials.{field}");
        let value = super::duration(draft, KIND, &path);
        if value < GoDuration(0) {
            draft.error(KIND, &path, "the duration cannot be negative", "");
        }
        value.to_std()
    };
    let credentials = Credentials {
        min_remaining: read("minRemaining"),
        clock_tolerance: read("clockTolerance"),
    };
    let leaf = super::duration(draft, Kind::Cluster, "certificateValidityPeriod").to_std();
    if credentials.min_remaining >= leaf && !leaf.is_zero() {
        let message = "the duration is not shorter than the validity of certificates, so a bundle could never be installed";
        draft.error(
            KIND,
            "credentials.minRemaining",
            message,
            "make it shorter than ClusterConfiguration.certificateValidityPeriod",
        );
    }
    credentials
}

fn join_by(draft: &mut Draft, credentials: Credentials, joining: bool) -> Option<JoinBy> {
    let path = "credentials.join";
    match draft.text(KIND, path).as_str() {
        "certificate" => {}
        "bootstrap-token" => return Some(JoinBy::BootstrapToken),
        other => {
            let message = format!("unknown credential `{}`", other.escape_debug());
            let hint = "write `certificate` or `bootstrap-token`";
            draft.error(KIND, path, message, hint);
            return None;
        }
    }
    let path = "credentials.validity";
    let validity = super::duration(draft, KIND, path);
    if validity.0 < 1_000_000_000 {
        let message = format!("a certificate cannot be valid for {validity}");
        draft.error(KIND, path, message, "use at least one second");
    } else if joining && validity.to_std() <= credentials.min_remaining {
        let message = format!(
            "the certificates of joining kubelets are valid for {validity}, which is not longer than `minRemaining`, so a bundle could never be installed"
        );
        let hint = "make it longer than credentials.minRemaining";
        draft.error(KIND, path, message, hint);
    }
    Some(JoinBy::Certificate(validity.to_std()))
}

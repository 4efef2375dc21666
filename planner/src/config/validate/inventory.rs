//! kubeplan's own `Cluster` document: one control-plane node for now.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{HostMatch, Name, NodeRole, Platform};

use super::super::address::is_subdomain;
use super::super::draft::Draft;
use super::super::duration::GoDuration;
use super::super::schema::{Kind, Object, Type};
use super::super::valid::{Credentials, NodeSettings};
use super::system_ids;

/// What the document comes to.
pub(super) struct Inventory {
    pub(super) cluster_name: Name,
    pub(super) node: NodeSettings,
    pub(super) credentials: Credentials,
    pub(super) signing_key_file: Option<String>,
}

const KIND: Kind = Kind::Inventory;
/// Architectures Kubernetes is released for.
const ARCHITECTURES: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

/// Checks the document; `None` only together with an error.
pub(super) fn validate(draft: &mut Draft) -> Option<Inventory> {
    refuse_later_fields(draft, KIND.object(), "");
    let nodes = draft.items(KIND, "nodes");
    if nodes.len() > 1 {
        let message = format!("{} nodes; more than one is not supported yet", nodes.len());
        draft.error(
            KIND,
            "nodes[1]",
            message,
            "keep one node of role control-plane",
        );
        return None;
    }
    match draft.text(KIND, "nodes[0].role").as_str() {
        "control-plane" => {}
        "worker" => draft.error(
            KIND,
            "nodes[0].role",
            "worker nodes are not supported yet",
            "keep one node of role control-plane",
        ),
        other => {
            let message = format!("unknown role `{}`", other.escape_debug());
            draft.error(KIND, "nodes[0].role", message, "write `control-plane`");
        }
    }
    let recipients = recipients(draft);
    let host_match = host_match(draft);
    let platform = platform(draft);
    let credentials = credentials(draft);
    let system_ids = system_ids::check(draft);
    let cluster_name = cluster_name(draft);
    let name = draft.text(Kind::Init, "nodeRegistration.name").parse().ok();
    Some(Inventory {
        cluster_name: cluster_name?,
        node: NodeSettings {
            name: name?,
            role: NodeRole::ControlPlane,
            recipients,
            host_match,
            platform,
            system_ids,
            kubelet_drop_in: draft.get(KIND, "nodes[0].kubeletDropIn") == Some(&true.into()),
        },
        credentials,
        signing_key_file: Some(draft.text(KIND, "signing.keyFile")).filter(|file| !file.is_empty()),
    })
}

/// Known names without a meaning yet, wherever they are set.
fn refuse_later_fields(draft: &mut Draft, object: &Object, prefix: &str) {
    for field in object.fields {
        let path = if prefix.is_empty() {
            field.name.to_owned()
        } else {
            format!("{prefix}.{}", field.name)
        };
        match &field.ty {
            Type::NotYet if draft.get(KIND, &path).is_some() => {
                let message = "not supported yet: it would have no effect";
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
        let hint = "give the files another name: `metadata.name` in a `kubeplan.io/v1alpha1` Cluster document";
        draft.error(Kind::Cluster, "clusterName", format!("files and bundles are named after the cluster: {error}"), hint);
    })
    .ok()
}

/// An age X25519 recipient by its shape; the checksum is the sealing code's concern.
fn is_age_recipient(text: &str) -> bool {
    text.strip_prefix("age1").is_some_and(|rest| {
        rest.len() == 58
            && rest
                .bytes()
                .all(|b| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&b))
    })
}

/// `ssh-ed25519 BASE64 [comment]` with a key of 32 bytes.
fn is_ssh_ed25519(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let head: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20";
    words.next() == Some("ssh-ed25519")
        && words
            .next()
            .and_then(|blob| STANDARD.decode(blob).ok())
            .is_some_and(|blob| blob.starts_with(head) && blob.len() == head.len() + 32)
}

fn recipients(draft: &mut Draft) -> Vec<String> {
    let mut recipients = Vec::new();
    for (path, text) in draft.texts(KIND, "nodes[0].recipients") {
        let text = text.trim().to_owned();
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            let hint = "give the public key (`age1…`), and treat the secret key as disclosed";
            draft.error(KIND, &path, "this is a secret key", hint);
        } else if !is_age_recipient(&text) && !is_ssh_ed25519(&text) {
            let hint = "an age X25519 recipient (`age1…`) or the host's `ssh-ed25519 …` public key (/etc/ssh/ssh_host_ed25519_key.pub)";
            draft.error(
                KIND,
                &path,
                "not a recipient that bundles can be sealed to",
                hint,
            );
        } else if recipients.contains(&text) {
            draft.error(KIND, &path, "the recipient is listed twice", "");
        }
        recipients.push(text);
    }
    recipients
}

fn host_match(draft: &mut Draft) -> HostMatch {
    let text = |draft: &Draft, field: &str| {
        Some(draft.text(KIND, &format!("nodes[0].match.{field}"))).filter(|text| !text.is_empty())
    };
    let ssh_host_key = text(draft, "sshHostKey");
    if let Some(key) = &ssh_host_key {
        let digest = key
            .strip_prefix("SHA256:")
            .and_then(|digest| STANDARD_NO_PAD.decode(digest).ok());
        if digest.is_none_or(|digest| digest.len() != 32) {
            let hint = "as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints it: `SHA256:` and 43 characters";
            draft.error(
                KIND,
                "nodes[0].match.sshHostKey",
                "not the fingerprint of an SSH key",
                hint,
            );
        }
    }
    let machine_id_hash = text(draft, "machineIdHash").and_then(|hash| {
        let digest = hash.parse::<Sha256Digest>();
        if digest.is_err() {
            let hint = "64 hexadecimal digits: the digest of the id, not the id itself";
            draft.error(
                KIND,
                "nodes[0].match.machineIdHash",
                "not a SHA-256 digest",
                hint,
            );
        }
        digest.ok()
    });
    let hostname = text(draft, "hostname").map(|name| name.trim().to_lowercase());
    if let Some(name) = &hostname
        && !is_subdomain(name)
    {
        let message = format!("`{}` is no host name", name.escape_debug());
        draft.error(KIND, "nodes[0].match.hostname", message, "");
    }
    HostMatch {
        ssh_host_key,
        machine_id_hash,
        hostname,
    }
}

fn platform(draft: &mut Draft) -> Platform {
    let os = draft.text(KIND, "nodes[0].platform.os");
    let arch = draft.text(KIND, "nodes[0].platform.arch");
    if os != "linux" {
        let message = format!("`{}` cannot be a control-plane node", os.escape_debug());
        draft.error(KIND, "nodes[0].platform.os", message, "write `linux`");
    }
    if !ARCHITECTURES.contains(&arch.as_str()) {
        let message = format!("Kubernetes is not released for `{}`", arch.escape_debug());
        let hint = format!("one of {}", ARCHITECTURES.join(", "));
        draft.error(KIND, "nodes[0].platform.arch", message, &hint);
    }
    Platform { os, arch }
}

fn credentials(draft: &mut Draft) -> Credentials {
    let mut read = |field: &str| {
        let path = format!("credentials.{field}");
        let value = super::duration(draft, KIND, &path);
        if value < GoDuration(0) {
            draft.error(KIND, &path, "it cannot be negative", "");
        }
        value.to_std()
    };
    let credentials = Credentials {
        min_remaining: read("minRemaining"),
        clock_tolerance: read("clockTolerance"),
    };
    let leaf = super::duration(draft, Kind::Cluster, "certificateValidityPeriod").to_std();
    if credentials.min_remaining >= leaf && !leaf.is_zero() {
        let message = "certificates would never have that much left";
        draft.error(
            KIND,
            "credentials.minRemaining",
            message,
            "make it shorter than ClusterConfiguration.certificateValidityPeriod",
        );
    }
    credentials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_known_by_their_shape() {
        assert!(is_age_recipient(
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
        ));
        assert!(!is_age_recipient(
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8"
        ));
        let blob =
            STANDARD.encode([b"\0\0\0\x0bssh-ed25519\0\0\0\x20".as_slice(), &[7; 32]].concat());
        assert!(is_ssh_ed25519(&format!("ssh-ed25519 {blob} root@cp1")));
        assert!(!is_ssh_ed25519(&format!("ssh-rsa {blob}")));
        assert!(!is_ssh_ed25519("ssh-ed25519 AAAA"));
    }
}

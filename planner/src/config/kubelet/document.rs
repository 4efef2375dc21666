//! The document that the kubelet of a node reads, with where each value comes from.
//!
//! In: the node's configuration. Out: the document of `config.yaml`: KubeletConfiguration with the node's overrides, the resolver of
//! its host, the user's patches, and the CRI socket. Source: kubeadm v1.36.2, cmd/kubeadm/app/phases/kubelet/config.go.

use serde_json::Value;

use crate::config::valid::NodeConfig;
use crate::patches::{PatchError, Patched};
use crate::plan::ValueSource;

/// kubeadm's feature gate for a CRI socket that is set per node. Releases without the gate always set it per node.
const NODE_LOCAL_CRI_SOCKET: &str = "NodeLocalCRISocket";

/// Configuration path of the node's CRI socket.
const CRI_SOCKET: &str = "InitConfiguration.nodeRegistration.criSocket";

/// The resolver configuration of a host that runs systemd-resolved: `/etc/resolv.conf` points at its stub
/// there, which Pods cannot reach.
pub(crate) const RESOLVED_CONF: &str = "/run/systemd/resolve/resolv.conf";

/// Whether the CRI socket is set by `instance-config.yaml` or by a flag.
#[must_use]
pub fn has_instance_config(config: &NodeConfig) -> bool {
    config.gate(NODE_LOCAL_CRI_SOCKET).unwrap_or(true)
}

/// The document of `config.yaml`.
///
/// # Errors
/// [`PatchError`] if a patch does not apply.
pub fn document(config: &NodeConfig) -> Result<Patched, PatchError> {
    let document = config.kubelet.value.clone();
    let mut sources: Vec<ValueSource> = Vec::new();
    if let Value::Object(fields) = &document {
        for key in fields.keys() {
            sources.push(source(key, &format!("KubeletConfiguration.{key}")));
        }
    }
    let mut rendered = Patched::of(document, sources);
    if config.facts.systemd_resolved && config.kubelet.value.get("resolvConf").is_none() {
        set(
            &mut rendered,
            "resolvConf",
            RESOLVED_CONF,
            "facts: systemd_resolved",
        );
    }
    let mut rendered = config.patches.kubelet(config.release, rendered)?;
    // kubeadm applies the instance configuration after the patches, so no patch changes the socket.
    if has_instance_config(config) {
        set(
            &mut rendered,
            "containerRuntimeEndpoint",
            &config.init.node_registration.cri_socket,
            CRI_SOCKET,
        );
    }
    Ok(rendered)
}

fn set(rendered: &mut Patched, key: &str, value: &str, from: &str) {
    if let Value::Object(fields) = &mut rendered.document {
        fields.insert(key.to_owned(), Value::String(value.to_owned()));
        rendered.sources.retain(|known| known.value != key);
        rendered.sources.push(source(key, from));
    }
}

fn source(value: &str, from: &str) -> ValueSource {
    ValueSource {
        value: value.to_owned(),
        from: from.to_owned(),
    }
}

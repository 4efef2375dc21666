//! Warns of settings of the API server that kubeadm warns of.
//!
//! Source: kubeadm v1.36.2, cmd/kubeadm/app: util/endpoint.go (the port), phases/controlplane/manifests.go (authorization modes).

use serde_json::Value;

use super::super::address;
use super::super::draft::Draft;
use crate::schema::Kind;

/// kubeadm's default of `authorization-mode`.
const DEFAULT_MODES: &str = "Node,RBAC";

/// The modes that kubeadm knows.
const MODES: [&str; 6] = [
    "Node",
    "RBAC",
    "Webhook",
    "ABAC",
    "AlwaysAllow",
    "AlwaysDeny",
];

const ARGUMENTS: &str = "apiServer.extraArgs";

/// Warns of the port of `controlPlaneEndpoint` and of authorization modes.
pub(super) fn warn(draft: &mut Draft) {
    endpoint_port(draft);
    authorization_modes(draft);
}

/// The port of the endpoint, as written, is in kubeconfigs; the API server listens on its own.
fn endpoint_port(draft: &mut Draft) {
    let path = "controlPlaneEndpoint";
    let endpoint = draft.text(Kind::Cluster, path);
    let own = draft.get(Kind::Init, "localAPIEndpoint.bindPort");
    let own = own.and_then(Value::as_u64).unwrap_or_default();
    let Ok((_, Some(port))) = address::split_host_port(&endpoint) else {
        return;
    };
    if u64::from(port) != own {
        let message = format!(
            "its port {port} overrides bindPort {own}: clients connect to {port}, and the API server listens on {own}"
        );
        let hint = format!(
            "make sure that a load balancer forwards port {port} to port {own} of the control-plane nodes"
        );
        draft.warn(Kind::Cluster, path, message, &hint);
    }
}

/// As kubeadm, looks at the last `authorization-mode`.
fn authorization_modes(draft: &mut Draft) {
    let items = draft.items(Kind::Cluster, ARGUMENTS);
    let named = |name: &str| {
        let is_named = |item: &&String| draft.text(Kind::Cluster, &format!("{item}.name")) == name;
        items.iter().rev().find(is_named)
    };
    // With a file of authorizers, kubeadm sets no modes.
    let (Some(item), None) = (named("authorization-mode"), named("authorization-config")) else {
        return;
    };
    let path = format!("{item}.value");
    let written = draft.text(Kind::Cluster, &path);
    if written.is_empty() {
        return;
    }
    for mode in written.split(',').filter(|mode| !MODES.contains(mode)) {
        let message = format!(
            "kubeadm does not know the authorization mode `{}`",
            mode.escape_debug()
        );
        let hint = format!("kube-apiserver has {}", MODES.join(", "));
        draft.warn(Kind::Cluster, &path, message, &hint);
    }
    let known: Vec<&str> = written
        .split(',')
        .filter(|mode| MODES.contains(mode))
        .collect();
    let known = known.join(",");
    if !known.is_empty() && known != DEFAULT_MODES {
        let message = format!("`{known}` replaces kubeadm's default, `{DEFAULT_MODES}`");
        let hint = "keep Node and RBAC among the modes: kubeadm's rules need them";
        draft.warn(Kind::Cluster, &path, message, hint);
    }
}

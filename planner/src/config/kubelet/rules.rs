//! Settings of a node's kubelet that do not fit what the plan installs for it.
//!
//! In: the node's kubelet. Out: findings, each with the document, flag or patch that sets the value.

use super::{EffectiveKubelet, Sourced};
use crate::config::provenance::{Origin, Provenance};
use crate::config::report::{Finding, Severity};
use crate::kubeadm::layout;

/// What does not fit.
#[must_use]
pub fn findings(kubelet: &EffectiveKubelet<'_>) -> Vec<Finding> {
    [
        static_pods(kubelet),
        client_ca(kubelet),
        runtime(kubelet),
        other_file(kubelet),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A control-plane node whose kubelet looks for static Pods elsewhere never starts its API server.
fn static_pods(kubelet: &EffectiveKubelet<'_>) -> Option<Finding> {
    let path = kubelet.static_pod_path();
    let looks_there = layout::cleaned(&path.value) == layout::MANIFESTS_DIR;
    if looks_there || !kubelet.config.is_control_plane() {
        return None;
    }
    let where_to = match path.value.as_str() {
        "" => "runs no static Pods".to_owned(),
        other => format!("looks for static Pods in `{}`", other.escape_debug()),
    };
    let message = format!(
        "the kubelet of a control-plane node {where_to}, so no component starts: kubeadm and kubeplan write the manifests to `{}`",
        layout::MANIFESTS_DIR
    );
    let hint = format!(
        "set it to `{}` on control-plane nodes",
        layout::MANIFESTS_DIR
    );
    Some(finding(
        kubelet,
        Severity::Error,
        &path,
        "staticPodPath",
        message,
        hint,
    ))
}

/// A kubelet does not start without the file that it reads its client CA from.
fn client_ca(kubelet: &EffectiveKubelet<'_>) -> Option<Finding> {
    let read = kubelet.client_ca_file();
    let config = kubelet.config;
    let mut planned = Vec::new();
    if config.joining().is_some() {
        planned.push(kubelet.ca_cert_path().value);
    }
    if config.is_control_plane() {
        planned.push(layout::certificate(&config.cluster.certificates_dir, "ca"));
    }
    if read.value.is_empty() || planned.contains(&read.value) {
        return None;
    }
    let message = format!(
        "the kubelet reads the CA of its clients from `{}`, and does not start without that file; the plan writes the CA to {}",
        read.value.escape_debug(),
        planned.join(" and ")
    );
    let hint = "put the file on the host before the bundle is installed, or omit the setting; a worker's `caCertPath` follows it unless that is set";
    let field = "authentication.x509.clientCAFile";
    Some(finding(
        kubelet,
        Severity::Warning,
        &read,
        field,
        message,
        hint.to_owned(),
    ))
}

/// The checks, and the steps that look at containers, use the socket of the node's registration.
fn runtime(kubelet: &EffectiveKubelet<'_>) -> Option<Finding> {
    let used = kubelet.runtime_endpoint();
    let registered = &kubelet.config.init.node_registration.cri_socket;
    if used.value.is_empty() || used.value == *registered {
        return None;
    }
    let message = format!(
        "the kubelet uses `{}`, but the preflight checks and kubeadm look at `{}`, the `criSocket` of the node",
        used.value.escape_debug(),
        registered.escape_debug()
    );
    let hint = "set `criSocket` instead";
    let field = "containerRuntimeEndpoint";
    Some(finding(
        kubelet,
        Severity::Warning,
        &used,
        field,
        message,
        hint.to_owned(),
    ))
}

/// A kubelet that reads another file than the one of the plan.
fn other_file(kubelet: &EffectiveKubelet<'_>) -> Option<Finding> {
    let file = kubelet.flag("config")?;
    if file.value == layout::KUBELET_CONFIG {
        return None;
    }
    let message = format!(
        "the kubelet reads `{}` instead of {}, so nothing of the plan's KubeletConfiguration has an effect",
        file.value.escape_debug(),
        layout::KUBELET_CONFIG
    );
    let hint = "remove the flag, and set the fields in a KubeletConfiguration document or in `Cluster.nodes[].kubelet.config`";
    Some(finding(
        kubelet,
        Severity::Warning,
        &file,
        "",
        message,
        hint.to_owned(),
    ))
}

/// A finding about the place that `setting` comes from; of a patch that is the file and the field of KubeletConfiguration.
fn finding<T>(
    kubelet: &EffectiveKubelet<'_>,
    severity: Severity,
    setting: &Sourced<T>,
    field: &str,
    message: String,
    hint: String,
) -> Finding {
    let (mut file, mut line, mut path) = (String::new(), None, setting.from.clone());
    if let Some(patch) = setting.from.strip_prefix("patch ") {
        patch.clone_into(&mut file);
        field.clone_into(&mut path);
    } else if setting.from.starts_with("default: ") {
        path = format!("KubeletConfiguration.{field}");
    } else {
        let provenance = &kubelet.config.provenance;
        let known_as = provenance.written_as(&path);
        let found = place(provenance, &known_as).or_else(|| place(provenance, &path));
        if let Some((written, at)) = found {
            (file, line) = (written, Some(at));
        }
        path = known_as;
    }
    Finding {
        severity,
        file,
        line,
        column: None,
        path,
        message,
        hint: Some(hint),
    }
}

/// Where the field was written, if its origin was kept.
fn place(provenance: &Provenance, path: &str) -> Option<(String, u64)> {
    match provenance.of(path)? {
        Origin::Written { file, line } => Some((file.clone(), *line)),
        Origin::Flag { .. } | Origin::Default { .. } | Origin::Facts { .. } => None,
    }
}

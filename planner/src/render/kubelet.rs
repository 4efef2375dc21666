//! The kubelet's files.
//!
//! In: the configuration and host facts. Out: `config.yaml`, `instance-config.yaml`, `kubeadm-flags.env` and the
//! systemd drop-in, each as text with where its values come from. Source: kubeadm v1.36.2,
//! `cmd/kubeadm/app/phases/kubelet`.

mod drop_in;
mod quote;
mod texts;

pub(crate) use crate::config::kubelet::RESOLVED_CONF;
pub use crate::config::kubelet::has_instance_config;
pub use drop_in::drop_in;
pub use texts::KubeletTexts;

use serde_json::Value;

use crate::config::ValidConfig;
use crate::config::kubelet::{EXTRA_ARGS, document};
use crate::patches::PatchError;
use crate::plan::ValueSource;
use crate::render::static_pod::flags::{Flag, last_value, merge};
use crate::render::static_pod::{images, paths};
use crate::yaml::write::to_go_yaml;
use quote::go_quote;

/// Configuration path of the node's taints.
const TAINTS: &str = "InitConfiguration.nodeRegistration.taints";

/// A text file and where its values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcedText {
    /// The file's content.
    pub text: String,
    /// Where its values come from.
    pub sources: Vec<ValueSource>,
}

/// `config.yaml`: the cluster's kubelet configuration with the user's patches and what this node adds.
///
/// # Errors
/// [`PatchError`] if a patch does not apply.
pub fn config_yaml(config: &ValidConfig) -> Result<SourcedText, PatchError> {
    let rendered = document(config)?;
    Ok(SourcedText {
        text: to_go_yaml(&rendered.document),
        sources: rendered.sources,
    })
}

/// `instance-config.yaml`: what upstream kubeadm applies on top when it writes `config.yaml` again.
#[must_use]
pub fn instance_config_yaml(config: &ValidConfig) -> SourcedText {
    SourcedText {
        // kubeadm formats this file with Go's quoting rather than as YAML.
        text: format!(
            "containerRuntimeEndpoint: {}\n",
            go_quote(&config.init.node_registration.cri_socket)
        ),
        sources: vec![source("containerRuntimeEndpoint", paths::CRI_SOCKET)],
    }
}

/// `kubeadm-flags.env`: flags for the kubelet's unit.
#[must_use]
pub fn flags_env(config: &ValidConfig) -> SourcedText {
    let registration = &config.init.node_registration;
    let mut defaults = Vec::new();
    if !has_instance_config(config) {
        defaults.push(Flag {
            name: "container-runtime-endpoint".to_owned(),
            value: registration.cri_socket.clone(),
            sources: vec![paths::CRI_SOCKET.to_owned()],
        });
    }
    let (name, name_from) = match last_value(&registration.kubelet_extra_args, "hostname-override")
    {
        Some((position, name)) => (name, format!("{EXTRA_ARGS}[{position}]")),
        None => (config.node.name.as_str(), paths::NODE_NAME.to_owned()),
    };
    let host_name = config
        .facts
        .hostname
        .as_deref()
        .map(|name| name.trim().to_lowercase());
    // A host whose own name is not known is told the node's, which does no harm if they are the same.
    if host_name.as_deref() != Some(name) {
        let host_name_from = match host_name {
            Some(_) => "facts: hostname",
            None => "default: the host's own name is not known",
        };
        defaults.push(Flag {
            name: "hostname-override".to_owned(),
            value: name.to_owned(),
            sources: vec![name_from, host_name_from.to_owned()],
        });
    }
    // A control-plane node gets its taints once it is registered, from `mark-control-plane`.
    let taints = registration.taints.iter().flatten().map(taint_text);
    let taints: Vec<String> = taints.collect();
    if !(config.is_control_plane() || taints.is_empty()) {
        defaults.push(Flag {
            name: "register-with-taints".to_owned(),
            value: taints.join(","),
            sources: vec![TAINTS.to_owned()],
        });
    }
    if config.release.pod_infra_container_image {
        let image = images::pause(config);
        defaults.push(Flag {
            name: "pod-infra-container-image".to_owned(),
            value: image.value,
            sources: image.from,
        });
    }
    let flags = merge(
        defaults,
        &registration.kubelet_extra_args,
        EXTRA_ARGS,
        config.release.argument_order,
    );
    let line: Vec<String> = flags.iter().map(Flag::text).collect();
    SourcedText {
        text: format!("KUBELET_KUBEADM_ARGS={}\n", go_quote(&line.join(" "))),
        sources: flags.iter().flat_map(Flag::value_sources).collect(),
    }
}

/// A taint in the kubelet's form: `key=value:effect`, without `=` if it has no value. Validation has checked its fields.
fn taint_text(taint: &Value) -> String {
    let field = |name: &str| taint.get(name).and_then(Value::as_str).unwrap_or_default();
    let (key, value, effect) = (field("key"), field("value"), field("effect"));
    let separator = if value.is_empty() { "" } else { "=" };
    format!("{key}{separator}{value}:{effect}")
}

fn source(value: &str, from: &str) -> ValueSource {
    ValueSource {
        value: value.to_owned(),
        from: from.to_owned(),
    }
}

#[cfg(test)]
mod tests;

//! Makes documents for printing: the effective configuration, and kubeadm's defaults.

use serde_json::{Value, json};

use super::default;
use super::draft::Draft;
use super::provenance::Origin;
use super::valid::ValidConfig;
use crate::kubeadm::releases::Release;
use crate::schema::{Kind, normal_form};

/// The documents of `kubeadm config print init-defaults`, in Go's normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct InitDefaults {
    /// InitConfiguration.
    pub init: Value,
    /// ClusterConfiguration.
    pub cluster: Value,
    /// KubeletConfiguration, printed with `--component-configs`.
    pub kubelet: Value,
    /// KubeProxyConfiguration, printed with `--component-configs`.
    pub kube_proxy: Value,
}

/// kubeadm's default documents with its placeholders: token `abcdef.0123456789abcdef`, address `1.2.3.4`, node `node`,
/// and the release's `.0` patch without `v`.
#[must_use]
pub fn init_defaults(release: &Release) -> InitDefaults {
    let mut draft = Draft::default();
    let version = format!("1.{}.0", release.minor);
    for (kind, path, value) in [
        (
            Kind::Init,
            "bootstrapTokens",
            json!([{"token": "abcdef.0123456789abcdef"}]),
        ),
        (
            Kind::Init,
            "localAPIEndpoint.advertiseAddress",
            json!("1.2.3.4"),
        ),
        (Kind::Init, "nodeRegistration.name", json!("node")),
        (
            Kind::Init,
            "nodeRegistration.criSocket",
            json!(default::DEFAULT_CRI_SOCKET),
        ),
        (Kind::Cluster, "kubernetesVersion", json!(version)),
    ] {
        draft.set(kind, path, value);
    }
    default::apply_static(&mut draft);
    default::apply_components(&mut draft);
    let print = |kind| normal_form(kind, &draft.document(kind)).into();
    InitDefaults {
        init: print(Kind::Init),
        cluster: print(Kind::Cluster),
        kubelet: print(Kind::Kubelet),
        kube_proxy: print(Kind::KubeProxy),
    }
}

/// Fields of InitConfiguration that kubeadm would read from the host, after the mapping that contains them.
const OF_HOST: [(&str, &str); 2] = [
    ("nodeRegistration", "name"),
    ("localAPIEndpoint", "advertiseAddress"),
];

/// The fields that stay unset because kubeadm would read them from the host.
#[must_use]
pub fn unsaid(config: &ValidConfig) -> Vec<String> {
    let fields = OF_HOST.map(|(above, field)| format!("InitConfiguration.{above}.{field}"));
    let stands_in = |field: &String| matches!(config.provenance.at(field), Some(Origin::Default { rule }) if rule == default::STAND_IN);
    fields.into_iter().filter(stands_in).collect()
}

/// Every effective document, with defaults, in kubeadm's order. Tokens are redacted.
#[must_use]
pub fn effective_documents(config: &ValidConfig) -> Vec<Value> {
    let mut init = typed(config, Kind::Init, serde_json::to_value(&config.init));
    let unsaid = unsaid(config);
    for (above, field) in OF_HOST {
        let is_unsaid = unsaid.contains(&format!("InitConfiguration.{above}.{field}"));
        if let (true, Some(Value::Object(above))) = (is_unsaid, init.get_mut(above)) {
            above.remove(field);
        }
    }
    vec![
        init,
        cluster_configuration(config),
        config.kubelet.value.clone(),
        config.kube_proxy.value.clone(),
    ]
}

/// ClusterConfiguration as kubeadm uploads it: with defaults, in Go's normal form.
#[must_use]
pub fn cluster_configuration(config: &ValidConfig) -> Value {
    typed(config, Kind::Cluster, serde_json::to_value(&config.cluster))
}

fn typed(config: &ValidConfig, kind: Kind, value: serde_json::Result<Value>) -> Value {
    match value {
        Ok(Value::Object(set)) => {
            let mut document = normal_form(kind, &set);
            if let Some(Value::Array(tokens)) = document.get_mut("bootstrapTokens") {
                for (shown, token) in tokens.iter_mut().zip(&config.init.bootstrap_tokens) {
                    // Nothing to redact: kubeplan generates this token later.
                    if let (Value::Object(shown), true) = (shown, token.token.expose().is_empty()) {
                        shown.remove("token");
                    }
                }
            }
            if config.init.certificate_key.expose().is_empty() {
                document.remove("certificateKey");
            }
            Value::Object(document)
        }
        _ => Value::Null,
    }
}

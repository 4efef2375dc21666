//! What a node's kubelet does with everything that configures it: each fact about it is derived here, once.
//!
//! In: the configuration of a node with its patches. Out: [`EffectiveKubelet`], which answers every consumer: the files, the steps that
//! wait, the preflight checks, the findings. A flag of `kubeletExtraArgs` overrides `config.yaml`; in that a patch overrides the
//! documents; what none of them sets has the kubelet's own default.
//! Sources: Kubernetes v1.36.2, cmd/kubelet/app/options/options.go and cmd/kubelet/app/server.go (flags are parsed again after the
//! file), pkg/kubelet/apis/config/v1beta1/defaults.go.
//!
//! | module | concern |
//! |---|---|
//! | [`document`] | the document that the kubelet reads |
//! | [`rules`] | settings that do not fit what the plan installs |
//! | [`word`] | the value of a flag as it comes out of the kubelet's unit |

mod document;
mod rules;
#[cfg(test)]
mod tests;
pub(super) mod word;

pub(crate) use document::RESOLVED_CONF;
pub use document::{document, has_instance_config};
pub use rules::findings;

use serde_json::Value;

use super::valid::NodeConfig;
use crate::kubeadm::layout;
use crate::kubeadm::releases::ArgumentOrder;
use crate::kubeadm::truth_value;
use crate::patches::{PatchError, Patched};

/// Configuration path of the user's kubelet flags.
pub(crate) const EXTRA_ARGS: &str = "InitConfiguration.nodeRegistration.kubeletExtraArgs";

/// Where a joining node's place of the CA certificate is configured.
pub(crate) const CA_CERT_PATH: &str = "JoinConfiguration.caCertPath";

/// The default of [`CA_CERT_PATH`] (kubeadm v1.36.2, cmd/kubeadm/app/apis/kubeadm/v1beta4/defaults.go, DefaultCACertPath).
const DEFAULT_CA_CERT_PATH: &str = "/etc/kubernetes/pki/ca.crt";

/// What [`Sourced::from`] says of the kubelet's own defaults.
const KUBELETS_DEFAULT: &str = "default: the kubelet's own";

/// A setting of the kubelet, by its names in the file and on the command line.
struct Setting {
    /// The path in KubeletConfiguration; empty if only a flag sets it.
    field: &'static str,
    /// The flag without its dashes; empty if there is none.
    flag: &'static str,
}

const fn setting(field: &'static str, flag: &'static str) -> Setting {
    Setting { field, flag }
}

const HEALTHZ_PORT: Setting = setting("healthzPort", "healthz-port");
const HEALTHZ_ADDRESS: Setting = setting("healthzBindAddress", "healthz-bind-address");
const PORT: Setting = setting("port", "port");
const STATIC_POD_PATH: Setting = setting("staticPodPath", "pod-manifest-path");
const CLIENT_CA_FILE: Setting = setting("authentication.x509.clientCAFile", "client-ca-file");
const FAIL_SWAP_ON: Setting = setting("failSwapOn", "fail-swap-on");
const FAIL_CGROUP_V1: Setting = setting("failCgroupV1", "fail-cgroupv1");
const RUNTIME_ENDPOINT: Setting = setting("containerRuntimeEndpoint", "container-runtime-endpoint");
const CERT_DIR: Setting = setting("", "cert-dir");
const ROOT_DIR: Setting = setting("", "root-dir");
const CPU_MANAGER_POLICY: Setting = setting("cpuManagerPolicy", "cpu-manager-policy");
const MEMORY_MANAGER_POLICY: Setting = setting("memoryManagerPolicy", "memory-manager-policy");
const TLS_CERT_FILE: Setting = setting("tlsCertFile", "tls-cert-file");
const TLS_PRIVATE_KEY_FILE: Setting = setting("tlsPrivateKeyFile", "tls-private-key-file");
const SERVER_TLS_BOOTSTRAP: Setting = setting("serverTLSBootstrap", "rotate-server-certificates");

/// A value, and where it comes from: a field, `patch <file>`, or `default: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub from: String,
}

/// Where the kubelet says that it is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healthz {
    /// The address that it listens on, as it is written.
    pub address: String,
    /// The port, 1 to 65535.
    pub port: u16,
}

/// The kubelet of one node.
#[derive(Debug)]
pub struct EffectiveKubelet<'a> {
    config: &'a NodeConfig,
    /// The document of `config.yaml`.
    file: Patched,
}

impl<'a> EffectiveKubelet<'a> {
    /// The kubelet of the node that `config` is of.
    ///
    /// # Errors
    /// [`PatchError`] if a patch of its configuration does not apply.
    pub fn of(config: &'a NodeConfig) -> Result<Self, PatchError> {
        Ok(Self {
            config,
            file: document(config)?,
        })
    }

    /// Where the kubelet says that it is healthy; `None` if it does not (`healthzPort: 0`).
    #[must_use]
    pub fn healthz(&self) -> Option<Healthz> {
        let port = match self.text(&HEALTHZ_PORT) {
            Some(port) => port.value.parse().ok()?,
            None => 10248,
        };
        let address = self.text(&HEALTHZ_ADDRESS).map(|address| address.value);
        (port != 0).then(|| Healthz {
            address: address.unwrap_or_else(|| "127.0.0.1".to_owned()),
            port,
        })
    }

    /// The port of the kubelet's API, 1 to 65535.
    #[must_use]
    pub fn port(&self) -> u16 {
        let port = self.text(&PORT).and_then(|port| port.value.parse().ok());
        port.filter(|port| *port != 0).unwrap_or(10250)
    }

    /// The directory whose static Pods the kubelet runs; empty if it runs none.
    #[must_use]
    pub fn static_pod_path(&self) -> Sourced<String> {
        self.text_or(&STATIC_POD_PATH, "")
    }

    /// The file with the CA certificates of the kubelet's clients; empty if no client may use a certificate.
    #[must_use]
    pub fn client_ca_file(&self) -> Sourced<String> {
        self.text_or(&CLIENT_CA_FILE, "")
    }

    /// Whether the kubelet starts while swap is in use.
    #[must_use]
    pub fn starts_with_swap(&self) -> bool {
        self.flag_or_field(&FAIL_SWAP_ON) == Some(false)
    }

    /// Whether the kubelet refuses to start with cgroups v1; `None` if its version decides.
    #[must_use]
    pub fn fails_with_cgroups_v1(&self) -> Option<bool> {
        self.flag_or_field(&FAIL_CGROUP_V1)
    }

    /// The socket of the container runtime that the kubelet uses.
    #[must_use]
    pub fn runtime_endpoint(&self) -> Sourced<String> {
        self.text_or(&RUNTIME_ENDPOINT, "")
    }

    /// The link to the newest client certificate of the kubelet, with its key.
    #[must_use]
    pub fn client_certificate(&self) -> String {
        let directory = self.text_or(&CERT_DIR, layout::KUBELET_PKI_DIR);
        layout::in_directory(&directory.value, "kubelet-client-current.pem")
    }

    /// The directory and the names of the certificate and key that the kubelet serves with, and makes if they do not exist; `None` if its
    /// configuration names others.
    #[must_use]
    pub fn serving_certificate(&self) -> Option<(String, &'static [&'static str])> {
        let directory = self.text_or(&CERT_DIR, layout::KUBELET_PKI_DIR).value;
        if self.flag_or_field(&SERVER_TLS_BOOTSTRAP) == Some(true) {
            return Some((directory, &["kubelet-server-current.pem"]));
        }
        let named = [&TLS_CERT_FILE, &TLS_PRIVATE_KEY_FILE];
        let own = named.iter().all(|setting| self.text(setting).is_none());
        own.then_some((directory, &["kubelet.crt", "kubelet.key"]))
    }

    /// The directory in which the kubelet keeps its state.
    #[must_use]
    pub fn root_directory(&self) -> String {
        self.text_or(&ROOT_DIR, layout::KUBELET_DIR).value
    }

    /// How the kubelet gives CPUs to containers.
    #[must_use]
    pub fn cpu_manager_policy(&self) -> String {
        self.text_or(&CPU_MANAGER_POLICY, "none").value
    }

    /// How the kubelet gives memory to containers.
    #[must_use]
    pub fn memory_manager_policy(&self) -> String {
        self.text_or(&MEMORY_MANAGER_POLICY, "None").value
    }

    /// Where the plan puts the certificate of the cluster's CA on this node, besides the certificates of a control-plane node:
    /// `caCertPath`. Where that is not set, a worker gets it where its kubelet looks for it; kubeadm ignores `clientCAFile` here.
    #[must_use]
    pub fn ca_cert_path(&self) -> Sourced<String> {
        let written = self.config.joining();
        if let Some(path) = written.and_then(|joining| joining.ca_cert_path.clone()) {
            return Sourced {
                value: path,
                from: CA_CERT_PATH.to_owned(),
            };
        }
        let read = self.client_ca_file();
        // A relative path is below the directory of the kubelet's file; the plan has absolute ones only.
        let follows = !self.config.is_control_plane() && read.value.starts_with('/');
        if follows && read.value != DEFAULT_CA_CERT_PATH {
            return read;
        }
        Sourced {
            value: DEFAULT_CA_CERT_PATH.to_owned(),
            from: CA_CERT_PATH.to_owned(),
        }
    }

    /// The files in which this node has, or reads, the CA certificate of its cluster, each once; the one that steps use first.
    #[must_use]
    pub fn authorities(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.config.joining().is_some() {
            all.push(self.ca_cert_path().value);
        }
        if self.config.is_control_plane() {
            let directory = &self.config.cluster.certificates_dir;
            all.push(layout::certificate(directory, "ca"));
        }
        all.push(self.client_ca_file().value);
        let mut known: Vec<String> = Vec::new();
        for path in all {
            if path.starts_with('/') && !known.contains(&path) {
                known.push(path);
            }
        }
        known
    }

    /// The last value of a flag in the kubelet's command line, in which `_` stands for `-`.
    fn flag(&self, name: &str) -> Option<Sourced<String>> {
        let args = &self.config.init.node_registration.kubelet_extra_args;
        let mut args: Vec<_> = args.iter().enumerate().collect();
        if self.config.release.argument_order == ArgumentOrder::AllSorted {
            args.sort_by(|(_, a), (_, b)| (&a.name, &a.value).cmp(&(&b.name, &b.value)));
        }
        let (position, arg) = args
            .iter()
            .rfind(|(_, arg)| normalised(&arg.name) == name)?;
        Some(Sourced {
            value: word::unquoted(&arg.value).unwrap_or_else(|| arg.value.clone()),
            from: format!("{EXTRA_ARGS}[{position}]"),
        })
    }

    /// What the flag, else the file says. A text, number or truth value that is not set, or an empty text in the file, is `None`.
    fn text(&self, setting: &Setting) -> Option<Sourced<String>> {
        if let Some(flag) = self.flag(setting.flag) {
            return Some(flag);
        }
        let field = setting.field;
        if field.is_empty() {
            return None;
        }
        let pointer = format!("/{}", field.replace('.', "/"));
        let value = match self.file.document.pointer(&pointer)? {
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(on) => on.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Sourced {
            value,
            from: self.source_of(field),
        })
    }

    fn text_or(&self, setting: &Setting, default: &str) -> Sourced<String> {
        self.text(setting).unwrap_or_else(|| Sourced {
            value: default.to_owned(),
            from: match self.patch_of(setting.field) {
                Some(patch) => patch,
                None => KUBELETS_DEFAULT.to_owned(),
            },
        })
    }

    fn flag_or_field(&self, setting: &Setting) -> Option<bool> {
        truth_value::parse(&self.text(setting)?.value)
    }

    /// Where the file's value of `field` comes from.
    fn source_of(&self, field: &str) -> String {
        let from = self.row_of(field);
        match from {
            Some(from) if !from.starts_with("KubeletConfiguration.") => from.to_owned(),
            _ => format!("KubeletConfiguration.{field}"),
        }
    }

    /// The patch that removed or emptied `field`, if one is recorded for it.
    fn patch_of(&self, field: &str) -> Option<String> {
        let from = self.row_of(field)?;
        from.starts_with("patch ").then(|| from.to_owned())
    }

    /// The most exact record of the source of `field`.
    fn row_of(&self, field: &str) -> Option<&str> {
        let is_above = |known: &str| {
            field
                .strip_prefix(known)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let rows = self.file.sources.iter();
        rows.filter(|row| is_above(&row.value))
            .max_by_key(|row| row.value.len())
            .map(|row| row.from.as_str())
    }
}

/// The name of a flag as the kubelet knows it (k8s.io/component-base v0.36.2, cli/flag, WordSepNormalizeFunc).
#[must_use]
pub(super) fn normalised(flag: &str) -> String {
    flag.replace('_', "-")
}

//! The kubeconfigs of a node.
//!
//! In: the configuration and, if there is a key store, certificates with their keys. Out: the text kubeadm
//! writes (v1.36.2, `cmd/kubeadm/app/phases/kubeconfig`), everything embedded, no file paths. With keys it
//! exists only as [`SecretBytes`]: the key's text enters a buffer that is zeroised, and no other. The kubeconfig that a kubelet
//! bootstraps with comes from discovery; see [`bootstrap`].

pub mod bootstrap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::secret::SecretBytes;
use serde::Serialize;

use crate::config::ValidConfig;
use crate::pki::certificate::pem_of;
use crate::pki::{IssuedCertificate, Material, WorkerMaterial};
use crate::plan::ValueSource;
use crate::render::secret_text::insert_base64;
use crate::render::static_pod::paths;
use crate::yaml::write::to_go_yaml;

/// One kubeconfig file.
#[derive(Debug, PartialEq, Eq)]
pub struct KubeconfigFile {
    /// Its name, which is also the name of its client certificate.
    pub file_name: &'static str,
    /// Which API server it talks to.
    pub endpoint: Endpoint,
    /// The user, which is also the common name of the certificate; the kubelet's is followed by the name of
    /// the node.
    pub user: &'static str,
    /// The kubelet replaces it once it has rotated its certificate.
    pub handoff: bool,
}

/// Which API server a kubeconfig talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The control-plane endpoint.
    ControlPlane,
    /// The one on the same node.
    Local,
}

/// The user prefix that is followed by a node's name.
const NODE_USER: &str = "system:node:";

/// kubeadm's kubeconfigs, in its order.
pub const FILES: &[KubeconfigFile] = &[
    KubeconfigFile {
        file_name: "admin.conf",
        endpoint: Endpoint::ControlPlane,
        user: "kubernetes-admin",
        handoff: false,
    },
    KubeconfigFile {
        file_name: "super-admin.conf",
        endpoint: Endpoint::ControlPlane,
        user: "kubernetes-super-admin",
        handoff: false,
    },
    KubeconfigFile {
        file_name: "kubelet.conf",
        endpoint: Endpoint::Local,
        user: NODE_USER,
        handoff: true,
    },
    KubeconfigFile {
        file_name: "controller-manager.conf",
        endpoint: Endpoint::Local,
        user: "system:kube-controller-manager",
        handoff: false,
    },
    KubeconfigFile {
        file_name: "scheduler.conf",
        endpoint: Endpoint::Local,
        user: "system:kube-scheduler",
        handoff: false,
    },
];

/// Whether the node's kubelet talks to the API server on the same node: a worker runs none, and a feature gate of older releases can make
/// it follow the control-plane endpoint.
#[must_use]
pub fn kubelet_stays_local(config: &ValidConfig) -> bool {
    config.is_control_plane() && config.gate("ControlPlaneKubeletLocalMode") != Some(false)
}

/// The file named `file_name`.
#[must_use]
pub fn find(file_name: &str) -> Option<&'static KubeconfigFile> {
    FILES.iter().find(|file| file.file_name == file_name)
}

/// The credentials a kubeconfig embeds.
#[derive(Clone, Copy, Debug)]
pub enum KubeconfigMaterial<'a> {
    /// From the key store.
    Issued {
        /// The cluster CA.
        ca: &'a IssuedCertificate,
        /// The client certificate.
        client: &'a IssuedCertificate,
        /// The client's private key.
        key_pem: &'a SecretBytes,
    },
    /// None: the text has placeholders.
    Placeholders,
}

/// Why a kubeconfig cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// The key store lacks the certificate.
    #[error("the key store has no certificate `{name}`, which `{file_name}` embeds")]
    NoCertificate {
        /// The certificate.
        name: &'static str,
        /// The kubeconfig.
        file_name: &'static str,
    },
    /// The key store has the certificate without its key.
    #[error(
        "the key store has no private key of `{file_name}`; put it beside the certificate, or remove the certificate to have both issued"
    )]
    NoKey {
        /// The kubeconfig.
        file_name: &'static str,
    },
    /// The configuration holds something no kubeconfig can.
    #[error("`{file_name}` cannot be serialised")]
    Serialise {
        /// The kubeconfig.
        file_name: &'static str,
        /// What serde said.
        reason: String,
    },
}

/// The text of a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubeconfigText {
    /// With credentials.
    Secret(SecretBytes),
    /// With placeholders.
    Public(String),
}

impl<'a> KubeconfigMaterial<'a> {
    /// The credentials `file` embeds, from `material`.
    ///
    /// # Errors
    /// [`KubeconfigError::NoCertificate`], [`KubeconfigError::NoKey`].
    pub fn of(file: &KubeconfigFile, material: &'a Material) -> Result<Self, KubeconfigError> {
        let file_name = file.file_name;
        let certificate = |name: &'static str| {
            material
                .certificates
                .get(name)
                .ok_or(KubeconfigError::NoCertificate { name, file_name })
        };
        let client = certificate(file_name)?;
        Ok(Self::Issued {
            ca: certificate("ca")?,
            client,
            key_pem: client
                .key_pem
                .as_ref()
                .ok_or(KubeconfigError::NoKey { file_name })?,
        })
    }

    /// The credentials of a worker's kubelet, which `file` embeds.
    ///
    /// # Errors
    /// [`KubeconfigError::NoCertificate`], [`KubeconfigError::NoKey`].
    pub fn of_worker(
        file: &KubeconfigFile,
        material: &'a WorkerMaterial,
    ) -> Result<Self, KubeconfigError> {
        let file_name = file.file_name;
        let client = material
            .kubelet()
            .filter(|client| client.row.name == file_name);
        Ok(Self::Issued {
            ca: material.authority(),
            client: client.ok_or(KubeconfigError::NoCertificate {
                name: file_name,
                file_name,
            })?,
            key_pem: material
                .kubelet_key()
                .ok_or(KubeconfigError::NoKey { file_name })?,
        })
    }
}

impl KubeconfigFile {
    /// The user's name on this cluster.
    #[must_use]
    pub fn user_name(&self, config: &ValidConfig) -> String {
        if self.user == NODE_USER {
            format!("{NODE_USER}{}", config.node.name)
        } else {
            self.user.to_owned()
        }
    }

    /// Which API server it talks to on this cluster.
    #[must_use]
    pub fn endpoint_in(&self, config: &ValidConfig) -> Endpoint {
        if self.user == NODE_USER && !kubelet_stays_local(config) {
            Endpoint::ControlPlane
        } else {
            self.endpoint
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`KubeconfigError::Serialise`].
    pub fn render(
        &self,
        config: &ValidConfig,
        material: KubeconfigMaterial<'_>,
    ) -> Result<KubeconfigText, KubeconfigError> {
        match material {
            KubeconfigMaterial::Placeholders => self
                .text(config, "<ca>", &format!("<{}>", self.file_name))
                .map(KubeconfigText::Public),
            KubeconfigMaterial::Issued {
                ca,
                client,
                key_pem,
            } => {
                let text = self.text(
                    config,
                    &STANDARD.encode(single_pem(ca)),
                    // With its intermediates, if the user's CA has some: the API server knows the CA alone.
                    &STANDARD.encode(&client.certificate_pem),
                )?;
                self.with_key(&text, key_pem).map(KubeconfigText::Secret)
            }
        }
    }

    /// Where the values in the file come from.
    #[must_use]
    pub fn sources(&self, config: &ValidConfig) -> Vec<ValueSource> {
        let mut sources = Vec::new();
        let mut add = |value: &str, from: &str| {
            sources.push(ValueSource {
                value: value.to_owned(),
                from: from.to_owned(),
            });
        };
        let server = "clusters[0].cluster.server";
        match (self.endpoint_in(config), &config.control_plane_endpoint) {
            (Endpoint::ControlPlane, Some(_)) => add(server, paths::CONTROL_PLANE_ENDPOINT),
            _ => {
                add(server, paths::ADVERTISE_ADDRESS);
                add(server, paths::BIND_PORT);
            }
        }
        for value in ["clusters[0].name", "contexts[0].context.cluster"] {
            add(value, paths::CLUSTER_NAME);
        }
        for value in ["contexts[0].name", "current-context"] {
            add(value, paths::CLUSTER_NAME);
            if self.user == NODE_USER {
                add(value, paths::NODE_NAME);
            }
        }
        if self.user == NODE_USER {
            for value in ["contexts[0].context.user", "users[0].name"] {
                add(value, paths::NODE_NAME);
            }
        }
        sources
    }

    /// The text with [`KEY_PLACEHOLDER`] for the key.
    fn text(
        &self,
        config: &ValidConfig,
        ca_data: &str,
        certificate_data: &str,
    ) -> Result<String, KubeconfigError> {
        let cluster = config.cluster.cluster_name.as_str();
        let user = self.user_name(config);
        let context = format!("{user}@{cluster}");
        let server = match self.endpoint_in(config) {
            Endpoint::ControlPlane => config.control_plane_url(),
            Endpoint::Local => config.local_endpoint_url(),
        };
        let document = Document {
            api_version: "v1",
            kind: "Config",
            clusters: [NamedCluster {
                name: cluster,
                cluster: Cluster {
                    certificate_authority_data: ca_data,
                    server: &server,
                },
            }],
            contexts: [NamedContext {
                name: &context,
                context: Context {
                    cluster,
                    user: &user,
                },
            }],
            current_context: &context,
            preferences: config
                .release
                .prints_kubeconfig_preferences
                .then_some(Preferences {}),
            users: [NamedUser {
                name: &user,
                user: User {
                    client_certificate_data: certificate_data,
                    client_key_data: KEY_PLACEHOLDER,
                },
            }],
        };
        serde_json::to_value(document)
            .map(|value| to_go_yaml(&value))
            .map_err(|error| KubeconfigError::Serialise {
                file_name: self.file_name,
                reason: error.to_string(),
            })
    }

    /// Puts the key in the place of its placeholder. The key is not part of the document that is serialised, so
    /// that no buffer keeps a copy of it; its base64 form is a plain scalar in any case.
    fn with_key(&self, text: &str, key_pem: &SecretBytes) -> Result<SecretBytes, KubeconfigError> {
        insert_base64(text, KEY_PLACEHOLDER, key_pem).ok_or_else(|| KubeconfigError::Serialise {
            file_name: self.file_name,
            reason: "the key has no place in the document".to_owned(),
        })
    }
}

/// The placeholder of the key, in public text.
const KEY_PLACEHOLDER: &str = "<sealed>";

/// The PEM text of the certificate alone: of a CA kubeadm embeds the first certificate of a file that holds several.
pub(crate) fn single_pem(certificate: &IssuedCertificate) -> String {
    pem_of(std::iter::once(certificate.certificate_der.as_slice()))
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    kind: &'a str,
    clusters: [NamedCluster<'a>; 1],
    contexts: [NamedContext<'a>; 1],
    current_context: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferences: Option<Preferences>,
    users: [NamedUser<'a>; 1],
}

/// kubectl's; kubeadm sets none.
#[derive(Serialize)]
struct Preferences {}

#[derive(Serialize)]
struct NamedCluster<'a> {
    name: &'a str,
    cluster: Cluster<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster<'a> {
    certificate_authority_data: &'a str,
    server: &'a str,
}

#[derive(Serialize)]
struct NamedContext<'a> {
    name: &'a str,
    context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    cluster: &'a str,
    user: &'a str,
}

#[derive(Serialize)]
struct NamedUser<'a> {
    name: &'a str,
    user: User<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct User<'a> {
    client_certificate_data: &'a str,
    client_key_data: &'a str,
}

#[cfg(test)]
mod tests;

//! Static Pods of the control plane: typed values, serialised once.
//!
//! In: the configuration and what the key store says of the CA. Out: a [`Pod`], its YAML text, and where each
//! value in it comes from. One file per component says what is special about it; what all four share is
//! assembled here. Source: kubeadm v1.36.2, `cmd/kubeadm/app/phases/{controlplane,etcd}` and
//! `cmd/kubeadm/app/util/staticpod`.

pub mod environment;
pub mod etcd;
pub mod flags;
pub mod images;
pub mod kube_apiserver;
pub mod kube_controller_manager;
pub mod kube_scheduler;
mod metrics_endpoint;
pub mod probes;
pub(crate) mod run_as;
pub mod volumes;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, Pod, PodSecurityContext, PodSpec, ResourceRequirements,
    SeccompProfile,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use crate::config::ValidConfig;
use crate::kubeadm::releases::{ProbePorts, Release};
use crate::plan::ValueSource;
use crate::yaml::write::to_go_yaml;
use environment::Environment;
use flags::Flag;
use probes::Probes;
use volumes::HostPathVolumes;

/// What a component's Pod is made from.
#[derive(Clone, Copy, Debug)]
pub struct PodContext<'a> {
    /// The configuration.
    pub config: &'a ValidConfig,
    /// The cluster CA is external, so that nothing on the host can sign with its key.
    pub external_ca: bool,
    /// Which members etcd has when the node's own starts.
    pub etcd_members: etcd::EtcdMembers,
}

impl<'a> PodContext<'a> {
    /// For reading images, addresses and ports of Pods: an external CA and members of etcd change only other arguments.
    #[must_use]
    pub const fn of_addresses(config: &'a ValidConfig) -> Self {
        Self {
            config,
            external_ca: false,
            etcd_members: etcd::EtcdMembers::Own,
        }
    }
}

/// Why a Pod cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StaticPodError {
    /// An entry of `extraEnvs` is not an environment variable.
    #[error("{path} is not an environment variable of Kubernetes (core/v1 EnvVar)")]
    EnvVar {
        /// Configuration path of the entry.
        path: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The Pod cannot be turned into a document.
    #[error("the static Pod `{component}` cannot be serialised")]
    Serialise {
        /// The component.
        component: &'static str,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
}

/// A static Pod and where its values come from.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticPod {
    /// The component, which is also the Pod's name.
    pub component: &'static str,
    /// The Pod.
    pub pod: Pod,
    /// Where its flags and other configured values come from.
    pub sources: Vec<ValueSource>,
    /// The release whose kubeadm prints it.
    pub release: &'static Release,
}

impl StaticPod {
    /// The Pod as the document kubeadm prints.
    ///
    /// # Errors
    /// [`StaticPodError::Serialise`] if serde refuses, which a Pod gives no reason for.
    pub fn document(&self) -> Result<Value, StaticPodError> {
        let mut document =
            serde_json::to_value(&self.pod).map_err(|source| StaticPodError::Serialise {
                component: self.component,
                source,
            })?;
        // Go prints the empty status of a Pod because it is a struct; k8s-openapi leaves it out.
        if let Value::Object(fields) = &mut document {
            fields.insert("status".to_owned(), json!({}));
            // Go's time is a struct, which older releases print even if it was never set.
            if self.release.prints_creation_timestamp
                && let Some(Value::Object(metadata)) = fields.get_mut("metadata")
            {
                metadata.insert("creationTimestamp".to_owned(), Value::Null);
            }
        }
        environment::leave_out_empty_names(&mut document);
        Ok(document)
    }

    /// The manifest's text without patches, as kubeadm prints it.
    ///
    /// # Errors
    /// As [`StaticPod::document`].
    pub fn to_yaml(&self) -> Result<String, StaticPodError> {
        self.document().map(|document| to_go_yaml(&document))
    }
}

/// What differs from component to component.
struct Component {
    name: &'static str,
    image: Sourced<String>,
    annotation: Option<(&'static str, Sourced<String>)>,
    flags: Vec<Flag>,
    port: Sourced<i32>,
    probes: Probes,
    /// Requested resources, such as `("cpu", "100m")`.
    requests: &'static [(&'static str, &'static str)],
    environment: Environment,
    volumes: HostPathVolumes,
}

/// A value and the configuration fields it is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) from: Vec<String>,
}

/// The proxy variables that kubeadm would pass on, sorted by name.
pub(crate) fn proxy_variables(config: &ValidConfig) -> Vec<EnvVar> {
    Environment::of_proxies(&config.facts.proxies)
        .into_variables()
        .unwrap_or_default()
}

impl<T> Sourced<T> {
    /// The value and the configuration fields it is made from.
    pub(crate) fn into_parts(self) -> (T, Vec<String>) {
        (self.value, self.from)
    }

    pub(crate) fn new(value: T, from: &[&str]) -> Self {
        Self {
            value,
            from: from.iter().map(|source| (*source).to_owned()).collect(),
        }
    }

    fn sources(&self, path: &str) -> impl Iterator<Item = ValueSource> {
        self.from.iter().map(move |from| ValueSource {
            value: path.to_owned(),
            from: from.clone(),
        })
    }
}

/// Name of the port that probes use.
const PROBE_PORT: &str = "probe-port";

/// Priority of the class `system-node-critical`, which the API server would fill in.
const SYSTEM_NODE_CRITICAL: i32 = 2_000_001_000;

impl Component {
    fn into_pod(self, config: &ValidConfig) -> StaticPod {
        let release = config.release;
        let mut sources: Vec<ValueSource> =
            self.flags.iter().flat_map(Flag::value_sources).collect();
        sources.extend(self.image.sources("spec.containers[0].image"));
        let probe_port = match release.probe_ports {
            ProbePorts::Name => {
                sources.extend(
                    self.port
                        .sources("spec.containers[0].ports[0].containerPort"),
                );
                IntOrString::String(PROBE_PORT.to_owned())
            }
            ProbePorts::Number => {
                sources.extend(self.probes.paths().flat_map(|probe| {
                    self.port
                        .sources(&format!("spec.containers[0].{probe}.httpGet.port"))
                        .collect::<Vec<_>>()
                }));
                IntOrString::Int(self.port.value)
            }
        };
        sources.extend(self.probes.sources());
        sources.extend(self.environment.sources());
        sources.extend(self.volumes.sources());
        if let Some((key, value)) = &self.annotation {
            sources.extend(value.sources(&format!("metadata.annotations[{key}]")));
        }

        let mut command = vec![self.name.to_owned()];
        command.extend(self.flags.iter().map(Flag::text));
        let container = Container {
            name: self.name.to_owned(),
            image: Some(self.image.value),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            command: Some(command),
            env: self.environment.into_variables(),
            ports: (release.probe_ports == ProbePorts::Name).then(|| {
                vec![ContainerPort {
                    container_port: self.port.value,
                    name: Some(PROBE_PORT.to_owned()),
                    protocol: Some("TCP".to_owned()),
                    ..ContainerPort::default()
                }]
            }),
            liveness_probe: Some(self.probes.liveness(&probe_port)),
            readiness_probe: self.probes.readiness(&probe_port),
            startup_probe: Some(self.probes.startup(&probe_port)),
            resources: Some(ResourceRequirements {
                requests: Some(
                    self.requests
                        .iter()
                        .map(|(name, quantity)| {
                            ((*name).to_owned(), Quantity((*quantity).to_owned()))
                        })
                        .collect(),
                ),
                ..ResourceRequirements::default()
            }),
            volume_mounts: Some(self.volumes.mounts()),
            ..Container::default()
        };
        let mut pod = Pod {
            metadata: ObjectMeta {
                name: Some(self.name.to_owned()),
                namespace: Some("kube-system".to_owned()),
                labels: Some(BTreeMap::from([
                    ("component".to_owned(), self.name.to_owned()),
                    ("tier".to_owned(), "control-plane".to_owned()),
                ])),
                annotations: self
                    .annotation
                    .map(|(key, value)| BTreeMap::from([(key.to_owned(), value.value)])),
                ..ObjectMeta::default()
            },
            spec: Some(PodSpec {
                containers: vec![container],
                host_network: Some(true),
                priority: Some(SYSTEM_NODE_CRITICAL),
                priority_class_name: Some("system-node-critical".to_owned()),
                security_context: Some(PodSecurityContext {
                    seccomp_profile: Some(SeccompProfile {
                        type_: "RuntimeDefault".to_owned(),
                        ..SeccompProfile::default()
                    }),
                    ..PodSecurityContext::default()
                }),
                volumes: Some(self.volumes.into_volumes()),
                ..PodSpec::default()
            }),
            status: None,
        };
        if let Some(spec) = &mut pod.spec {
            sources.extend(run_as::apply(config, self.name, spec));
        }
        StaticPod {
            component: self.name,
            pod,
            sources,
            release,
        }
    }
}

/// Configuration paths that several components name.
pub(crate) mod paths {
    pub(crate) const ADVERTISE_ADDRESS: &str =
        "InitConfiguration.localAPIEndpoint.advertiseAddress";
    pub(crate) const BIND_PORT: &str = "InitConfiguration.localAPIEndpoint.bindPort";
    pub(crate) const NODE_NAME: &str = "InitConfiguration.nodeRegistration.name";
    pub(crate) const CRI_SOCKET: &str = "InitConfiguration.nodeRegistration.criSocket";
    pub(crate) const CERTIFICATES_DIR: &str = "ClusterConfiguration.certificatesDir";
    pub(crate) const CLUSTER_NAME: &str = "ClusterConfiguration.clusterName";
    pub(crate) const CONTROL_PLANE_ENDPOINT: &str = "ClusterConfiguration.controlPlaneEndpoint";
    pub(crate) const IMAGE_REPOSITORY: &str = "ClusterConfiguration.imageRepository";
    pub(crate) const KUBERNETES_VERSION: &str = "ClusterConfiguration.kubernetesVersion";
    pub(crate) const SERVICE_SUBNET: &str = "ClusterConfiguration.networking.serviceSubnet";
    pub(crate) const POD_SUBNET: &str = "ClusterConfiguration.networking.podSubnet";
    pub(crate) const DNS_DOMAIN: &str = "ClusterConfiguration.networking.dnsDomain";
    pub(crate) const EXTERNAL_ETCD: &str = "ClusterConfiguration.etcd.external";
    pub(crate) const DATA_DIR: &str = "ClusterConfiguration.etcd.local.dataDir";
    pub(crate) const COMPONENT_HEALTH_CHECK: &str =
        "InitConfiguration.timeouts.controlPlaneComponentHealthCheck";
}

#[cfg(test)]
mod tests;

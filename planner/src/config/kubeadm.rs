//! kubeadm's configuration documents as typed values, `kubeadm.k8s.io/v1beta4`.
//!
//! Field names, optionality and order are those of the published API. [`crate::schema`] checks names and types of fields
//! before documents are converted to these types.
//! Sources: the v1beta4 API types of kubeadm 1.36.2.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// InitConfiguration: what is special about the first control-plane node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InitConfiguration {
    /// Bootstrap tokens that `init` creates.
    pub bootstrap_tokens: Vec<BootstrapToken>,
    /// Only print what would be done.
    pub dry_run: bool,
    /// How the node registers.
    pub node_registration: NodeRegistration,
    /// Where this node's API server listens.
    #[serde(rename = "localAPIEndpoint")]
    pub local_api_endpoint: ApiEndpoint,
    /// Key that encrypts uploaded certificates: 64 hexadecimal digits.
    pub certificate_key: crate::config::SecretText,
    /// Phases to skip.
    pub skip_phases: Vec<String>,
    /// The directory of patches.
    pub patches: Option<Patches>,
    /// Timeouts.
    pub timeouts: Timeouts,
}

impl InitConfiguration {
    /// Whether the configurations are equal apart from the node's name and address.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let Self {
            bootstrap_tokens,
            dry_run,
            node_registration,
            local_api_endpoint,
            certificate_key,
            skip_phases,
            patches,
            timeouts,
        } = self;
        let NodeRegistration {
            name: _,
            cri_socket,
            taints,
            kubelet_extra_args,
            ignore_preflight_errors,
            image_pull_policy,
            image_pull_serial,
        } = node_registration;
        let registration = &other.node_registration;
        *bootstrap_tokens == other.bootstrap_tokens
            && *dry_run == other.dry_run
            && *cri_socket == registration.cri_socket
            && *taints == registration.taints
            && *kubelet_extra_args == registration.kubelet_extra_args
            && *ignore_preflight_errors == registration.ignore_preflight_errors
            && *image_pull_policy == registration.image_pull_policy
            && *image_pull_serial == registration.image_pull_serial
            && local_api_endpoint.bind_port == other.local_api_endpoint.bind_port
            && *certificate_key == other.certificate_key
            && *skip_phases == other.skip_phases
            && *patches == other.patches
            && *timeouts == other.timeouts
    }
}

/// ClusterConfiguration: what all nodes share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterConfiguration {
    /// Local or external etcd.
    pub etcd: Etcd,
    /// Subnets and DNS domain.
    pub networking: Networking,
    /// The version to deploy; of the form `v1.36.2` after defaulting.
    pub kubernetes_version: String,
    /// Stable address of the control plane, `host[:port]`.
    pub control_plane_endpoint: String,
    /// kube-apiserver.
    pub api_server: ApiServer,
    /// kube-controller-manager.
    pub controller_manager: ControlPlaneComponent,
    /// kube-scheduler.
    pub scheduler: ControlPlaneComponent,
    /// CoreDNS.
    pub dns: Dns,
    /// kube-proxy.
    pub proxy: Proxy,
    /// Directory of the certificates on the host.
    pub certificates_dir: String,
    /// Registry and path to pull images from.
    pub image_repository: String,
    /// kubeadm's own feature gates.
    pub feature_gates: BTreeMap<String, bool>,
    /// Name of the cluster.
    pub cluster_name: String,
    /// `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256` or `ECDSA-P384`.
    pub encryption_algorithm: String,
    /// Validity of leaf certificates, a Go duration.
    pub certificate_validity_period: String,
    /// Validity of CA certificates, a Go duration.
    pub ca_certificate_validity_period: String,
}

/// One bootstrap token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BootstrapToken {
    /// `[a-z0-9]{6}.[a-z0-9]{16}`.
    pub token: crate::config::SecretText,
    /// Free text.
    pub description: String,
    /// Lifetime from creation, a Go duration.
    pub ttl: String,
    /// Instant of expiry, RFC 3339.
    pub expires: String,
    /// `signing`, `authentication`.
    pub usages: Vec<String>,
    /// Groups the token authenticates as.
    pub groups: Vec<String>,
}

/// How a node registers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NodeRegistration {
    /// The node's name.
    pub name: String,
    /// Socket of the container runtime, `unix:///…`.
    pub cri_socket: String,
    /// Taints; absent means the control-plane taint, empty means none.
    pub taints: Option<Vec<serde_json::Value>>,
    /// Extra kubelet flags.
    pub kubelet_extra_args: Vec<Arg>,
    /// Preflight checks whose failure is ignored.
    pub ignore_preflight_errors: Vec<String>,
    /// `Always`, `IfNotPresent` or `Never`.
    pub image_pull_policy: String,
    /// Pull one image after the other.
    pub image_pull_serial: Option<bool>,
}

/// An address and port of the API server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApiEndpoint {
    /// IP address at which other nodes reach the API server.
    pub advertise_address: String,
    /// Port, 1 to 65535.
    pub bind_port: i32,
}

/// The directory of patches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Patches {
    /// Path of the directory.
    pub directory: String,
}

/// How long kubeadm waits for what; Go durations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timeouts {
    /// Until a control-plane component is healthy.
    pub control_plane_component_health_check: String,
    /// Until the kubelet is healthy.
    pub kubelet_health_check: String,
    /// For a call of the Kubernetes API.
    #[serde(rename = "kubernetesAPICall")]
    pub kubernetes_api_call: String,
    /// For a call of etcd's API.
    #[serde(rename = "etcdAPICall")]
    pub etcd_api_call: String,
    /// For the kubelet's TLS bootstrap.
    pub tls_bootstrap: String,
    /// For discovery.
    pub discovery: String,
    /// Until static Pods have restarted in an upgrade.
    pub upgrade_manifests: String,
}

/// A command-line flag without its dashes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arg {
    /// The flag.
    pub name: String,
    /// Its value; may be empty.
    pub value: String,
}

/// Local or external etcd.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Etcd {
    /// A member on every control-plane node.
    pub local: Option<LocalEtcd>,
    /// A cluster that kubeadm does not manage.
    pub external: Option<ExternalEtcd>,
}

/// An etcd member on the control-plane node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LocalEtcd {
    /// Overrides the cluster's image repository.
    pub image_repository: String,
    /// Overrides the release's tag.
    pub image_tag: String,
    /// Absolute path of the data.
    pub data_dir: String,
    /// Extra flags.
    pub extra_args: Vec<Arg>,
    /// Extra environment variables (core/v1 EnvVar).
    pub extra_envs: Vec<serde_json::Value>,
    /// Extra names of the serving certificate.
    #[serde(rename = "serverCertSANs")]
    pub server_cert_sans: Vec<String>,
    /// Extra names of the peer certificate.
    #[serde(rename = "peerCertSANs")]
    pub peer_cert_sans: Vec<String>,
}

/// An etcd cluster that kubeadm does not manage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExternalEtcd {
    /// Client URLs.
    pub endpoints: Vec<String>,
    /// URLs for health checks and version queries.
    pub http_endpoints: Vec<String>,
    /// File of the servers' CA certificate.
    pub ca_file: String,
    /// File of the client certificate.
    pub cert_file: String,
    /// File of the client key.
    pub key_file: String,
}

/// Subnets and DNS domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Networking {
    /// Networks of Services: one CIDR, or two of different families.
    pub service_subnet: String,
    /// Networks of Pods: one CIDR, or two of different families, or empty.
    pub pod_subnet: String,
    /// DNS domain of Services.
    pub dns_domain: String,
}

/// kube-controller-manager or kube-scheduler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ControlPlaneComponent {
    /// Extra flags.
    pub extra_args: Vec<Arg>,
    /// Extra volumes.
    pub extra_volumes: Vec<HostPathMount>,
    /// Extra environment variables (core/v1 EnvVar).
    pub extra_envs: Vec<serde_json::Value>,
}

/// kube-apiserver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApiServer {
    /// Extra flags.
    pub extra_args: Vec<Arg>,
    /// Extra volumes.
    pub extra_volumes: Vec<HostPathMount>,
    /// Extra environment variables (core/v1 EnvVar).
    pub extra_envs: Vec<serde_json::Value>,
    /// Extra names of the serving certificate.
    #[serde(rename = "certSANs")]
    pub cert_sans: Vec<String>,
}

/// A host path mounted into a static Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HostPathMount {
    /// Name of the volume.
    pub name: String,
    /// Path on the host.
    pub host_path: String,
    /// Path in the container.
    pub mount_path: String,
    /// Whether the mount is read-only.
    pub read_only: bool,
    /// The type of the hostPath volume.
    pub path_type: String,
}

/// CoreDNS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Dns {
    /// Overrides the cluster's image repository.
    pub image_repository: String,
    /// Overrides the release's tag.
    pub image_tag: String,
    /// Whether the addon is not installed.
    pub disabled: bool,
}

/// kube-proxy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Proxy {
    /// Whether the addon is not installed.
    pub disabled: bool,
}

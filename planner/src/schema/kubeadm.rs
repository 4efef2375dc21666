//! `kubeadm.k8s.io/v1beta4`: InitConfiguration and ClusterConfiguration.
//!
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go.

use super::common::{ENV_VAR, TAINT};
use super::{BOOL, DURATION, INT32, Object, SECRET, STRING, TIME, TOKEN, field, list, map, object};
use crate::releases::Span;

/// `v1.BootstrapToken`.
pub(super) static BOOTSTRAP_TOKEN: Object = Object {
    name: "BootstrapToken",
    fields: &[
        field("token", TOKEN).pointer(),
        field("description", STRING).omitempty(),
        field("ttl", DURATION).pointer().omitempty(),
        field("expires", TIME).pointer().omitempty(),
        field("usages", list(&STRING)).omitempty(),
        field("groups", list(&STRING)).omitempty(),
    ],
};

/// The releases with `etcd.external.httpEndpoints` (kubernetes/kubernetes#134890).
pub const HTTP_ENDPOINTS: Span = Span::since(35);

/// `v1beta4.Arg`.
pub(super) static ARG: Object = Object {
    name: "Arg",
    fields: &[field("name", STRING), field("value", STRING)],
};

/// `v1beta4.NodeRegistrationOptions`.
pub(super) static NODE_REGISTRATION_OPTIONS: Object = Object {
    name: "NodeRegistrationOptions",
    fields: &[
        field("name", STRING).omitempty(),
        field("criSocket", STRING).omitempty(),
        field("taints", list(&object(&TAINT))),
        field("kubeletExtraArgs", list(&object(&ARG))).omitempty(),
        field("ignorePreflightErrors", list(&STRING)).omitempty(),
        field("imagePullPolicy", STRING).omitempty(),
        field("imagePullSerial", BOOL).pointer().omitempty(),
    ],
};

/// `v1beta4.APIEndpoint`.
pub(super) static API_ENDPOINT: Object = Object {
    name: "APIEndpoint",
    fields: &[
        field("advertiseAddress", STRING).omitempty(),
        field("bindPort", INT32).omitempty(),
    ],
};

/// `v1beta4.Patches`.
pub(super) static PATCHES: Object = Object {
    name: "Patches",
    fields: &[field("directory", STRING).omitempty()],
};

/// `v1beta4.Timeouts`.
pub(super) static TIMEOUTS: Object = Object {
    name: "Timeouts",
    fields: &[
        field("controlPlaneComponentHealthCheck", DURATION)
            .pointer()
            .omitempty(),
        field("kubeletHealthCheck", DURATION).pointer().omitempty(),
        field("kubernetesAPICall", DURATION).pointer().omitempty(),
        field("etcdAPICall", DURATION).pointer().omitempty(),
        field("tlsBootstrap", DURATION).pointer().omitempty(),
        field("discovery", DURATION).pointer().omitempty(),
        field("upgradeManifests", DURATION).pointer().omitempty(),
    ],
};

/// `v1beta4.InitConfiguration`.
pub(super) static INIT_CONFIGURATION: Object = Object {
    name: "InitConfiguration",
    fields: &[
        field("bootstrapTokens", list(&object(&BOOTSTRAP_TOKEN))).omitempty(),
        field("dryRun", BOOL).omitempty(),
        field("nodeRegistration", object(&NODE_REGISTRATION_OPTIONS)).omitempty(),
        field("localAPIEndpoint", object(&API_ENDPOINT)).omitempty(),
        field("certificateKey", SECRET).omitempty(),
        field("skipPhases", list(&STRING)).omitempty(),
        field("patches", object(&PATCHES)).pointer().omitempty(),
        field("timeouts", object(&TIMEOUTS)).pointer().omitempty(),
    ],
};

/// `v1beta4.LocalEtcd`.
pub(super) static LOCAL_ETCD: Object = Object {
    name: "LocalEtcd",
    fields: &[
        field("imageRepository", STRING).omitempty(),
        field("imageTag", STRING).omitempty(),
        field("dataDir", STRING),
        field("extraArgs", list(&object(&ARG))).omitempty(),
        field("extraEnvs", list(&object(&ENV_VAR))).omitempty(),
        field("serverCertSANs", list(&STRING)).omitempty(),
        field("peerCertSANs", list(&STRING)).omitempty(),
    ],
};

/// `v1beta4.ExternalEtcd`.
pub(super) static EXTERNAL_ETCD: Object = Object {
    name: "ExternalEtcd",
    fields: &[
        field("endpoints", list(&STRING)),
        field("httpEndpoints", list(&STRING))
            .omitempty()
            .only(HTTP_ENDPOINTS),
        field("caFile", STRING),
        field("certFile", STRING),
        field("keyFile", STRING),
    ],
};

/// `v1beta4.Etcd`.
pub(super) static ETCD: Object = Object {
    name: "Etcd",
    fields: &[
        field("local", object(&LOCAL_ETCD)).pointer().omitempty(),
        field("external", object(&EXTERNAL_ETCD))
            .pointer()
            .omitempty(),
    ],
};

/// `v1beta4.Networking`.
pub(super) static NETWORKING: Object = Object {
    name: "Networking",
    fields: &[
        field("serviceSubnet", STRING).omitempty(),
        field("podSubnet", STRING).omitempty(),
        field("dnsDomain", STRING).omitempty(),
    ],
};

/// `v1beta4.HostPathMount`.
pub(super) static HOST_PATH_MOUNT: Object = Object {
    name: "HostPathMount",
    fields: &[
        field("name", STRING),
        field("hostPath", STRING),
        field("mountPath", STRING),
        field("readOnly", BOOL).omitempty(),
        field("pathType", STRING).omitempty(),
    ],
};

/// `v1beta4.APIServer`.
pub(super) static API_SERVER: Object = Object {
    name: "APIServer",
    fields: &[
        field("extraArgs", list(&object(&ARG))).omitempty(),
        field("extraVolumes", list(&object(&HOST_PATH_MOUNT))).omitempty(),
        field("extraEnvs", list(&object(&ENV_VAR))).omitempty(),
        field("certSANs", list(&STRING)).omitempty(),
    ],
};

/// `v1beta4.ControlPlaneComponent`.
pub(super) static CONTROL_PLANE_COMPONENT: Object = Object {
    name: "ControlPlaneComponent",
    fields: &[
        field("extraArgs", list(&object(&ARG))).omitempty(),
        field("extraVolumes", list(&object(&HOST_PATH_MOUNT))).omitempty(),
        field("extraEnvs", list(&object(&ENV_VAR))).omitempty(),
    ],
};

/// `v1beta4.DNS`.
pub(super) static DNS: Object = Object {
    name: "DNS",
    fields: &[
        field("imageRepository", STRING).omitempty(),
        field("imageTag", STRING).omitempty(),
        field("disabled", BOOL).omitempty(),
    ],
};

/// `v1beta4.Proxy`.
pub(super) static PROXY: Object = Object {
    name: "Proxy",
    fields: &[field("disabled", BOOL).omitempty()],
};

/// `v1beta4.ClusterConfiguration`.
pub(super) static CLUSTER_CONFIGURATION: Object = Object {
    name: "ClusterConfiguration",
    fields: &[
        field("etcd", object(&ETCD)).omitempty(),
        field("networking", object(&NETWORKING)).omitempty(),
        field("kubernetesVersion", STRING).omitempty(),
        field("controlPlaneEndpoint", STRING).omitempty(),
        field("apiServer", object(&API_SERVER)).omitempty(),
        field("controllerManager", object(&CONTROL_PLANE_COMPONENT)).omitempty(),
        field("scheduler", object(&CONTROL_PLANE_COMPONENT)).omitempty(),
        field("dns", object(&DNS)).omitempty(),
        field("proxy", object(&PROXY)).omitempty(),
        field("certificatesDir", STRING).omitempty(),
        field("imageRepository", STRING).omitempty(),
        field("featureGates", map(&BOOL)).omitempty(),
        field("clusterName", STRING).omitempty(),
        field("encryptionAlgorithm", STRING).omitempty(),
        field("certificateValidityPeriod", DURATION)
            .pointer()
            .omitempty(),
        field("caCertificateValidityPeriod", DURATION)
            .pointer()
            .omitempty(),
    ],
};

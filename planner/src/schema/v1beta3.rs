//! `kubeadm.k8s.io/v1beta3`: InitConfiguration and ClusterConfiguration, deprecated but still read; JoinConfiguration is in [`super::join`].
//!
//! Only what differs from v1beta4 has a table of its own. Source: kubeadm v1.36.2,
//! cmd/kubeadm/app/apis/kubeadm/v1beta3/types.go.

use super::common::TAINT;
use super::kubeadm::{API_ENDPOINT, BOOTSTRAP_TOKEN, HOST_PATH_MOUNT, NETWORKING, PATCHES};
use super::{BOOL, DURATION, Object, SECRET, STRING, field, list, map, object};

/// The API version of these tables.
pub const API_VERSION: &str = "kubeadm.k8s.io/v1beta3";

/// `v1beta3.NodeRegistrationOptions`.
pub(super) static NODE_REGISTRATION_OPTIONS: Object = Object {
    name: "NodeRegistrationOptions",
    fields: &[
        field("name", STRING).omitempty(),
        field("criSocket", STRING).omitempty(),
        field("taints", list(&object(&TAINT))),
        field("kubeletExtraArgs", map(&STRING)).omitempty(),
        field("ignorePreflightErrors", list(&STRING)).omitempty(),
        field("imagePullPolicy", STRING).omitempty(),
    ],
};

/// `v1beta3.InitConfiguration`.
pub static INIT_CONFIGURATION: Object = Object {
    name: "InitConfiguration",
    fields: &[
        field("bootstrapTokens", list(&object(&BOOTSTRAP_TOKEN))).omitempty(),
        field("nodeRegistration", object(&NODE_REGISTRATION_OPTIONS)).omitempty(),
        field("localAPIEndpoint", object(&API_ENDPOINT)).omitempty(),
        field("certificateKey", SECRET).omitempty(),
        field("skipPhases", list(&STRING)).omitempty(),
        field("patches", object(&PATCHES)).pointer().omitempty(),
    ],
};

/// `v1beta3.LocalEtcd`.
static LOCAL_ETCD: Object = Object {
    name: "LocalEtcd",
    fields: &[
        field("imageRepository", STRING).omitempty(),
        field("imageTag", STRING).omitempty(),
        field("dataDir", STRING),
        field("extraArgs", map(&STRING)).omitempty(),
        field("serverCertSANs", list(&STRING)).omitempty(),
        field("peerCertSANs", list(&STRING)).omitempty(),
    ],
};

/// `v1beta3.ExternalEtcd`.
static EXTERNAL_ETCD: Object = Object {
    name: "ExternalEtcd",
    fields: &[
        field("endpoints", list(&STRING)),
        field("caFile", STRING),
        field("certFile", STRING),
        field("keyFile", STRING),
    ],
};

/// `v1beta3.Etcd`.
static ETCD: Object = Object {
    name: "Etcd",
    fields: &[
        field("local", object(&LOCAL_ETCD)).pointer().omitempty(),
        field("external", object(&EXTERNAL_ETCD))
            .pointer()
            .omitempty(),
    ],
};

/// `v1beta3.APIServer`.
static API_SERVER: Object = Object {
    name: "APIServer",
    fields: &[
        field("extraArgs", map(&STRING)).omitempty(),
        field("extraVolumes", list(&object(&HOST_PATH_MOUNT))).omitempty(),
        field("certSANs", list(&STRING)).omitempty(),
        field("timeoutForControlPlane", DURATION)
            .pointer()
            .omitempty(),
    ],
};

/// `v1beta3.ControlPlaneComponent`.
static CONTROL_PLANE_COMPONENT: Object = Object {
    name: "ControlPlaneComponent",
    fields: &[
        field("extraArgs", map(&STRING)).omitempty(),
        field("extraVolumes", list(&object(&HOST_PATH_MOUNT))).omitempty(),
    ],
};

/// `v1beta3.DNS`.
static DNS: Object = Object {
    name: "DNS",
    fields: &[
        field("imageRepository", STRING).omitempty(),
        field("imageTag", STRING).omitempty(),
    ],
};

/// `v1beta3.ClusterConfiguration`.
pub static CLUSTER_CONFIGURATION: Object = Object {
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
        field("certificatesDir", STRING).omitempty(),
        field("imageRepository", STRING).omitempty(),
        field("featureGates", map(&BOOL)).omitempty(),
        field("clusterName", STRING).omitempty(),
    ],
};

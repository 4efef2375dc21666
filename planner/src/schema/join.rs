//! `kubeadm.k8s.io`: JoinConfiguration, in v1beta4 and in v1beta3.
//!
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go and v1beta3/types.go.

use super::kubeadm::{API_ENDPOINT, NODE_REGISTRATION_OPTIONS, PATCHES, TIMEOUTS};
use super::{BOOL, DURATION, Object, SECRET, STRING, field, list, object, v1beta3};

/// `BootstrapTokenDiscovery`.
static BOOTSTRAP_TOKEN_DISCOVERY: Object = Object {
    name: "BootstrapTokenDiscovery",
    fields: &[
        field("token", SECRET),
        field("apiServerEndpoint", STRING).omitempty(),
        field("caCertHashes", list(&STRING)).omitempty(),
        field("unsafeSkipCAVerification", BOOL).omitempty(),
    ],
};

/// `FileDiscovery`.
static FILE_DISCOVERY: Object = Object {
    name: "FileDiscovery",
    fields: &[field("kubeConfigPath", STRING)],
};

/// `v1beta4.Discovery`.
static DISCOVERY: Object = Object {
    name: "Discovery",
    fields: &[
        field("bootstrapToken", object(&BOOTSTRAP_TOKEN_DISCOVERY))
            .pointer()
            .omitempty(),
        field("file", object(&FILE_DISCOVERY)).pointer().omitempty(),
        field("tlsBootstrapToken", SECRET).omitempty(),
    ],
};

/// `JoinControlPlane`.
static JOIN_CONTROL_PLANE: Object = Object {
    name: "JoinControlPlane",
    fields: &[
        field("localAPIEndpoint", object(&API_ENDPOINT)).omitempty(),
        field("certificateKey", SECRET).omitempty(),
    ],
};

/// `v1beta4.JoinConfiguration`.
pub(super) static JOIN_CONFIGURATION: Object = Object {
    name: "JoinConfiguration",
    fields: &[
        field("dryRun", BOOL).omitempty(),
        field("nodeRegistration", object(&NODE_REGISTRATION_OPTIONS)).omitempty(),
        field("caCertPath", STRING).omitempty(),
        field("discovery", object(&DISCOVERY)),
        field("controlPlane", object(&JOIN_CONTROL_PLANE))
            .pointer()
            .omitempty(),
        field("skipPhases", list(&STRING)).omitempty(),
        field("patches", object(&PATCHES)).pointer().omitempty(),
        field("timeouts", object(&TIMEOUTS)).pointer().omitempty(),
    ],
};

/// `v1beta3.Discovery`.
static V1BETA3_DISCOVERY: Object = Object {
    name: "Discovery",
    fields: &[
        field("bootstrapToken", object(&BOOTSTRAP_TOKEN_DISCOVERY))
            .pointer()
            .omitempty(),
        field("file", object(&FILE_DISCOVERY)).pointer().omitempty(),
        field("tlsBootstrapToken", SECRET).omitempty(),
        field("timeout", DURATION).pointer().omitempty(),
    ],
};

/// `v1beta3.JoinConfiguration`.
pub(crate) static V1BETA3_JOIN_CONFIGURATION: Object = Object {
    name: "JoinConfiguration",
    fields: &[
        field(
            "nodeRegistration",
            object(&v1beta3::NODE_REGISTRATION_OPTIONS),
        )
        .omitempty(),
        field("caCertPath", STRING).omitempty(),
        field("discovery", object(&V1BETA3_DISCOVERY)),
        field("controlPlane", object(&JOIN_CONTROL_PLANE))
            .pointer()
            .omitempty(),
        field("skipPhases", list(&STRING)).omitempty(),
        field("patches", object(&PATCHES)).pointer().omitempty(),
    ],
};

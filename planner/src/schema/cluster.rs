//! The table of `kubeplan.io/v1alpha1 Cluster`, for settings that kubeadm's API does not have.

use crate::kubeadm::go_types::tables::core_v1::TAINT;
use crate::kubeadm::go_types::tables::kubeadm_v1beta4::{ARG, PATCHES};
use crate::kubeadm::go_types::tables::kubelet_v1beta1::KUBELET_CONFIGURATION;
use crate::kubeadm::go_types::{
    BOOL, DURATION, INT32, NOT_YET, Object, STRING, field, list, map, object,
};
use crate::kubeadm::system_users;

static METADATA: Object = Object {
    name: "Metadata",
    fields: &[field("name", STRING).omitempty()],
};

static MATCH: Object = Object {
    name: "Match",
    fields: &[
        field("sshHostKey", STRING).omitempty(),
        field("machineIdHash", STRING).omitempty(),
        field("hostname", STRING).omitempty(),
    ],
};

static PLATFORM: Object = Object {
    name: "Platform",
    fields: &[
        field("os", STRING).omitempty(),
        field("arch", STRING).omitempty(),
    ],
};

static SYSTEM_USERS: Object = Object {
    name: "SystemUsers",
    fields: &[
        field(system_users::USERS[0], INT32).pointer().omitempty(),
        field(system_users::USERS[1], INT32).pointer().omitempty(),
        field(system_users::USERS[2], INT32).pointer().omitempty(),
        field(system_users::USERS[3], INT32).pointer().omitempty(),
    ],
};

static SYSTEM_GROUPS: Object = Object {
    name: "SystemGroups",
    fields: &[
        field(system_users::GROUPS[0], INT32).pointer().omitempty(),
        field(system_users::GROUPS[1], INT32).pointer().omitempty(),
        field(system_users::GROUPS[2], INT32).pointer().omitempty(),
        field(system_users::GROUPS[3], INT32).pointer().omitempty(),
        field(system_users::GROUPS[4], INT32).pointer().omitempty(),
    ],
};

static SYSTEM_IDS: Object = Object {
    name: "SystemIds",
    fields: &[
        field("users", object(&SYSTEM_USERS)).pointer().omitempty(),
        field("groups", object(&SYSTEM_GROUPS))
            .pointer()
            .omitempty(),
    ],
};

/// Settings of the kubelet that differ between nodes, under kubeadm's names.
static NODE_KUBELET: Object = Object {
    name: "NodeKubelet",
    fields: &[
        field("criSocket", STRING).omitempty(),
        field("kubeletExtraArgs", list(&object(&ARG))).omitempty(),
        field("config", object(&KUBELET_CONFIGURATION))
            .pointer()
            .omitempty(),
    ],
};

static NODE: Object = Object {
    name: "Node",
    fields: &[
        field("name", STRING).omitempty(),
        field("role", STRING).omitempty(),
        field("address", STRING).omitempty(),
        field("recipients", list(&STRING)).omitempty(),
        field("match", object(&MATCH)).omitempty(),
        field("platform", object(&PLATFORM)).omitempty(),
        field("kubeletDropIn", BOOL).omitempty(),
        field("systemIds", object(&SYSTEM_IDS))
            .pointer()
            .omitempty(),
        field("addresses", list(&STRING)).omitempty(),
        field("labels", map(&STRING)).omitempty(),
        field("taints", list(&object(&TAINT))).omitempty(),
        field("kubelet", object(&NODE_KUBELET))
            .pointer()
            .omitempty(),
        field("patches", object(&PATCHES)).pointer().omitempty(),
        field("caCertPath", STRING).omitempty(),
    ],
};

static CREDENTIALS: Object = Object {
    name: "Credentials",
    fields: &[
        field("minRemaining", DURATION).pointer().omitempty(),
        field("clockTolerance", DURATION).pointer().omitempty(),
        field("validity", DURATION).pointer().omitempty(),
        field("join", STRING).omitempty(),
    ],
};

static SIGNING: Object = Object {
    name: "Signing",
    fields: &[field("keyFile", STRING).omitempty()],
};

/// `Cluster`.
pub(super) static CLUSTER: Object = Object {
    name: "Cluster",
    fields: &[
        field("metadata", object(&METADATA)).omitempty(),
        field("nodes", list(&object(&NODE))).omitempty(),
        field("credentials", object(&CREDENTIALS)).omitempty(),
        field("signing", object(&SIGNING)).omitempty(),
        field("payload", NOT_YET).pointer().omitempty(),
    ],
};

//! `kubeplan.io/v1alpha1`: Cluster, what kubeadm has no word for.

use super::{BOOL, DURATION, NOT_YET, Object, STRING, field, list, object};

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
        field("addresses", NOT_YET).pointer().omitempty(),
        field("labels", NOT_YET).pointer().omitempty(),
        field("taints", NOT_YET).pointer().omitempty(),
        field("kubelet", NOT_YET).pointer().omitempty(),
        field("patches", NOT_YET).pointer().omitempty(),
    ],
};

static CREDENTIALS: Object = Object {
    name: "Credentials",
    fields: &[
        field("minRemaining", DURATION).pointer().omitempty(),
        field("clockTolerance", DURATION).pointer().omitempty(),
        field("validity", NOT_YET).pointer().omitempty(),
        field("join", NOT_YET).pointer().omitempty(),
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
        field("kubelet", NOT_YET).pointer().omitempty(),
        field("patches", NOT_YET).pointer().omitempty(),
    ],
};

//! The table of supported releases, and what kubeadm of each release does.
//!
//! A row contains only what differs from the row before it. "kubeadm" is `cmd/kubeadm/app` of the Kubernetes
//! release that a row's `source` names; a number after `#` is a change of kubernetes/kubernetes.

use kubeplan_bundle::check::Severity;

use super::{ArgumentOrder, EtcdFlags, Gate, KeyIdHash, ProbePorts, Release};

/// The organization whose members are cluster administrators.
const CLUSTER_ADMINS: &str = "kubeadm:cluster-admins";

/// A gate that affects rendering.
const fn gate(name: &'static str, default: bool) -> Gate {
    Gate {
        name,
        default,
        has_effect: true,
    }
}

/// A gate that is accepted without effect.
const fn gate_without_effect(name: &'static str) -> Gate {
    Gate {
        name,
        default: true,
        has_effect: false,
    }
}

const V1_33: Release = Release {
    minor: 33,
    since_patch: 0,
    etcd_image_tag: "3.5.21-0",
    coredns_image_tag: "v1.12.0",
    pause_image_tag: "3.10",
    etcd_flags: EtcdFlags::Experimental,
    argument_order: ArgumentOrder::AllSorted,
    probe_ports: ProbePorts::Number,
    mounts_flexvolume: true,
    pod_infra_container_image: true,
    prints_creation_timestamp: true,
    prints_kubeconfig_preferences: true,
    uploads_resolv_conf: true,
    ecdsa_p384: false,
    subject_key_id: KeyIdHash::Sha1,
    apiserver_kubelet_client_organization: Some(CLUSTER_ADMINS),
    annotates_cri_socket: true,
    kube_proxy_mode: "",
    reads_v1beta3: true,
    gates: &[
        gate("ControlPlaneKubeletLocalMode", true),
        gate("NodeLocalCRISocket", false),
        gate("PublicKeysECDSA", false),
        gate("RootlessControlPlane", false),
        gate("WaitForAllControlPlaneComponents", true),
    ],
    kernel_release_severity: Severity::Error,
    cgroup_v1_error_since: None,
    external_etcd_minimum: "3.5.11-0",
    source: "kubeadm v1.33.0: constants, features, phases, cmd/phases/init/uploadconfig.go, util/arguments.go; go.mod (godebug go1.24)",
};

const V1_33_6: Release = Release {
    since_patch: 6,
    etcd_image_tag: "3.5.24-0",
    source: "kubeadm v1.33.5 and v1.33.6: constants (#135018)",
    ..V1_33
};

const V1_33_8: Release = Release {
    since_patch: 8,
    argument_order: ArgumentOrder::DefaultsSorted,
    source: "CHANGELOG-1.33.md, v1.33.8 (extraArgs are not sorted); kubeadm v1.33.12: util/arguments.go",
    ..V1_33_6
};

const V1_33_12: Release = Release {
    since_patch: 12,
    apiserver_kubelet_client_organization: None,
    source: "kubeadm v1.33.12 and v1.33.13: phases/certs/certlist.go (#138964)",
    ..V1_33_8
};

const V1_34: Release = Release {
    minor: 34,
    since_patch: 0,
    etcd_image_tag: "3.6.4-0",
    coredns_image_tag: "v1.12.1",
    pause_image_tag: "3.10.1",
    etcd_flags: EtcdFlags::ByImageTag,
    argument_order: ArgumentOrder::AllSorted,
    probe_ports: ProbePorts::Name,
    prints_creation_timestamp: false,
    prints_kubeconfig_preferences: false,
    ecdsa_p384: true,
    apiserver_kubelet_client_organization: Some(CLUSTER_ADMINS),
    gates: &[
        gate("ControlPlaneKubeletLocalMode", true),
        gate("NodeLocalCRISocket", true),
        gate("PublicKeysECDSA", false),
        gate("RootlessControlPlane", false),
        gate_without_effect("WaitForAllControlPlaneComponents"),
    ],
    kernel_release_severity: Severity::Warning,
    source: "kubeadm v1.34.0: constants, features, phases (#131677, #131919, #131981, #132776, #132838); go.mod (godebug go1.24)",
    ..V1_33_12
};

const V1_34_2: Release = Release {
    since_patch: 2,
    etcd_image_tag: "3.6.5-0",
    source: "kubeadm v1.34.1 and v1.34.2: constants",
    ..V1_34
};

const V1_34_4: Release = Release {
    since_patch: 4,
    argument_order: ArgumentOrder::DefaultsSorted,
    source: "CHANGELOG-1.34.md, v1.34.4 (extraArgs are not sorted); kubeadm v1.34.8: util/arguments.go",
    ..V1_34_2
};

const V1_34_8: Release = Release {
    since_patch: 8,
    apiserver_kubelet_client_organization: None,
    source: "kubeadm v1.34.8 and v1.34.9: phases/certs/certlist.go (#138960)",
    ..V1_34_4
};

const V1_35: Release = Release {
    minor: 35,
    since_patch: 0,
    etcd_image_tag: "3.6.6-0",
    coredns_image_tag: "v1.13.1",
    argument_order: ArgumentOrder::AllSorted,
    pod_infra_container_image: false,
    subject_key_id: KeyIdHash::Sha256,
    cgroup_v1_error_since: Some("1.35.0-0"),
    external_etcd_minimum: "3.5.24-0",
    apiserver_kubelet_client_organization: Some(CLUSTER_ADMINS),
    gates: &[
        gate_without_effect("ControlPlaneKubeletLocalMode"),
        gate("NodeLocalCRISocket", true),
        gate("PublicKeysECDSA", false),
        gate("RootlessControlPlane", false),
    ],
    source: "kubeadm v1.35.0: constants, features, phases (#133779, #134744); go.mod (godebug go1.25: x509sha256skid)",
    ..V1_34_8
};

const V1_35_1: Release = Release {
    since_patch: 1,
    argument_order: ArgumentOrder::DefaultsSorted,
    source: "CHANGELOG-1.35.md, v1.35.1 (extraArgs are not sorted); kubeadm v1.35.4: util/arguments.go",
    ..V1_35
};

const V1_35_5: Release = Release {
    since_patch: 5,
    apiserver_kubelet_client_organization: None,
    source: "CHANGELOG-1.35.md, v1.35.5 (#138959); kubeadm v1.35.6: phases/certs/certlist.go",
    ..V1_35_1
};

const V1_36: Release = Release {
    minor: 36,
    since_patch: 0,
    etcd_image_tag: "3.6.8-0",
    coredns_image_tag: "v1.14.2",
    pause_image_tag: "3.10.2",
    etcd_flags: EtcdFlags::Stable,
    mounts_flexvolume: false,
    annotates_cri_socket: false,
    apiserver_kubelet_client_organization: Some(CLUSTER_ADMINS),
    gates: &[
        gate("NodeLocalCRISocket", true),
        gate("PublicKeysECDSA", false),
        gate("RootlessControlPlane", false),
    ],
    source: "kubeadm v1.36.0: constants, features, phases, cmd/phases/init/uploadconfig.go (#135400, #135701, #136423)",
    ..V1_35_5
};

const V1_36_1: Release = Release {
    since_patch: 1,
    apiserver_kubelet_client_organization: None,
    source: "kubeadm v1.36.1, v1.36.2 and v1.36.3: phases/certs/certlist.go (#138958)",
    ..V1_36
};

const V1_37: Release = Release {
    minor: 37,
    since_patch: 0,
    etcd_image_tag: "3.7.0-0",
    coredns_image_tag: "v1.14.6",
    kube_proxy_mode: "iptables",
    reads_v1beta3: false,
    gates: &[gate("RootlessControlPlane", false)],
    source: "kubeadm v1.37.0 and v1.37.1: constants, features, componentconfigs/kubeproxy.go, util/config/common.go",
    ..V1_36_1
};

const V1_37_1: Release = Release {
    since_patch: 1,
    uploads_resolv_conf: false,
    source: "kubeadm v1.37.1: componentconfigs/kubelet.go (the ConfigMap does not inherit resolvConf)",
    ..V1_37
};

/// The supported releases, oldest first. A minor has several rows if a patch release changed a fact.
pub const RELEASES: &[Release] = &[
    V1_33, V1_33_6, V1_33_8, V1_33_12, V1_34, V1_34_2, V1_34_4, V1_34_8, V1_35, V1_35_1, V1_35_5,
    V1_36, V1_36_1, V1_37, V1_37_1,
];

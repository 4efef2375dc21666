//! Where a cluster keeps what a joining host asks for: the names of kubeadm's join protocol.
//!
//! These are addresses and keys, as an operator would type them; what the documents under them mean is the planner's
//! business. Source: kubeadm 1.36.2, `cmd/kubeadm/app/constants`, `cmd/kubeadm/app/discovery`,
//! `cmd/kubeadm/app/phases/{uploadconfig,copycerts}`, and `cluster-bootstrap/token/api`.

/// A document inside an object of the API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The object, for people.
    pub(crate) object: &'static str,
    /// The path of the object.
    pub(crate) path: &'static str,
    /// The key of the document.
    pub(crate) key: &'static str,
    /// What would put it there.
    pub(crate) made_by: &'static str,
}

/// The address and CA of the cluster; the one object that anonymous clients may read.
pub(crate) const CLUSTER_INFO: Place = Place {
    object: "ConfigMap kube-public/cluster-info",
    path: "/api/v1/namespaces/kube-public/configmaps/cluster-info",
    key: "kubeconfig",
    made_by: "kubeadm init phase bootstrap-token",
};

/// The start of the keys of its signatures; the id of a token follows.
pub(crate) const SIGNATURE_KEY_PREFIX: &str = "jws-kubeconfig-";

/// The cluster's configuration.
pub(crate) const CLUSTER_CONFIGURATION: Place = Place {
    object: "ConfigMap kube-system/kubeadm-config",
    path: "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
    key: "ClusterConfiguration",
    made_by: "kubeadm init phase upload-config kubeadm",
};

/// The kubelets' configuration.
pub(crate) const KUBELET_CONFIGURATION: Place = Place {
    object: "ConfigMap kube-system/kubelet-config",
    path: "/api/v1/namespaces/kube-system/configmaps/kubelet-config",
    key: "kubelet",
    made_by: "kubeadm init phase upload-config kubelet",
};

/// The proxy's configuration; a cluster need not have it.
pub(crate) const PROXY_CONFIGURATION: Place = Place {
    object: "ConfigMap kube-system/kube-proxy",
    path: "/api/v1/namespaces/kube-system/configmaps/kube-proxy",
    key: "config.conf",
    made_by: "kubeadm init phase addon kube-proxy",
};

/// The certificates that control planes share, encrypted.
pub(crate) const SHARED_CERTIFICATES: Place = Place {
    object: "Secret kube-system/kubeadm-certs",
    path: "/api/v1/namespaces/kube-system/secrets/kubeadm-certs",
    key: "",
    made_by: "kubeadm init phase upload-certs --upload-certs",
};

/// Those that are there whatever etcd the cluster has.
pub(crate) const SHARED_ALWAYS: [&str; 6] = [
    "ca.crt",
    "ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "sa.pub",
    "sa.key",
];

/// Those of a cluster with an etcd of its own.
pub(crate) const SHARED_OWN_ETCD: [&str; 2] = ["etcd-ca.crt", "etcd-ca.key"];

/// Those of a cluster with an external etcd.
pub(crate) const SHARED_OTHER_ETCD: [&str; 3] = [
    "external-etcd-ca.crt",
    "external-etcd.crt",
    "external-etcd.key",
];

/// The names in the kubeconfig that a kubelet bootstraps with.
pub(crate) const BOOTSTRAP_CLUSTER: &str = "kubernetes";
/// The user of a token.
pub(crate) const BOOTSTRAP_USER: &str = "tls-bootstrap-token-user";

/// What a program that hands out credentials is told, and answers.
pub(crate) const EXEC_KIND: &str = "ExecCredential";
/// The API groups and versions of that which are spoken (client-go, "client-go credential plugins").
pub(crate) const EXEC_VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];
/// The variable it is told in.
pub(crate) const EXEC_VARIABLE: &str = "KUBERNETES_EXEC_INFO";

/// The kubeadm API in whose documents discovery is described.
pub(crate) const CONFIG_VERSIONS: [&str; 2] = ["kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1beta3"];
/// The kind of those documents.
pub(crate) const CONFIG_KIND: &str = "JoinConfiguration";

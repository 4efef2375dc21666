//! Where kubeplan's tables deliberately differ from Go's types, each with the reason.

/// One field that is not what Go's type says.
pub struct Exception {
    /// The struct, such as `kubeadm_v1beta4.InitConfiguration`.
    pub structure: &'static str,
    /// The field.
    pub field: &'static str,
    /// What it is instead.
    pub is: Is,
    /// Why.
    pub why: &'static str,
}

/// What a field is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// A string whose value must not be shown.
    Secret,
    /// Not in the table.
    Absent,
}

const READ_BEFORE: &str =
    "the header of a document is read before its kind is known, and written for every kind alike";
const CERTIFICATE_KEY: &str = "decrypts the control plane's keys in the Secret kubeadm-certs";
const TOKEN: &str = "a bootstrap token, which lets a node join";

const fn header(structure: &'static str, field: &'static str) -> Exception {
    Exception {
        structure,
        field,
        is: Is::Absent,
        why: READ_BEFORE,
    }
}

const fn secret(structure: &'static str, field: &'static str, why: &'static str) -> Exception {
    Exception {
        structure,
        field,
        is: Is::Secret,
        why,
    }
}

/// All of them. One that fits no field is an error when the tables are made.
pub const EXCEPTIONS: &[Exception] = &[
    header("kubeadm_v1beta3.ClusterConfiguration", "apiVersion"),
    header("kubeadm_v1beta3.ClusterConfiguration", "kind"),
    header("kubeadm_v1beta3.InitConfiguration", "apiVersion"),
    header("kubeadm_v1beta3.InitConfiguration", "kind"),
    header("kubeadm_v1beta3.JoinConfiguration", "apiVersion"),
    header("kubeadm_v1beta3.JoinConfiguration", "kind"),
    header("kubeadm_v1beta4.ClusterConfiguration", "apiVersion"),
    header("kubeadm_v1beta4.ClusterConfiguration", "kind"),
    header("kubeadm_v1beta4.InitConfiguration", "apiVersion"),
    header("kubeadm_v1beta4.InitConfiguration", "kind"),
    header("kubeadm_v1beta4.JoinConfiguration", "apiVersion"),
    header("kubeadm_v1beta4.JoinConfiguration", "kind"),
    header("kube_proxy_v1alpha1.KubeProxyConfiguration", "apiVersion"),
    header("kube_proxy_v1alpha1.KubeProxyConfiguration", "kind"),
    header("kubelet_v1beta1.KubeletConfiguration", "apiVersion"),
    header("kubelet_v1beta1.KubeletConfiguration", "kind"),
    secret("kubeadm_v1beta3.BootstrapTokenDiscovery", "token", TOKEN),
    secret("kubeadm_v1beta3.Discovery", "tlsBootstrapToken", TOKEN),
    secret(
        "kubeadm_v1beta3.InitConfiguration",
        "certificateKey",
        CERTIFICATE_KEY,
    ),
    secret(
        "kubeadm_v1beta3.JoinControlPlane",
        "certificateKey",
        CERTIFICATE_KEY,
    ),
    secret("kubeadm_v1beta4.BootstrapTokenDiscovery", "token", TOKEN),
    secret("kubeadm_v1beta4.Discovery", "tlsBootstrapToken", TOKEN),
    secret(
        "kubeadm_v1beta4.InitConfiguration",
        "certificateKey",
        CERTIFICATE_KEY,
    ),
    secret(
        "kubeadm_v1beta4.JoinControlPlane",
        "certificateKey",
        CERTIFICATE_KEY,
    ),
];

//! Where kubeadm, and the components it starts, keep things on a host.
//!
//! A reset has to find them on hosts that kubeadm made, and has to know what the kubelet and etcd made on hosts that a bundle was
//! installed on. Source: cmd/kubeadm/app/constants and cmd/kubeadm/app/cmd/phases/reset/cleanupnode.go of Kubernetes 1.36.

use crate::host::RootPath;

/// Static Pod manifests.
pub(crate) const MANIFESTS: RootPath = RootPath::fixed("/etc/kubernetes/manifests");

/// The manifest of etcd, in [`MANIFESTS`].
pub(crate) const ETCD_MANIFEST: &str = "etcd.yaml";

/// The name of etcd's data in its manifest.
pub(crate) const ETCD_VOLUME: &str = "etcd-data";
/// What etcd makes in its data directory.
pub(crate) const ETCD_MEMBER: &str = "member";
/// etcd's data directory unless configured otherwise.
pub(crate) const ETCD_DATA: RootPath = RootPath::fixed("/var/lib/etcd");

/// The kubelet's directory.
pub(crate) const KUBELET: RootPath = RootPath::fixed("/var/lib/kubelet");
/// In it: a directory for each Pod that this kubelet runs, named by the Pod's UID.
pub(crate) const PODS: &str = "pods";
/// The kubelet's service.
pub(crate) const KUBELET_SERVICE: &str = "kubelet";

/// kubeadm's kubeconfig files.
pub(crate) const KUBECONFIGS: [RootPath; 6] = [
    RootPath::fixed("/etc/kubernetes/admin.conf"),
    RootPath::fixed("/etc/kubernetes/super-admin.conf"),
    RootPath::fixed("/etc/kubernetes/kubelet.conf"),
    RootPath::fixed("/etc/kubernetes/bootstrap-kubelet.conf"),
    RootPath::fixed("/etc/kubernetes/controller-manager.conf"),
    RootPath::fixed("/etc/kubernetes/scheduler.conf"),
];

/// What the kubelet writes itself when it is given [`BOOTSTRAP_KUBECONFIG`].
pub(crate) const KUBELET_KUBECONFIG: RootPath = RootPath::fixed("/etc/kubernetes/kubelet.conf");
/// What a kubelet joins with.
pub(crate) const BOOTSTRAP_KUBECONFIG: RootPath =
    RootPath::fixed("/etc/kubernetes/bootstrap-kubelet.conf");

/// kubeadm's certificates unless configured otherwise.
pub(crate) const CERTIFICATES: &str = "/etc/kubernetes/pki";
/// kubeadm's backups of upgrades and outputs of dry runs.
pub(crate) const TEMPORARY: RootPath = RootPath::fixed("/etc/kubernetes/tmp");
/// How the names of directories in [`TEMPORARY`] begin in which `kubeadm upgrade` keeps files from before: static Pods and the
/// kubelet's configuration (1.36.2, `cmd/kubeadm/app/phases/upgrade`).
pub(crate) const BACKUPS: [&str; 2] = ["kubeadm-backup-manifests-", "kubeadm-kubelet-config"];
/// The kubeconfig of kubeadm's commands.
pub(crate) const ADMIN: &str = "/etc/kubernetes/admin.conf";

/// Files that say which container runtime the kubelet uses; the first that does counts.
pub(crate) const RUNTIME_SETTINGS: [RootPath; 3] = [
    RootPath::fixed("/var/lib/kubelet/instance-config.yaml"),
    RootPath::fixed("/var/lib/kubelet/config.yaml"),
    RootPath::fixed("/var/lib/kubelet/kubeadm-flags.env"),
];

/// The label in which the kubelet writes a Pod's UID on its sandboxes (pkg/kubelet/types/labels.go of Kubernetes).
pub(crate) const POD_UID_LABEL: &str = "io.kubernetes.pod.uid";

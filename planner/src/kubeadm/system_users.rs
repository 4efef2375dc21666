//! Users and groups that kubeadm creates for a control plane that does not run as root.
//!
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/constants/constants.go.

/// The users of etcd, kube-apiserver, kube-controller-manager and kube-scheduler.
pub const USERS: [&str; 4] = ["kubeadm-etcd", "kubeadm-kas", "kubeadm-kcm", "kubeadm-ks"];

/// The group of the users that may read the service-account key.
pub const SA_KEY_READERS: &str = "kubeadm-sa-key-readers";

/// All groups.
pub const GROUPS: [&str; 5] = [USERS[0], USERS[1], USERS[2], USERS[3], SA_KEY_READERS];

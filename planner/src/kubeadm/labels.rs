//! Labels that kubeadm sets.

/// Labels of a control-plane node, without value (kubeadm v1.36.2, cmd/kubeadm/app/constants/constants.go).
pub const CONTROL_PLANE: [&str; 2] = [
    "node-role.kubernetes.io/control-plane",
    "node.kubernetes.io/exclude-from-external-load-balancers",
];

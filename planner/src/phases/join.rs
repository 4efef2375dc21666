//! The phases of `kubeadm join` that write files.
//!
//! As in [`super::PHASES`], each is a function that names its entries; those that do what `init` does are the same. A worker has the
//! ones that concern it ([`super::Selection`]). Source: kubeadm v1.36.2, cmd/kubeadm/app/cmd/phases/join.

use super::{PhaseDef, TransactionDef, certs, control_plane, etcd, kubeconfig, kubelet_start};

const CERTS: &str = "control-plane-prepare/certs";
const KUBECONFIG: &str = "control-plane-prepare/kubeconfig";
const CONTROL_PLANE: &str = "control-plane-prepare/control-plane";
/// The phase that makes the node a member of etcd.
pub(crate) const ETCD_JOIN: &str = "etcd-join";
/// The transaction with the manifest of etcd.
pub(crate) const ETCD: &str = "etcd";

/// The phases that write files, in kubeadm's order. What control-plane nodes share is planned with their own certificates, so that there
/// is nothing to download.
pub const JOIN_PHASES: &[PhaseDef] = &[
    PhaseDef::new(CERTS, certs::joining_folders),
    PhaseDef::of_item(CERTS, "ca", certs::certificate),
    PhaseDef::of_item(CERTS, "apiserver", certs::certificate),
    PhaseDef::of_item(CERTS, "apiserver-kubelet-client", certs::certificate),
    PhaseDef::of_item(CERTS, "front-proxy-ca", certs::certificate),
    PhaseDef::of_item(CERTS, "front-proxy-client", certs::certificate),
    PhaseDef::of_item(CERTS, "etcd-ca", certs::certificate),
    PhaseDef::of_item(CERTS, "etcd-server", certs::certificate),
    PhaseDef::of_item(CERTS, "etcd-peer", certs::certificate),
    PhaseDef::of_item(CERTS, "etcd-healthcheck-client", certs::certificate),
    PhaseDef::of_item(CERTS, "apiserver-etcd-client", certs::certificate),
    PhaseDef::of_item(CERTS, "sa", certs::service_account),
    PhaseDef::of_item(KUBECONFIG, "admin", kubeconfig::file),
    PhaseDef::of_item(KUBECONFIG, "controller-manager", kubeconfig::file),
    PhaseDef::of_item(KUBECONFIG, "scheduler", kubeconfig::file),
    PhaseDef::new(CONTROL_PLANE, control_plane::apiserver),
    PhaseDef::new(CONTROL_PLANE, control_plane::controller_manager),
    PhaseDef::new(CONTROL_PLANE, control_plane::scheduler),
    PhaseDef::new("kubelet-start", kubelet_start::joining_files),
    PhaseDef::new(ETCD_JOIN, etcd::joining),
];

/// The transactions in commit order. That of etcd is committed by the step that adds the member.
pub const JOIN_TRANSACTIONS: &[TransactionDef] = &[
    TransactionDef {
        name: "certs",
        phase: CERTS,
    },
    TransactionDef {
        name: "kubeconfig",
        phase: KUBECONFIG,
    },
    TransactionDef::of("kubelet-start"),
    TransactionDef {
        name: "control-plane",
        phase: CONTROL_PLANE,
    },
    TransactionDef {
        name: ETCD,
        phase: ETCD_JOIN,
    },
];

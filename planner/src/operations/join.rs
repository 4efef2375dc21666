//! `kubeadm join`: a node joins a cluster that another node made.
//!
//! A worker has only the phases for workers ([`crate::selection`]). The bundle starts the kubelet, joins etcd, and waits for the kubelet's
//! credentials last: the kubelet of a control-plane node gets them from its own API server, which needs its etcd. No object is applied,
//! because the cluster has all of them.

use super::{Operation, TransactionDef};
use crate::config::ValidConfig;
use crate::kubeadm::phase_tree::DOWNLOAD_CERTS;
use crate::kubeadm::{layout, phase_tree};
use crate::patches::Target;
use crate::phases::preflight::{self, Command, Join};
use crate::phases::{
    PlanError, certs, control_plane, etcd, kubeconfig, kubelet_start, kubelet_wait_bootstrap,
    mark_control_plane, wait_control_plane,
};
use crate::render::static_pod::etcd::EtcdMembers;
use kubeplan_bundle::step::Step;

/// `kubeadm join` (v1.36.2, cmd/kubeadm/app/cmd/join.go).
pub static JOIN: Operation = Operation {
    tree: &phase_tree::JOIN,
    phases: &[
        certs::JOIN,
        kubeconfig::JOIN,
        control_plane::JOIN,
        kubelet_start::JOIN,
        etcd::JOIN,
        kubelet_wait_bootstrap::JOIN,
        mark_control_plane::JOIN,
        wait_control_plane::JOIN,
    ],
    transactions: &[
        TransactionDef {
            name: "certs",
            phase: certs::PREPARE,
        },
        TransactionDef {
            name: "kubeconfig",
            phase: kubeconfig::PREPARE,
        },
        TransactionDef::of("kubelet-start"),
        TransactionDef {
            name: "control-plane",
            phase: control_plane::PREPARE,
        },
        TransactionDef {
            name: etcd::TRANSACTION,
            phase: etcd::ETCD_JOIN,
        },
    ],
    checks,
    etcd_members: EtcdMembers::OfTheCluster,
    // The server of admin.conf, as with kubeadm.
    api_server: |config| config.control_plane_url(),
    authority_path: |config, kubelet| {
        if config.is_control_plane() {
            layout::certificate(&config.cluster.certificates_dir, "ca")
        } else {
            kubelet.ca_cert_path().value
        }
    },
    phase_of_certificate: |name, config| {
        let phase = match name.strip_suffix(".conf") {
            Some("kubelet") => "kubelet-start",
            _ if !config.is_control_plane() => "kubelet-start",
            Some(_) => kubeconfig::PREPARE,
            None => certs::PREPARE,
        };
        phase.to_owned()
    },
    phase_of_patch: |target| match target {
        Target::KubeletConfiguration => Some("kubelet-start"),
        Target::CoreDnsDeployment => None,
        Target::Etcd => Some(etcd::ETCD_JOIN),
        Target::KubeApiserver | Target::KubeControllerManager | Target::KubeScheduler => {
            Some(control_plane::PREPARE)
        }
    },
    uploads_certificates: false,
    always_empty: &[
        (DOWNLOAD_CERTS, "what it would download is part of the plan"),
        ("check-etcd", "etcd-join asks etcd itself"),
    ],
    empty_unless: &[],
};

fn checks(config: &ValidConfig) -> Result<Vec<Step>, PlanError> {
    let join = config
        .joining()
        .map(Join::of)
        .ok_or_else(|| PlanError::Phase("preflight".to_owned()))?;
    let command = if config.is_control_plane() {
        Command::join_control_plane(&join)
    } else {
        Command::join_worker(&join)
    };
    preflight::steps(config, command)
}

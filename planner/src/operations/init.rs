//! `kubeadm init`: the first control-plane node creates the cluster.

use super::{Operation, TransactionDef};
use crate::kubeadm::{layout, phase_tree};
use crate::patches::Target;
use crate::phases::preflight::{self, Command};
use crate::phases::{
    addon, bootstrap_token, certs, control_plane, etcd, kubeconfig, kubelet_finalize,
    kubelet_start, mark_control_plane, show_join_command, upload_certs, upload_config,
    wait_control_plane,
};
use crate::render::static_pod::etcd::EtcdMembers;

/// `kubeadm init` (v1.36.2, cmd/kubeadm/app/cmd/init.go).
pub static INIT: Operation = Operation {
    tree: &phase_tree::INIT,
    phases: &[
        certs::INIT,
        kubeconfig::INIT,
        etcd::INIT,
        control_plane::INIT,
        kubelet_start::INIT,
        wait_control_plane::INIT,
        upload_config::INIT,
        upload_certs::INIT,
        mark_control_plane::INIT,
        bootstrap_token::INIT,
        kubelet_finalize::INIT,
        addon::coredns::INIT,
        addon::kube_proxy::INIT,
        show_join_command::INIT,
    ],
    transactions: &[
        TransactionDef::of("certs"),
        TransactionDef::of("kubeconfig"),
        TransactionDef::of("kubelet-start"),
        TransactionDef::of("etcd"),
        TransactionDef::of("control-plane"),
    ],
    checks: |config| preflight::steps(config, Command::INIT),
    etcd_members: EtcdMembers::Own,
    // Not the control-plane endpoint, which may not lead to this node yet.
    api_server: |config| config.local_endpoint_url(),
    authority_path: |config, _| layout::certificate(&config.cluster.certificates_dir, "ca"),
    phase_of_certificate: |name, _| match name.strip_suffix(".conf") {
        Some(own) => format!("kubeconfig/{own}"),
        None => format!("certs/{name}"),
    },
    phase_of_patch: |target| {
        Some(match target {
            Target::KubeletConfiguration => "kubelet-start",
            Target::CoreDnsDeployment => "addon/coredns",
            Target::Etcd => "etcd/local",
            Target::KubeApiserver => "control-plane/apiserver",
            Target::KubeControllerManager => "control-plane/controller-manager",
            Target::KubeScheduler => "control-plane/scheduler",
        })
    },
    uploads_certificates: true,
    always_empty: &[],
    empty_unless: &[
        ("upload-certs", "it needs --upload-certs"),
        (
            "show-join-command",
            "it prints the tokens of phase bootstrap-token, and the plan has none",
        ),
    ],
};

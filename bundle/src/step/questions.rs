//! What a step says of itself: its phase, what it does, what it needs.
//!
//! Each answer is a match over every variant, so that a new step answers before it compiles.

use super::{Endpoint, EndpointIdentity, PhaseName, ServiceName, Step, StepKind};
use crate::check::{Check, CheckName};
use crate::name::{EntryName, TransactionName};
use crate::path::HostPath;

impl Step {
    /// kubeadm's phase this step belongs to.
    #[must_use]
    pub const fn phase(&self) -> &PhaseName {
        match self {
            Self::Preflight { phase, .. }
            | Self::CommitTransaction { phase, .. }
            | Self::ApplyObjects { phase, .. }
            | Self::LabelAndTaintNode { phase, .. }
            | Self::AnnotateNode { phase, .. }
            | Self::StartService { phase, .. }
            | Self::WaitForEndpoints { phase, .. }
            | Self::UseRotatedCertificate { phase, .. }
            | Self::WaitForControlPlane { phase, .. }
            | Self::RequireFreeNodeName { phase, .. }
            | Self::FinishTlsBootstrap { phase, .. }
            | Self::JoinEtcd { phase, .. }
            | Self::ShowJoinCommand { phase, .. } => phase,
        }
    }

    /// What the step does, in one line for people. Secrets have no part in it.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Preflight { checks, .. } => match checks.len() {
                1 => "make 1 check".to_owned(),
                many => format!("make {many} checks"),
            },
            Self::CommitTransaction { transaction, .. } => format!("commit {transaction}"),
            Self::ApplyObjects { entries, .. } => match entries.len() {
                1 => "apply 1 object".to_owned(),
                many => format!("apply {many} objects"),
            },
            Self::LabelAndTaintNode {
                node,
                labels,
                taints,
                ..
            } => {
                let labels = labels
                    .iter()
                    .map(|(key, value)| format!("label {key}={value}"));
                let taints = taints.iter().map(|taint| format!("taint {taint}"));
                let all: Vec<String> = labels.chain(taints).collect();
                format!("set on node {node}: {}", all.join(", "))
            }
            Self::AnnotateNode {
                node, annotations, ..
            } => {
                let all: Vec<String> = annotations
                    .iter()
                    .map(|(key, value)| format!("annotation {key}={value}"))
                    .collect();
                format!("set on node {node}: {}", all.join(", "))
            }
            Self::StartService { service, .. } => format!("start {service}"),
            Self::WaitForEndpoints {
                endpoints,
                timeout_seconds,
                ..
            } => {
                let names: Vec<&str> = endpoints.iter().map(|e| e.name.as_str()).collect();
                format!("wait up to {timeout_seconds} s for {}", names.join(", "))
            }
            Self::UseRotatedCertificate {
                kubeconfig,
                certificate,
                ..
            } => format!("let {kubeconfig} use {certificate}"),
            Self::WaitForControlPlane {
                timeout_seconds, ..
            } => format!("wait up to {timeout_seconds} s for the control plane"),
            Self::RequireFreeNodeName { node, .. } => {
                format!("check that no other host is node {node}")
            }
            Self::FinishTlsBootstrap {
                bootstrap_kubeconfig,
                timeout_seconds,
                ..
            } => format!(
                "wait up to {timeout_seconds} s for the kubelet's credentials, then remove {bootstrap_kubeconfig}"
            ),
            Self::JoinEtcd {
                member,
                transaction,
                ..
            } => format!("join etcd as {member}, commit {transaction}"),
            Self::ShowJoinCommand { .. } => "print the join commands for other nodes".to_owned(),
        }
    }

    /// Whether the step needs a running host. Such a step is not run when a bundle is installed into a directory.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        match self {
            Self::Preflight { .. } | Self::CommitTransaction { .. } => false,
            Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::StartService { .. }
            | Self::WaitForEndpoints { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::JoinEtcd { .. }
            | Self::ShowJoinCommand { .. } => true,
        }
    }

    /// The transaction that the step commits.
    #[must_use]
    pub const fn commits(&self) -> Option<&TransactionName> {
        match self {
            Self::CommitTransaction { transaction, .. } | Self::JoinEtcd { transaction, .. } => {
                Some(transaction)
            }
            Self::Preflight { .. }
            | Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::StartService { .. }
            | Self::WaitForEndpoints { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::ShowJoinCommand { .. } => None,
        }
    }

    /// The file that the step takes away once its use is over.
    #[must_use]
    pub const fn removes(&self) -> Option<&HostPath> {
        match self {
            Self::FinishTlsBootstrap {
                bootstrap_kubeconfig,
                ..
            } => Some(bootstrap_kubeconfig),
            Self::Preflight { .. }
            | Self::CommitTransaction { .. }
            | Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::StartService { .. }
            | Self::WaitForEndpoints { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::JoinEtcd { .. }
            | Self::ShowJoinCommand { .. } => None,
        }
    }

    /// The checks that the step makes, in order.
    #[must_use]
    pub const fn checks(&self) -> &[Check] {
        match self {
            Self::Preflight { checks, .. } => checks.as_slice(),
            Self::CommitTransaction { .. }
            | Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::StartService { .. }
            | Self::WaitForEndpoints { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::JoinEtcd { .. }
            | Self::ShowJoinCommand { .. } => &[],
        }
    }

    /// The checks whose errors the step counts as warnings.
    #[must_use]
    pub const fn ignores(&self) -> &[CheckName] {
        match self {
            Self::Preflight { ignore, .. } => ignore.as_slice(),
            Self::CommitTransaction { .. }
            | Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::StartService { .. }
            | Self::WaitForEndpoints { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::JoinEtcd { .. }
            | Self::ShowJoinCommand { .. } => &[],
        }
    }

    /// The object entries that the step applies, in order.
    #[must_use]
    pub const fn applies(&self) -> &[EntryName] {
        match self {
            Self::ApplyObjects { entries, .. } => entries.as_slice(),
            Self::Preflight { .. }
            | Self::CommitTransaction { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::StartService { .. }
            | Self::WaitForEndpoints { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::JoinEtcd { .. }
            | Self::ShowJoinCommand { .. } => &[],
        }
    }

    /// The service that the step starts.
    #[must_use]
    pub const fn starts(&self) -> Option<&ServiceName> {
        match self {
            Self::StartService { service, .. } => Some(service),
            Self::Preflight { .. }
            | Self::CommitTransaction { .. }
            | Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::WaitForEndpoints { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::JoinEtcd { .. }
            | Self::ShowJoinCommand { .. } => None,
        }
    }

    /// The endpoints that have to answer before the step is done, and how long each of them has, in seconds.
    #[must_use]
    pub const fn awaits(&self) -> Option<(&[Endpoint], u32)> {
        match self {
            Self::WaitForEndpoints {
                endpoints,
                timeout_seconds,
                ..
            } => Some((endpoints.as_slice(), *timeout_seconds)),
            Self::Preflight { .. }
            | Self::CommitTransaction { .. }
            | Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::StartService { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::JoinEtcd { .. }
            | Self::ShowJoinCommand { .. } => None,
        }
    }

    /// Whether the step looks at the host before anything is changed. All such steps come first.
    #[must_use]
    pub const fn only_looks(&self) -> bool {
        match self.kind() {
            StepKind::Preflight => true,
            StepKind::CommitTransaction
            | StepKind::ApplyObjects
            | StepKind::LabelAndTaintNode
            | StepKind::AnnotateNode
            | StepKind::StartService
            | StepKind::WaitForEndpoints
            | StepKind::UseRotatedCertificate
            | StepKind::WaitForControlPlane
            | StepKind::RequireFreeNodeName
            | StepKind::FinishTlsBootstrap
            | StepKind::JoinEtcd
            | StepKind::ShowJoinCommand => false,
        }
    }

    /// Whether the step calls the API server.
    #[must_use]
    pub fn calls_api(&self) -> bool {
        match self {
            Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::JoinEtcd { .. } => true,
            Self::WaitForEndpoints { endpoints, .. } => endpoints
                .iter()
                .any(|endpoint| endpoint.identity == EndpointIdentity::Administrator),
            Self::Preflight { .. }
            | Self::CommitTransaction { .. }
            | Self::StartService { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::ShowJoinCommand { .. } => false,
        }
    }
}

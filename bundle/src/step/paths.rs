//! Which paths of the host a step touches, and what each of them may be.
//!
//! [`Step::paths`] names every one. [`crate::index::Index::check`] compares each with what it may be before anything is
//! done, when a bundle is written and when it is read.

use super::Step;
use crate::access::{ADMIN, BOOTSTRAP, KUBELET, MayBe, Role, SUPER_ADMIN, StepPath};

impl Step {
    /// Every path of the host that the step reads, changes or removes, in the order of its fields. The paths of a
    /// transaction's files are those of its entries.
    #[must_use]
    pub fn paths(&self) -> Vec<StepPath<'_>> {
        let one = StepPath::new;
        let reads = |field, path, may_be| StepPath::new(field, path, Role::Reads, may_be);
        match self {
            Self::CommitTransaction { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::StartService { .. }
            | Self::WaitForEndpoints { .. } => Vec::new(),
            Self::Preflight { checks, .. } => {
                let mut all = Vec::new();
                for (number, check) in checks.iter().enumerate() {
                    let of_check = check.look.paths();
                    all.extend(of_check.into_iter().map(|path| StepPath {
                        field: format!("checks[{number}].look.{}", path.field),
                        ..path
                    }));
                }
                all
            }
            Self::ApplyObjects {
                fallback_kubeconfig,
                ..
            } => fallback_kubeconfig
                .iter()
                .map(|path| {
                    let may_be = MayBe::Kubeconfig(&[SUPER_ADMIN]);
                    reads("fallbackKubeconfig", path.as_str(), may_be)
                })
                .collect(),
            Self::UseRotatedCertificate {
                kubeconfig,
                certificate,
                ..
            } => vec![
                one(
                    "kubeconfig",
                    kubeconfig.as_str(),
                    Role::Changes,
                    MayBe::Kubeconfig(&[KUBELET]),
                ),
                reads(
                    "certificate",
                    certificate.as_str(),
                    MayBe::Named("kubelet-client-current.pem"),
                ),
            ],
            Self::WaitForControlPlane { kubeconfig, .. } => vec![reads(
                "kubeconfig",
                kubeconfig.as_str(),
                MayBe::Kubeconfig(&[ADMIN, KUBELET, BOOTSTRAP]),
            )],
            Self::RequireFreeNodeName {
                bootstrap_kubeconfig,
                kubeconfig,
                ..
            } => vec![
                reads(
                    "bootstrapKubeconfig",
                    bootstrap_kubeconfig.as_str(),
                    MayBe::Kubeconfig(&[BOOTSTRAP]),
                ),
                reads(
                    "kubeconfig",
                    kubeconfig.as_str(),
                    MayBe::Kubeconfig(&[KUBELET]),
                ),
            ],
            Self::FinishTlsBootstrap {
                bootstrap_kubeconfig,
                kubeconfig,
                ..
            } => vec![
                one(
                    "bootstrapKubeconfig",
                    bootstrap_kubeconfig.as_str(),
                    Role::Removes,
                    MayBe::Kubeconfig(&[BOOTSTRAP]),
                ),
                reads(
                    "kubeconfig",
                    kubeconfig.as_str(),
                    MayBe::Kubeconfig(&[KUBELET]),
                ),
            ],
            Self::JoinEtcd { client, .. } => vec![
                reads(
                    "client.authority",
                    client.authority.as_str(),
                    MayBe::Named("etcd/ca.crt"),
                ),
                reads(
                    "client.certificate",
                    client.certificate.as_str(),
                    MayBe::Named("etcd/healthcheck-client.crt"),
                ),
                reads(
                    "client.key",
                    client.key.as_str(),
                    MayBe::Named("etcd/healthcheck-client.key"),
                ),
            ],
            Self::ShowJoinCommand { kubeconfig, .. } => vec![reads(
                "kubeconfig",
                kubeconfig.as_str(),
                MayBe::Kubeconfig(&[ADMIN]),
            )],
        }
    }
}

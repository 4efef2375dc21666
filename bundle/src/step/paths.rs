//! Which paths of the host a step touches, and what each of them may be.
//!
//! [`Step::paths`] names every one. [`crate::index::Index::check`] compares each with what it may be before anything is
//! done, when a bundle is written and when it is read: a path is that of a file of the same bundle, or stands on the
//! field's own closed list. The lists hold where kubeadm has such a file (`cmd/kubeadm/app/constants`), for plans that leave
//! out the phase which writes it, or whose files came from elsewhere.

use super::Step;

pub(crate) const ADMIN: &str = "/etc/kubernetes/admin.conf";
const SUPER_ADMIN: &str = "/etc/kubernetes/super-admin.conf";
pub(crate) const KUBELET: &str = "/etc/kubernetes/kubelet.conf";
const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";

/// What calls of the API are made as ([`crate::index::Api`]).
pub(crate) const API_KUBECONFIG: MayBe = MayBe::Kubeconfig(&[ADMIN]);

/// What a step does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks whether something is there.
    Looks,
    /// Reads the file.
    Reads,
    /// Replaces the file; the old one is kept until the run is confirmed.
    Changes,
    /// Removes the file; it is kept until the run is confirmed.
    Removes,
}

impl Role {
    /// For people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Looks => "looks at",
            Self::Reads => "reads",
            Self::Changes => "changes",
            Self::Removes => "removes",
        }
    }

    /// Whether the file is another one afterwards, or none.
    #[must_use]
    pub const fn writes(self) -> bool {
        match self {
            Self::Looks | Self::Reads => false,
            Self::Changes | Self::Removes => true,
        }
    }
}

/// What a path of a step may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayBe {
    /// A sealed kubeconfig of the bundle, or one of these paths.
    Kubeconfig(&'static [&'static str]),
    /// A file of the bundle, or any file whose last components are these, outside the file systems of the kernel. The
    /// folder is the configuration's to choose.
    Named(&'static str),
    /// One of these paths.
    Listed(&'static [&'static str]),
    /// A file for TLS that the configuration names, outside the file systems of the kernel. Nothing of its content is told.
    TlsFile,
    /// Any path: all that is told is whether something is there.
    Anywhere,
}

/// A path of the host that a step touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPath<'a> {
    /// The field, as [`super::Detail::path`] names it.
    pub field: String,
    /// The path.
    pub path: &'a str,
    /// What the step does with it.
    pub role: Role,
    /// What it may be.
    pub may_be: MayBe,
}

impl<'a> StepPath<'a> {
    pub(crate) fn new(field: &str, path: &'a str, role: Role, may_be: MayBe) -> Self {
        Self {
            field: field.to_owned(),
            path,
            role,
            may_be,
        }
    }
}

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

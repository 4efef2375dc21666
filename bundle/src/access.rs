//! Paths of the host in steps and checks: what is done with each, and which paths are allowed.
//!
//! A path is that of a file of the same bundle, or stands on the closed list of the field that names it: [`crate::index::Index::check`]
//! compares them before anything is done. The lists hold where kubeadm has such a file (`cmd/kubeadm/app/constants`), for plans
//! that leave out the phase which writes it, or whose files came from elsewhere.

pub(crate) const ADMIN: &str = "/etc/kubernetes/admin.conf";
pub(crate) const SUPER_ADMIN: &str = "/etc/kubernetes/super-admin.conf";
pub(crate) const KUBELET: &str = "/etc/kubernetes/kubelet.conf";
pub(crate) const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";

/// The kubeconfig whose credentials calls of the API use ([`crate::index::Api`]).
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

    /// Whether the file is changed or removed.
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
    /// directory is the configuration's to choose.
    Named(&'static str),
    /// One of these paths.
    Listed(&'static [&'static str]),
    /// A file for TLS that the configuration names, outside the file systems of the kernel. Its content is never printed.
    TlsFile,
    /// A directory that the configuration names, outside the file systems of the kernel. Names in it are printed, no content.
    Directory,
    /// Any path: the result says only whether something is there.
    Anywhere,
}

/// A path of the host that a step touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPath<'a> {
    /// The field, as [`crate::step::Detail::path`] names it.
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

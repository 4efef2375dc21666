//! kubeadm's phases: one file for each.
//!
//! In: the configuration; key material only where a part needs it. Out: the [`Part`]s that each file offers, for `init` as `INIT`, for
//! `join` as `JOIN`; which of them a command is made of, and in which order, is in [`crate::operations`]. A part is a pure function: it
//! places entries on the host, with the directories they lie in, so that it can stand alone; it applies objects; or it is a step on a
//! running host. What is made from keys a part only names ([`Keyed`]), or it gets a [`KeyedContext`].
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/cmd/phases and app/phases.

pub mod addon;
pub(crate) mod bootstrap_token;
pub(crate) mod certs;
pub(crate) mod control_plane;
pub(crate) mod etcd;
mod keyed;
pub(crate) mod kubeconfig;
pub(crate) mod kubelet_finalize;
pub(crate) mod kubelet_start;
pub(crate) mod kubelet_wait_bootstrap;
pub(crate) mod mark_control_plane;
mod pods;
pub mod preflight;
pub(crate) mod show_join_command;
pub(crate) mod upload_certs;
pub(crate) mod upload_config;
pub(crate) mod wait_control_plane;

use std::time::Duration;

use kubeplan_bundle::index::ParseNameError;
use kubeplan_bundle::path::{HostPath, ParsePathError};
use kubeplan_bundle::step::{ParsePhaseError, PhaseName, ServiceName, Step};

use crate::config::ValidConfig;
use crate::config::kubelet::EffectiveKubelet;
use crate::kubeadm::layout::{self, Kind};
use crate::patches::PatchError;
use crate::plan::{PlannedContent, PlannedEntry, PlannedObject, ValueSource};
use crate::render::kubeconfig::KubeconfigError;
use crate::render::kubeconfig::bootstrap::BootstrapError;
use crate::render::kubelet::KubeletTexts;
use crate::render::objects::{ApiObject, ObjectError};
use crate::render::pod_validation::RefusedPod;
use crate::render::static_pod::StaticPodError;
use crate::render::static_pod::flags::KUBEADM_DEFAULT;
use crate::selection::Selection;

pub use keyed::{Keyed, KeyedContext, Outlined, OutlinedEntry};
pub use pods::Pods;

/// The name of the kubelet's service in every package.
const KUBELET_SERVICE: &str = "kubelet";

/// What a part without keys gets.
#[derive(Clone, Copy, Debug)]
pub struct PhaseContext<'a> {
    /// The configuration.
    pub config: &'a ValidConfig,
    /// The phases of the plan.
    pub selection: &'a Selection,
    /// The node's static Pods.
    pub pods: &'a Pods<'a>,
    /// The node's kubelet.
    pub kubelet: &'a EffectiveKubelet<'a>,
    /// Texts that nodes with the same configuration share.
    pub kubelet_texts: &'a KubeletTexts,
}

/// A part of one of kubeadm's phases.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// kubeadm's name of the phase, such as `certs/apiserver`.
    pub phase: &'static str,
    /// Which certificate or kubeconfig it writes, if the phase's name does not say so.
    item: Option<&'static str>,
    /// What it does.
    pub work: Work,
}

/// What a part of a phase does.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Places files, each after the directory that it is in. A directory that an earlier part places for the same reason is placed once.
    Files(Files),
    /// Applies objects, in one step with those of the phase's other parts. No step if there are no objects.
    Objects(Objects),
    /// Applies objects that are made from certificates, keys or tokens.
    KeyedObjects(KeyedObjects),
    /// Applies, as super-admin.conf, the objects that make admin.conf an administrator.
    Bind(Objects),
    /// Adds a step without objects; `None` if there is nothing to do.
    Step(LiveStep),
    /// Adds a step about the objects that are planned so far.
    StepAbout(StepAbout),
}

/// The entries of a phase.
pub type Files = fn(&Part, &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError>;

/// The objects of a phase.
pub type Objects = fn(&PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError>;

/// The objects of a phase that are made from keys.
pub type KeyedObjects = fn(&KeyedContext<'_>) -> Result<Vec<ApiObject>, ObjectError>;

/// A step of a phase.
pub type LiveStep = fn(PhaseName, &PhaseContext<'_>) -> Result<Option<Step>, ObjectError>;

/// A step of a phase that depends on objects.
pub type StepAbout =
    fn(PhaseName, &KeyedContext<'_>, &[PlannedObject]) -> Result<Option<Step>, ObjectError>;

/// Why a node cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The kubeconfig that a kubelet bootstraps with cannot be used.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// etcd's manifest has no place for the list of members.
    #[error(
        "the manifest of etcd has no `--initial-cluster` that the running cluster could fill in: nothing in \
         `ClusterConfiguration.etcd.local.extraArgs` or in a patch of `etcd` may set or remove it on a node that joins"
    )]
    InitialCluster,
    /// The configuration names a place that no bundle can write to.
    #[error("{path} cannot be a destination; change {from}")]
    Path {
        /// The place.
        path: String,
        /// The configuration field that it comes from.
        from: String,
        /// What is wrong with it.
        #[source]
        source: ParsePathError,
    },
    /// The key store lacks a certificate.
    #[error("the key store has no certificate `{0}`")]
    NoCertificate(String),
    /// The key store has a certificate without its key.
    #[error(
        "the key store has no private key of certificate `{0}`; only a CA may come without its key"
    )]
    NoKey(String),
    /// A kubeconfig cannot be made.
    #[error("a kubeconfig cannot be planned")]
    Kubeconfig(#[from] KubeconfigError),
    /// An API object cannot be made.
    #[error("an API object cannot be planned")]
    Object(#[from] ObjectError),
    /// A static Pod cannot be made.
    #[error("a static Pod cannot be planned")]
    StaticPod(#[from] StaticPodError),
    /// The kubelet would refuse static Pods; never empty.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    RefusedPods(Vec<RefusedPod>),
    /// A patch does not apply.
    #[error("the user's patches cannot be applied")]
    Patch(#[from] PatchError),
    /// Two entries have the same path.
    #[error("{path} is planned twice: by phase {first} and by phase {second}")]
    PlannedTwice {
        /// The path.
        path: String,
        /// The earlier phase, and the configuration field that its path comes from.
        first: String,
        /// The later phase, likewise.
        second: String,
    },
    /// A phase of the tables has no transaction, or no valid name.
    #[error("phase `{0}` has no place in the plan")]
    Phase(String),
    /// A name in the tables is not a valid phase name.
    #[error(transparent)]
    PhaseName(#[from] ParsePhaseError),
    /// A check cannot look at the path or address that the configuration gives.
    #[error("a preflight check cannot look where the configuration says")]
    Check(#[from] kubeplan_bundle::check::ParseCheckError),
    /// A service in the tables does not have a valid name.
    #[error(transparent)]
    Service(#[from] kubeplan_bundle::service::ParseServiceError),
    /// A name in the tables is not a valid name.
    #[error(transparent)]
    Name(#[from] ParseNameError),
}

impl PlanError {
    /// Whether the user must change the configuration, not the key store.
    #[must_use]
    pub const fn is_of_configuration(&self) -> bool {
        match self {
            Self::Bootstrap(_)
            | Self::InitialCluster
            | Self::Path { .. }
            | Self::StaticPod(_)
            | Self::RefusedPods(_)
            | Self::Patch(_)
            | Self::PlannedTwice { .. }
            | Self::Check(_) => true,
            Self::Object(error) => error.is_of_configuration(),
            Self::NoCertificate(_)
            | Self::NoKey(_)
            | Self::Kubeconfig(_)
            | Self::Phase(_)
            | Self::PhaseName(_)
            | Self::Service(_)
            | Self::Name(_) => false,
        }
    }
}

impl Part {
    const fn of(phase: &'static str, work: Work) -> Self {
        Self {
            phase,
            item: None,
            work,
        }
    }

    const fn files(phase: &'static str, files: Files) -> Self {
        Self::of(phase, Work::Files(files))
    }

    const fn files_of(phase: &'static str, item: &'static str, files: Files) -> Self {
        Self {
            item: Some(item),
            ..Self::files(phase, files)
        }
    }

    const fn objects(phase: &'static str, objects: Objects) -> Self {
        Self::of(phase, Work::Objects(objects))
    }

    const fn keyed_objects(phase: &'static str, objects: KeyedObjects) -> Self {
        Self::of(phase, Work::KeyedObjects(objects))
    }

    const fn step(phase: &'static str, step: LiveStep) -> Self {
        Self::of(phase, Work::Step(step))
    }

    /// The certificate or kubeconfig it writes: `ca` of `certs/ca`.
    fn item(&self) -> &'static str {
        let own_name = || {
            self.phase
                .split_once('/')
                .map_or(self.phase, |(_, own)| own)
        };
        self.item.unwrap_or_else(own_name)
    }

    /// `/etc/kubernetes` and the directory of manifests.
    fn manifest_directories(&self) -> Result<Vec<OutlinedEntry>, PlanError> {
        Ok(vec![
            self.kubernetes_directory()?,
            self.directory(
                Kind::ClosedDirectory,
                layout::MANIFESTS_DIR,
                KUBEADM_DEFAULT,
            )?,
        ])
    }

    /// `/etc/kubernetes`, always with the same mode; kubeadm makes it 0700 if a phase of manifests comes first.
    fn kubernetes_directory(&self) -> Result<OutlinedEntry, PlanError> {
        self.directory(Kind::OpenDirectory, layout::KUBERNETES_DIR, KUBEADM_DEFAULT)
    }

    fn directory(&self, kind: Kind, path: &str, from: &str) -> Result<OutlinedEntry, PlanError> {
        let sources = vec![ValueSource {
            value: "path".to_owned(),
            from: from.to_owned(),
        }];
        self.entry(kind, path, PlannedContent::Directory, sources)
    }

    fn entry(
        &self,
        kind: Kind,
        path: &str,
        content: impl Into<Outlined>,
        sources: Vec<ValueSource>,
    ) -> Result<OutlinedEntry, PlanError> {
        let placement = kind.at(path).map_err(|source| PlanError::Path {
            path: path.to_owned(),
            from: path_from(&sources).to_owned(),
            source,
        })?;
        Ok(PlannedEntry {
            placement,
            phase: self.phase.parse::<PhaseName>()?,
            content: content.into(),
            handoff: false,
            holes: Vec::new(),
            sources,
        })
    }
}

/// The configuration field that the path of an entry with these sources comes from.
pub(crate) fn path_from(sources: &[ValueSource]) -> &str {
    let from = sources.iter().find(|source| source.value == "path");
    from.map_or(KUBEADM_DEFAULT, |source| source.from.as_str())
}

fn kubelet_service() -> Result<ServiceName, ObjectError> {
    KUBELET_SERVICE
        .parse()
        .map_err(|_| ObjectError::Value("the kubelet's service"))
}

/// The path of a kubeconfig, such as `admin.conf`.
pub(crate) fn kubeconfig_path(name: &str) -> Result<HostPath, ObjectError> {
    Ok(layout::kubeconfig(name).parse()?)
}

/// Whole seconds, rounded up, at least one.
pub(crate) fn seconds(duration: Duration) -> u32 {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(whole.max(1)).unwrap_or(u32::MAX)
}

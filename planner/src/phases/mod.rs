//! kubeadm's phases that write files, and the plan of a node made from them.
//!
//! In: the configuration and key material. Out: a [`crate::plan::NodePlan`] of the phases that are selected. Each phase is a
//! pure function that names the entries it places, with the folders they lie in, so that it can stand alone; the order of
//! [`PHASES`] is kubeadm's (v1.36.2, `kubeadm init --help`), that of [`JOIN_PHASES`] `kubeadm join --help`'s. The order of
//! [`TRANSACTIONS`] and [`JOIN_TRANSACTIONS`] is the one in which they reach the host: static Pod manifests last, because a
//! kubelet that already runs starts what it finds.

mod certs;
mod control_plane;
mod etcd;
pub(crate) mod join;
mod kubeconfig;
mod kubelet_start;
pub mod names;
mod node;
mod notices;
pub mod preflight;
pub mod selection;

pub use join::{JOIN_PHASES, JOIN_TRANSACTIONS};
pub use node::plan_node;
pub use notices::{patch_notices, renders_nothing};
pub use selection::Selection;

use std::collections::BTreeMap;

use kubeplan_bundle::index::ParseNameError;
use kubeplan_bundle::path::ParsePathError;
use kubeplan_bundle::step::{ParsePhaseError, PhaseName};

use crate::config::ValidConfig;
use crate::kubeconfig::KubeconfigError;
use crate::kubeconfig::bootstrap::BootstrapError;
use crate::layout::{self, Kind};
use crate::objects::ObjectError;
use crate::patches::PatchError;
use crate::pki::{Material, WorkerMaterial};
use crate::plan::{PlannedContent, PlannedEntry, ValueSource};
use crate::static_pod::flags::KUBEADM_DEFAULT;
use crate::static_pod::{PodContext, StaticPodError};

/// Where certificates and keys come from.
#[derive(Clone, Copy, Debug)]
pub enum MaterialSource<'a> {
    /// The key store. Of a worker nothing but its [`WorkerMaterial`] is used.
    Issued(&'a Material),
    /// What a worker gets of the key store.
    Worker(&'a WorkerMaterial),
    /// There is none: certificate and key files are left out, kubeconfigs hold placeholders. Such a plan is for
    /// review only; the caller shows the certificates' profiles instead.
    None,
}

/// Everything a phase may look at.
#[derive(Clone, Copy, Debug)]
pub struct PhaseContext<'a> {
    /// The configuration.
    pub config: &'a ValidConfig,
    /// Certificates and keys.
    pub material: MaterialSource<'a>,
    /// The phases of the plan.
    pub selection: &'a Selection,
}

/// One of kubeadm's phases.
pub struct PhaseDef {
    /// kubeadm's name, such as `certs/apiserver`.
    pub name: &'static str,
    /// Which certificate or kubeconfig it writes, where the name does not say so.
    item: Option<&'static str>,
    /// What it places on the host, folders before what lies in them. A folder that an earlier phase of the plan places for
    /// the same reason is placed once.
    pub plan: PhasePlan,
}

/// What a phase places.
pub type PhasePlan = fn(&PhaseDef, &PhaseContext<'_>) -> Result<Vec<PlannedEntry>, PlanError>;

/// The phases that write files, in kubeadm's order.
pub const PHASES: &[PhaseDef] = &[
    PhaseDef::new("certs", certs::folders),
    PhaseDef::new("certs/ca", certs::certificate),
    PhaseDef::new("certs/apiserver", certs::certificate),
    PhaseDef::new("certs/apiserver-kubelet-client", certs::certificate),
    PhaseDef::new("certs/front-proxy-ca", certs::certificate),
    PhaseDef::new("certs/front-proxy-client", certs::certificate),
    PhaseDef::new("certs/etcd-ca", certs::certificate),
    PhaseDef::new("certs/etcd-server", certs::certificate),
    PhaseDef::new("certs/etcd-peer", certs::certificate),
    PhaseDef::new("certs/etcd-healthcheck-client", certs::certificate),
    PhaseDef::new("certs/apiserver-etcd-client", certs::certificate),
    PhaseDef::new("certs/sa", certs::service_account),
    PhaseDef::new("kubeconfig/admin", kubeconfig::file),
    PhaseDef::new("kubeconfig/super-admin", kubeconfig::file),
    PhaseDef::new("kubeconfig/kubelet", kubeconfig::file),
    PhaseDef::new("kubeconfig/controller-manager", kubeconfig::file),
    PhaseDef::new("kubeconfig/scheduler", kubeconfig::file),
    PhaseDef::new("etcd/local", etcd::local),
    PhaseDef::new("control-plane/apiserver", control_plane::apiserver),
    PhaseDef::new(
        "control-plane/controller-manager",
        control_plane::controller_manager,
    ),
    PhaseDef::new("control-plane/scheduler", control_plane::scheduler),
    PhaseDef::new("kubelet-start", kubelet_start::files),
];

/// Entries that reach the host together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionDef {
    /// Its name.
    pub name: &'static str,
    /// The phase, with those below it, whose entries it holds and that its step belongs to.
    pub phase: &'static str,
}

/// The transactions in commit order; each is named after the top-level phase whose entries it holds.
pub const TRANSACTIONS: &[TransactionDef] = &[
    TransactionDef::of("certs"),
    TransactionDef::of("kubeconfig"),
    TransactionDef::of("kubelet-start"),
    TransactionDef::of("etcd"),
    TransactionDef::of("control-plane"),
];

/// Why a node cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The kubeconfig that a kubelet bootstraps with cannot be used.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The manifest of a member that joins has no place for the list of members.
    #[error(
        "the manifest of etcd has no `--initial-cluster` that the running cluster could fill in: nothing in \
         `ClusterConfiguration.etcd.local.extraArgs` or in a patch of `etcd` may set or remove it on a node that joins"
    )]
    InitialCluster,
    /// The configuration names a place that no bundle can write to.
    #[error("{path} cannot be a destination; change the configuration field it comes from")]
    Path {
        /// The place.
        path: String,
        /// What is wrong with it.
        #[source]
        source: ParsePathError,
    },
    /// The key store lacks a certificate.
    #[error("the key store has no certificate `{0}`")]
    NoCertificate(String),
    /// The key store has a certificate without its key.
    #[error(
        "the key store has no private key of certificate `{0}`; only the key of a CA may be kept elsewhere"
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
    /// A patch does not apply.
    #[error("the user's patches cannot be applied")]
    Patch(#[from] PatchError),
    /// Two entries want the same path.
    #[error("{path} is planned twice: by phase {first} and by phase {second}")]
    PlannedTwice {
        /// The path.
        path: String,
        /// The earlier phase.
        first: String,
        /// The later phase.
        second: String,
    },
    /// A phase of the tables has no transaction, or no valid name.
    #[error("phase `{0}` has no place in the plan")]
    Phase(String),
    /// A name of the tables is no phase name.
    #[error(transparent)]
    PhaseName(#[from] ParsePhaseError),
    /// A check cannot look where the configuration says.
    #[error("the host cannot be checked as the configuration says")]
    Check(#[from] kubeplan_bundle::check::ParseCheckError),
    /// A service of the tables has no valid name.
    #[error(transparent)]
    Service(#[from] kubeplan_bundle::service::ParseServiceError),
    /// A name of the tables is no name.
    #[error(transparent)]
    Name(#[from] ParseNameError),
}

impl PhaseDef {
    const fn new(name: &'static str, plan: PhasePlan) -> Self {
        Self {
            name,
            item: None,
            plan,
        }
    }

    const fn of_item(name: &'static str, item: &'static str, plan: PhasePlan) -> Self {
        Self {
            name,
            item: Some(item),
            plan,
        }
    }

    /// The certificate or kubeconfig it writes: `ca` of `certs/ca`.
    fn item(&self) -> &'static str {
        let own_name = || self.name.split_once('/').map_or(self.name, |(_, own)| own);
        self.item.unwrap_or_else(own_name)
    }

    /// `/etc/kubernetes` and the folder of manifests.
    fn manifest_folders(&self) -> Result<Vec<PlannedEntry>, PlanError> {
        Ok(vec![
            self.kubernetes_folder()?,
            self.folder(Kind::ClosedFolder, layout::MANIFESTS_DIR, KUBEADM_DEFAULT)?,
        ])
    }

    /// `/etc/kubernetes`, with one mode whichever phase comes first; kubeadm makes it 0700 when that is a phase of manifests.
    fn kubernetes_folder(&self) -> Result<PlannedEntry, PlanError> {
        self.folder(Kind::OpenFolder, layout::KUBERNETES_DIR, KUBEADM_DEFAULT)
    }

    fn folder(&self, kind: Kind, path: &str, from: &str) -> Result<PlannedEntry, PlanError> {
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
        content: PlannedContent,
        sources: Vec<ValueSource>,
    ) -> Result<PlannedEntry, PlanError> {
        let placement = kind.at(path).map_err(|source| PlanError::Path {
            path: path.to_owned(),
            source,
        })?;
        Ok(PlannedEntry {
            placement,
            phase: self.name.parse::<PhaseName>()?,
            content,
            handoff: false,
            holes: Vec::new(),
            sources,
        })
    }
}

impl TransactionDef {
    const fn of(phase: &'static str) -> Self {
        Self { name: phase, phase }
    }

    /// Whether the entries of `phase` belong to it.
    #[must_use]
    pub fn holds(&self, phase: &PhaseDef) -> bool {
        phase.name == self.phase || names::parent(phase.name) == Some(self.phase)
    }
}

impl<'a> PhaseContext<'a> {
    fn pods(&self) -> PodContext<'a> {
        PodContext {
            config: self.config,
            external_ca: match self.material {
                MaterialSource::Issued(material) => material
                    .certificates
                    .get("ca")
                    .is_some_and(|ca| ca.key_pem.is_none()),
                MaterialSource::Worker(_) | MaterialSource::None => false,
            },
        }
    }
}

/// Paths of certificates by kubeadm's name, for tables.
fn certificate_paths(config: &ValidConfig) -> BTreeMap<&'static str, String> {
    let files = layout::CERTIFICATE_FILES.iter().map(|(name, base)| {
        let folder = &config.cluster.certificates_dir;
        (*name, layout::certificate(folder, base))
    });
    let kubeconfigs = crate::kubeconfig::FILES
        .iter()
        .map(|file| (file.file_name, layout::kubeconfig(file.file_name)));
    files.chain(kubeconfigs).collect()
}

#[cfg(test)]
mod tests;

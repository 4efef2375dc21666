//! API objects: what `kubeadm init` writes to the API, as reviewable text; and the steps on a running host, also of `kubeadm join`.
//!
//! In: the configuration and key material. Out: a [`LivePlan`]: the [`PlannedObject`]s of the selected phases in
//! kubeadm's order and the [`Step`]s around them. A node that joins writes no object; its steps are in [`join`]. An object has the same name in every selection. One file per
//! family; typed with k8s-openapi and serialised once, here; texts inside ConfigMaps are kubeadm's, byte for byte. What
//! only the running cluster knows is a [`Hole`]. Nothing here contacts an API.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/phases, order of `kubeadm init --dry-run`.

mod bootstrap_tokens;
mod cluster_admins;
mod cluster_info;
mod component_hash;
mod coredns;
mod cri_socket;
mod join;
mod kube_proxy;
mod kubeadm_config;
mod kubelet_config;
mod mark_control_plane;
mod rbac;
mod running_host;
mod secret;
#[cfg(test)]
mod tests;
mod upload_certs;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};
use kubeplan_bundle::index::hole::{FieldPath, ParseHoleError, Ttl};
use kubeplan_bundle::index::{EntryName, Hole, ParseNameError};
use kubeplan_bundle::path::ParsePathError;
use kubeplan_bundle::step::{ParsePhaseError, PhaseName, Step};
use serde::Serialize;
use serde_json::Value;

use crate::config::ValidConfig;
use crate::config::valid::Membership;
use crate::patches::PatchError;
use crate::phases::{MaterialSource, Selection};
use crate::plan::{LivePlan, PlannedContent, PlannedObject, ValueSource};
use crate::static_pod::StaticPodError;
use crate::yaml::write::to_go_yaml;

/// The namespace of nearly everything.
const KUBE_SYSTEM: &str = "kube-system";

/// Whom bootstrap tokens authenticate as by default.
const NODE_BOOTSTRAPPERS: &str = "system:bootstrappers:kubeadm:default-node-token";

/// Everything an object may be made from.
#[derive(Clone, Copy, Debug)]
pub struct ObjectContext<'a> {
    /// The configuration.
    pub config: &'a ValidConfig,
    /// Certificates, keys, tokens.
    pub material: MaterialSource<'a>,
}

/// Why objects cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The object cannot be turned into a document.
    #[error("{kind} `{name}` cannot be serialised")]
    Serialise {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// The text has no place for its secret.
    #[error("the text of Secret `{0}` has no place for its secret")]
    NoPlace(String),
    /// The key store lacks a certificate.
    #[error("the key store has no certificate `{0}`")]
    NoCertificate(&'static str),
    /// Certificates of an external etcd lie on the host only.
    #[error(
        "the certificates of an external etcd lie on the host and nowhere else, so they cannot be uploaded from here; plan without --upload-certs"
    )]
    ExternalEtcd,
    /// A certificate cannot be encrypted.
    #[error("`{0}` cannot be encrypted for upload")]
    Encrypt(&'static str),
    /// A taint or an endpoint that validation let through and nothing can be made of.
    #[error("{0} has no form that an object can hold")]
    Value(&'static str),
    /// A patch does not apply.
    #[error("the user's patches cannot be applied")]
    Patch(#[from] PatchError),
    /// An object names an owner that its phase does not have.
    #[error("the owner of an object of phase `{0}` is not among its objects")]
    Owner(&'static str),
    /// A static Pod, whose addresses are asked for, cannot be made.
    #[error(transparent)]
    StaticPod(#[from] StaticPodError),
    /// A name of the tables is no phase name.
    #[error(transparent)]
    Phase(#[from] ParsePhaseError),
    /// A place on the host that the configuration gives is none.
    #[error(transparent)]
    HostPath(#[from] ParsePathError),
    /// An object's name gives no entry name.
    #[error(transparent)]
    Name(#[from] ParseNameError),
    /// A place of the tables is no place.
    #[error(transparent)]
    Hole(#[from] ParseHoleError),
}

/// One of kubeadm's phases that need a running host.
struct LivePhase {
    /// kubeadm's name.
    name: &'static str,
    work: Work,
}

/// What a phase does.
enum Work {
    /// Applies objects; none, and there is no step.
    Apply(Objects),
    /// Makes admin.conf an administrator, as super-admin.conf.
    Bind,
    /// A step without objects; none, and there is nothing to do.
    Step(fn(PhaseName, &ObjectContext<'_>) -> Result<Option<Step>, ObjectError>),
    /// Says how to join with the tokens that were applied.
    ShowJoinCommand,
}

type Objects = fn(&ObjectContext<'_>) -> Result<Vec<ApiObject>, ObjectError>;

/// The phases in kubeadm's order, but that the components are waited for before the administrators are bound: kubeadm
/// binds first and gives the API server one minute for it, whatever the time for components is. The binding is written
/// with the first use of admin.conf, which is in [`BINDING_PHASE`]; where that is skipped, in the phase that comes next.
const PHASES: &[LivePhase] = &[
    LivePhase::step("kubelet-start", running_host::start_kubelet),
    LivePhase::step(BINDING_PHASE, running_host::wait_for_kubelet),
    LivePhase::step(BINDING_PHASE, running_host::wait_for_components),
    LivePhase {
        name: BINDING_PHASE,
        work: Work::Bind,
    },
    LivePhase::apply("upload-config/kubeadm", kubeadm_config::objects),
    LivePhase::apply("upload-config/kubelet", kubelet_config::objects),
    LivePhase::step("upload-config/kubelet", cri_socket::step),
    LivePhase::apply("upload-certs", upload_certs::objects),
    LivePhase::step("mark-control-plane", mark_control_plane::step),
    LivePhase::apply(BOOTSTRAP_TOKEN, bootstrap_tokens::objects),
    LivePhase::step(
        "kubelet-finalize/enable-client-cert-rotation",
        running_host::use_rotated_certificate,
    ),
    LivePhase::apply("addon/coredns", coredns::objects),
    LivePhase::apply("addon/kube-proxy", kube_proxy::objects),
    LivePhase {
        name: "show-join-command",
        work: Work::ShowJoinCommand,
    },
];

/// Where the binding of the administrators is written unless it is skipped.
const BINDING_PHASE: &str = "wait-control-plane";

/// The phase whose Secrets are the tokens to join with.
const BOOTSTRAP_TOKEN: &str = "bootstrap-token";

impl LivePhase {
    const fn apply(name: &'static str, objects: Objects) -> Self {
        Self {
            name,
            work: Work::Apply(objects),
        }
    }

    const fn step(
        name: &'static str,
        step: fn(PhaseName, &ObjectContext<'_>) -> Result<Option<Step>, ObjectError>,
    ) -> Self {
        Self {
            name,
            work: Work::Step(step),
        }
    }
}

/// An object before it has its place in the plan.
struct ApiObject {
    kind: &'static str,
    namespace: Option<String>,
    name: String,
    content: PlannedContent,
    holes: Vec<ObjectHole>,
    sources: Vec<ValueSource>,
}

/// A hole before entries have names.
enum ObjectHole {
    TokenExpiry(Ttl),
    /// The uid of the object at this position of the same phase.
    OwnerUid(usize),
}

impl ApiObject {
    /// A public object, serialised.
    fn public<T>(object: &T, sources: &[(&str, &str)]) -> Result<Self, ObjectError>
    where
        T: Resource + Metadata<Ty = ObjectMeta> + Serialize,
    {
        let document = document(object)?;
        Ok(Self::of_document(
            T::KIND,
            &document,
            value_sources(sources),
        ))
    }

    /// A public object whose document exists already.
    fn of_document(kind: &'static str, document: &Value, sources: Vec<ValueSource>) -> Self {
        let text = |pointer| document.pointer(pointer).and_then(Value::as_str);
        Self {
            kind,
            namespace: text("/metadata/namespace").map(str::to_owned),
            name: text("/metadata/name").unwrap_or_default().to_owned(),
            content: PlannedContent::Public(to_go_yaml(document).into_bytes()),
            holes: Vec::new(),
            sources,
        }
    }
}

/// An object as a document.
fn document<T>(object: &T) -> Result<Value, ObjectError>
where
    T: Resource + Metadata<Ty = ObjectMeta> + Serialize,
{
    serde_json::to_value(object).map_err(|source| ObjectError::Serialise {
        kind: T::KIND,
        name: object.metadata().name.clone().unwrap_or_default(),
        source,
    })
}

/// CoreDNS's Deployment without the user's patches.
///
/// # Errors
/// [`ObjectError`] if it cannot be written down.
pub fn coredns_deployment(config: &ValidConfig) -> Result<Value, ObjectError> {
    coredns::deployment_document(config)
}

fn value_sources(sources: &[(&str, &str)]) -> Vec<ValueSource> {
    sources
        .iter()
        .map(|(value, from)| ValueSource {
            value: (*value).to_owned(),
            from: (*from).to_owned(),
        })
        .collect()
}

/// The metadata of an object with a name only.
fn metadata(namespace: Option<&str>, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ObjectMeta::default()
    }
}

/// The selected objects of the first control-plane node in the order of application, and the steps that need a running host; of a node
/// that joins the steps only.
///
/// # Errors
/// [`ObjectError`] if the key store lacks something, or an object cannot be written down.
pub fn plan(context: &ObjectContext<'_>) -> Result<LivePlan, ObjectError> {
    let phases = phases(context)?;
    let total: usize = phases.iter().map(|phase| phase.objects.len()).sum();
    let width = total.to_string().len().max(2);
    let mut live = LivePlan::default();
    let mut number = 0;
    for phase in phases {
        if !phase.selected {
            number += phase.objects.len();
            continue;
        }
        let name: PhaseName = phase.name.parse()?;
        let mut entries: Vec<EntryName> = Vec::with_capacity(phase.objects.len());
        for (at, object) in phase.objects.into_iter().enumerate() {
            // A binding that was moved here keeps its number, which is the first.
            let moved = at < phase.moved;
            number += usize::from(!moved);
            let own_number = if moved { at + 1 } else { number };
            let entry = entry_name(own_number, width, phase.name, &object)?;
            let own = entries.get(phase.moved..).unwrap_or_default();
            let holes = holes(&object, own, phase.name)?;
            entries.push(entry.clone());
            live.objects.push(PlannedObject {
                entry,
                phase: name.clone(),
                kind: object.kind.to_owned(),
                namespace: object.namespace,
                name: object.name,
                content: object.content,
                holes,
                sources: object.sources,
            });
        }
        if !entries.is_empty() {
            live.steps.push(Step::ApplyObjects {
                phase: name.clone(),
                entries,
                fallback_kubeconfig: phase.binds.then(running_host::super_admin).transpose()?,
            });
        }
        live.steps.extend(phase.step);
        if phase.shows_join_command {
            let tokens = join_tokens(&live.objects);
            live.steps
                .extend(running_host::show_join_command(name, context, tokens)?);
        }
    }
    let asks = |step: &Step| {
        let for_name = matches!(step, Step::RequireFreeNodeName { .. });
        step.calls_api() || (for_name && context.config.is_control_plane())
    };
    if live.steps.iter().any(asks) {
        live.api = Some(running_host::api(context.config)?);
    }
    Ok(live)
}

/// The holes of `object`, whose phase has these entries so far.
fn holes(
    object: &ApiObject,
    entries: &[EntryName],
    phase: &'static str,
) -> Result<Vec<Hole>, ObjectError> {
    let holes = object.holes.iter().map(|hole| match hole {
        ObjectHole::TokenExpiry(ttl) => Ok(Hole::TokenExpiry {
            at: path("data/expiration")?,
            ttl: *ttl,
        }),
        ObjectHole::OwnerUid(position) => Ok(Hole::OwnerUid {
            at: path("metadata/ownerReferences/0/uid")?,
            owner: entries
                .get(*position)
                .cloned()
                .ok_or(ObjectError::Owner(phase))?,
        }),
    });
    holes.collect()
}

/// The Secrets of the tokens that others join with.
fn join_tokens(planned: &[PlannedObject]) -> Vec<EntryName> {
    planned
        .iter()
        .filter(|object| object.phase.as_str() == BOOTSTRAP_TOKEN && object.kind == "Secret")
        .map(|object| object.entry.clone())
        .collect()
}

/// A phase with what it does; the objects of one that is not selected are counted only.
struct PhaseWork {
    name: &'static str,
    selected: bool,
    objects: Vec<ApiObject>,
    /// How many of the objects, the first ones, are those of a phase that was skipped.
    moved: usize,
    /// Whether the binding of the administrators is among the objects.
    binds: bool,
    step: Option<Step>,
    shows_join_command: bool,
}

fn phases(context: &ObjectContext<'_>) -> Result<Vec<PhaseWork>, ObjectError> {
    let selection = Selection::of(context.config);
    let (table, binds) = match context.config.membership {
        Membership::Founds => (PHASES, true),
        Membership::Joins(_) => (join::PHASES, false),
    };
    // Whoever asks for single phases gets what is theirs and nothing else.
    let mut to_move = binds && !(selection.is_exact() || selection.includes(BINDING_PHASE));
    let mut phases = Vec::with_capacity(table.len());
    for phase in table {
        let selected = selection.includes(phase.name);
        let mut found = PhaseWork {
            name: phase.name,
            selected,
            objects: Vec::new(),
            moved: 0,
            binds: matches!(phase.work, Work::Bind),
            step: None,
            shows_join_command: matches!(phase.work, Work::ShowJoinCommand),
        };
        let objects: Option<Objects> = match phase.work {
            Work::Apply(objects) => Some(objects),
            Work::Bind => Some(cluster_admins::objects),
            Work::Step(step) if selected => {
                found.step = step(phase.name.parse()?, context)?;
                None
            }
            Work::Step(_) | Work::ShowJoinCommand => None,
        };
        match objects.map(|objects| objects(context)) {
            Some(Ok(objects)) => found.objects = objects,
            Some(Err(error)) if selected => return Err(error),
            // What cannot be made for this configuration may be the reason why it is left out.
            Some(Err(_)) | None => {}
        }
        let calls_api =
            !found.objects.is_empty() || found.step.as_ref().is_some_and(Step::calls_api);
        if to_move && selected && calls_api {
            to_move = false;
            let mut moved = cluster_admins::objects(context)?;
            found.moved = moved.len();
            found.binds = true;
            moved.append(&mut found.objects);
            found.objects = moved;
        }
        phases.push(found);
    }
    Ok(phases)
}

fn path(text: &str) -> Result<FieldPath, ObjectError> {
    Ok(text.parse()?)
}

/// `objects/NN-<phase>-<kind>-<name>.yaml`; what an entry name cannot hold becomes `-`.
fn entry_name(
    number: usize,
    width: usize,
    phase: &str,
    object: &ApiObject,
) -> Result<EntryName, ObjectError> {
    let plain: String = format!("{phase}-{}-{}", object.kind.to_lowercase(), object.name)
        .chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' => c,
            _ => '-',
        })
        .collect();
    Ok(format!("objects/{number:0width$}-{plain}.yaml").parse()?)
}

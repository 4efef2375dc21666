//! API objects: what `kubeadm init` writes to the API, as reviewable text.
//!
//! In: the configuration and key material. Out: [`PlannedObject`]s in kubeadm's order and the live [`Step`]s that apply them. One file per
//! family; typed with k8s-openapi and serialised once, here; texts inside ConfigMaps are kubeadm's, byte for byte. What
//! only the running cluster knows is a [`Hole`]. Nothing here contacts an API.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/phases, order of `kubeadm init --dry-run`.

mod bootstrap_tokens;
mod cluster_admins;
mod cluster_info;
mod component_hash;
mod coredns;
mod cri_socket;
mod kube_proxy;
mod kubeadm_config;
mod kubelet_config;
mod mark_control_plane;
mod rbac;
mod secret;
#[cfg(test)]
mod tests;
mod upload_certs;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};
use kubeplan_bundle::index::hole::{FieldPath, ParseHoleError, Ttl};
use kubeplan_bundle::index::{EntryName, Hole, ParseNameError};
use kubeplan_bundle::step::{ParsePhaseError, PhaseName, Step};
use serde::Serialize;
use serde_json::Value;

use crate::config::ValidConfig;
use crate::patches::PatchError;
use crate::phases::MaterialSource;
use crate::plan::{PlannedContent, PlannedObject, ValueSource};
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
    /// A name of the tables is no phase name.
    #[error(transparent)]
    Phase(#[from] ParsePhaseError),
    /// An object's name gives no entry name.
    #[error(transparent)]
    Name(#[from] ParseNameError),
    /// A place of the tables is no place.
    #[error(transparent)]
    Hole(#[from] ParseHoleError),
}

/// One of kubeadm's phases that write to the API.
struct LivePhase {
    /// kubeadm's name.
    name: &'static str,
    work: Work,
}

/// What a phase does.
enum Work {
    /// Applies objects; none, and there is no step.
    Apply(fn(&ObjectContext<'_>) -> Result<Vec<ApiObject>, ObjectError>),
    /// A step without objects; none, and there is nothing to do.
    OnNode(fn(PhaseName, &ValidConfig) -> Result<Option<Step>, ObjectError>),
}

/// The phases in kubeadm's order. The binding of the administrators is written as soon as the API server answers,
/// which is in `wait-control-plane`.
const PHASES: &[LivePhase] = &[
    LivePhase::apply("wait-control-plane", cluster_admins::objects),
    LivePhase::apply("upload-config/kubeadm", kubeadm_config::objects),
    LivePhase::apply("upload-config/kubelet", kubelet_config::objects),
    LivePhase::on_node("upload-config/kubelet", |phase, config| {
        Ok(cri_socket::step(phase, config))
    }),
    LivePhase::apply("upload-certs", upload_certs::objects),
    LivePhase::on_node("mark-control-plane", |phase, config| {
        mark_control_plane::step(phase, config).map(Some)
    }),
    LivePhase::apply("bootstrap-token", bootstrap_tokens::objects),
    LivePhase::apply("addon/coredns", coredns::objects),
    LivePhase::apply("addon/kube-proxy", kube_proxy::objects),
];

impl LivePhase {
    const fn apply(
        name: &'static str,
        objects: fn(&ObjectContext<'_>) -> Result<Vec<ApiObject>, ObjectError>,
    ) -> Self {
        Self {
            name,
            work: Work::Apply(objects),
        }
    }

    const fn on_node(
        name: &'static str,
        step: fn(PhaseName, &ValidConfig) -> Result<Option<Step>, ObjectError>,
    ) -> Self {
        Self {
            name,
            work: Work::OnNode(step),
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

/// Every object of the first control-plane node in the order of application, and the steps that need a running cluster.
///
/// # Errors
/// [`ObjectError`] if the key store lacks something, or an object cannot be written down.
pub fn plan(context: &ObjectContext<'_>) -> Result<(Vec<PlannedObject>, Vec<Step>), ObjectError> {
    let mut phases = Vec::new();
    for phase in PHASES {
        let objects = match phase.work {
            Work::Apply(objects) => objects(context)?,
            Work::OnNode(_) => Vec::new(),
        };
        phases.push((phase, objects));
    }
    let total: usize = phases.iter().map(|(_, objects)| objects.len()).sum();
    let width = total.to_string().len().max(2);
    let mut planned = Vec::with_capacity(total);
    let mut steps = Vec::new();
    for (phase, objects) in phases {
        let name: PhaseName = phase.name.parse()?;
        if let Work::OnNode(step) = phase.work {
            steps.extend(step(name, context.config)?);
            continue;
        }
        let mut entries: Vec<EntryName> = Vec::with_capacity(objects.len());
        for object in objects {
            let entry = entry_name(planned.len() + 1, width, phase.name, &object)?;
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
                        .ok_or(ObjectError::Owner(phase.name))?,
                }),
            });
            let holes = holes.collect::<Result<_, ObjectError>>()?;
            entries.push(entry.clone());
            planned.push(PlannedObject {
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
            steps.push(Step::ApplyObjects {
                phase: name,
                entries,
            });
        }
    }
    Ok((planned, steps))
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

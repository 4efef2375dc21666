//! API objects before they have a place in a plan: their text, what is secret in them, and what only the running cluster knows.
//!
//! In: an object, typed with k8s-openapi. Out: an [`ApiObject`], serialised once, here. An object's phase makes it, below
//! [`crate::phases`]; this module has what all of them use: roles and their bindings ([`rbac`]), Secrets ([`secret`]), and the annotation of
//! component configurations ([`component_hash`]).

pub(crate) mod component_hash;
pub(crate) mod rbac;
pub(crate) mod secret;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};
use kubeplan_bundle::index::ParseNameError;
use kubeplan_bundle::index::hole::{ParseHoleError, Ttl};
use kubeplan_bundle::path::ParsePathError;
use kubeplan_bundle::step::ParsePhaseError;
use serde::Serialize;
use serde_json::Value;

use super::static_pod::StaticPodError;
use crate::patches::PatchError;
use crate::plan::{PlannedContent, ValueSource};
use crate::yaml::write::to_go_yaml;

/// The namespace of nearly everything.
pub(crate) const KUBE_SYSTEM: &str = "kube-system";

/// The group that bootstrap tokens authenticate as by default.
pub(crate) const NODE_BOOTSTRAPPERS: &str = "system:bootstrappers:kubeadm:default-node-token";

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
    /// The certificates of an external etcd are on the host only.
    #[error(
        "the certificates of an external etcd are on the host alone, so they cannot be uploaded; plan without --upload-certs"
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
    /// A name in the tables is not a valid phase name.
    #[error(transparent)]
    Phase(#[from] ParsePhaseError),
    /// A path in the configuration is not a valid host path.
    #[error(transparent)]
    HostPath(#[from] ParsePathError),
    /// An object's name gives no entry name.
    #[error(transparent)]
    Name(#[from] ParseNameError),
    /// A field path in the tables is not valid.
    #[error(transparent)]
    Hole(#[from] ParseHoleError),
}

impl ObjectError {
    /// Whether the user must change the configuration, not the key store.
    #[must_use]
    pub const fn is_of_configuration(&self) -> bool {
        match self {
            Self::ExternalEtcd
            | Self::Value(_)
            | Self::Patch(_)
            | Self::StaticPod(_)
            | Self::HostPath(_) => true,
            Self::Serialise { .. }
            | Self::NoPlace(_)
            | Self::NoCertificate(_)
            | Self::Encrypt(_)
            | Self::Owner(_)
            | Self::Phase(_)
            | Self::Name(_)
            | Self::Hole(_) => false,
        }
    }
}

/// An object before it has its place in the plan.
#[derive(Clone, Debug)]
pub struct ApiObject {
    pub(crate) kind: &'static str,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) content: PlannedContent,
    pub(crate) holes: Vec<ObjectHole>,
    pub(crate) sources: Vec<ValueSource>,
    /// Fields that patches set and Kubernetes does not have, so that they are dropped.
    pub(crate) unknown: Vec<String>,
}

/// A hole before entries have names.
#[derive(Clone, Debug)]
pub(crate) enum ObjectHole {
    TokenExpiry(Ttl),
    /// The uid of the object at this position of the same phase.
    OwnerUid(usize),
}

impl ApiObject {
    /// A public object, serialised.
    pub(crate) fn public<T>(object: &T, sources: &[(&str, &str)]) -> Result<Self, ObjectError>
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
    pub(crate) fn of_document(
        kind: &'static str,
        document: &Value,
        sources: Vec<ValueSource>,
    ) -> Self {
        let text = |pointer| document.pointer(pointer).and_then(Value::as_str);
        Self {
            kind,
            namespace: text("/metadata/namespace").map(str::to_owned),
            name: text("/metadata/name").unwrap_or_default().to_owned(),
            content: PlannedContent::Public(to_go_yaml(document).into_bytes()),
            holes: Vec::new(),
            sources,
            unknown: Vec::new(),
        }
    }
}

/// An object as a document.
pub(crate) fn document<T>(object: &T) -> Result<Value, ObjectError>
where
    T: Resource + Metadata<Ty = ObjectMeta> + Serialize,
{
    serde_json::to_value(object).map_err(|source| ObjectError::Serialise {
        kind: T::KIND,
        name: object.metadata().name.clone().unwrap_or_default(),
        source,
    })
}

pub(crate) fn value_sources(sources: &[(&str, &str)]) -> Vec<ValueSource> {
    sources
        .iter()
        .map(|(value, from)| ValueSource {
            value: (*value).to_owned(),
            from: (*from).to_owned(),
        })
        .collect()
}

/// The metadata of an object with a name only.
pub(crate) fn metadata(namespace: Option<&str>, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ObjectMeta::default()
    }
}

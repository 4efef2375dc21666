//! What every kind of document may hold, as tables.
//!
//! In: nothing. Out: one [`Object`] per kind with every field, its Go type and the two properties that decide how
//! Go prints it: whether it is a pointer and whether it is `omitempty`. Decoding, suggestions and Go's normal form
//! all read these tables; there is no other list of fields.

pub mod cluster;
mod common;
mod kube_proxy;
mod kubeadm;
mod kubelet;
mod normal;
mod suggest;
pub mod v1beta3;

use crate::releases::Span;

pub use kubeadm::HTTP_ENDPOINTS;
pub use normal::normal_form;
pub use suggest::{nearest, places_of};

/// The Go type of a field, as far as it shapes text.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `int32`.
    Int32,
    /// `int64`.
    Int64,
    /// `uint32`.
    Uint32,
    /// `float32`.
    Float32,
    /// `float64`.
    Float64,
    /// `string`.
    String,
    /// A `string` whose value must not be shown.
    SecretString,
    /// `metav1.Duration`.
    Duration,
    /// A duration as text, or nanoseconds as a number.
    DurationOrNanoseconds,
    /// `metav1.Time`.
    Time,
    /// `resource.Quantity`.
    Quantity,
    /// A bootstrap token; its value must not be shown.
    Token,
    /// A list.
    List(&'static Type),
    /// A mapping from names.
    Map(&'static Type),
    /// A mapping with known fields.
    Object(&'static Object),
    /// A known name whose meaning is not implemented; takes any value.
    NotYet,
}

/// A mapping with known fields.
#[derive(Debug)]
pub struct Object {
    /// Name of the Go type or of the kind.
    pub name: &'static str,
    /// The fields, without `apiVersion` and `kind`.
    pub fields: &'static [Field],
}

/// One field of an [`Object`].
#[derive(Debug)]
pub struct Field {
    /// The name in YAML.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// Go holds a pointer, so absent differs from zero.
    pub pointer: bool,
    /// Not printed when empty (never applies to structs).
    pub omitempty: bool,
    /// The releases whose types have it. One that not all of them have is `omitempty`.
    pub releases: Span,
}

/// A kind of document that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `kubeadm.k8s.io/v1beta4 InitConfiguration`.
    Init,
    /// `kubeadm.k8s.io/v1beta4 ClusterConfiguration`.
    Cluster,
    /// `kubelet.config.k8s.io/v1beta1 KubeletConfiguration`.
    Kubelet,
    /// `kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration`.
    KubeProxy,
    /// `kubeplan.io/v1alpha1 Cluster`.
    Inventory,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Init,
        Self::Cluster,
        Self::Kubelet,
        Self::KubeProxy,
        Self::Inventory,
    ];

    /// The value of `apiVersion`.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Init | Self::Cluster => super::kubeadm::API_VERSION,
            Self::Kubelet => "kubelet.config.k8s.io/v1beta1",
            Self::KubeProxy => "kubeproxy.config.k8s.io/v1alpha1",
            Self::Inventory => "kubeplan.io/v1alpha1",
        }
    }

    /// The value of `kind`, which field paths start with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.object().name
    }

    /// The table of its fields.
    #[must_use]
    pub const fn object(self) -> &'static Object {
        match self {
            Self::Init => &kubeadm::INIT_CONFIGURATION,
            Self::Cluster => &kubeadm::CLUSTER_CONFIGURATION,
            Self::Kubelet => &kubelet::KUBELET_CONFIGURATION,
            Self::KubeProxy => &kube_proxy::KUBE_PROXY_CONFIGURATION,
            Self::Inventory => &cluster::CLUSTER,
        }
    }
}

impl Object {
    /// The field called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Type {
    /// What is expected, for messages.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int32 | Self::Int64 | Self::Uint32 => "an integer",
            Self::Float32 | Self::Float64 => "a number",
            Self::String | Self::SecretString => "a string",
            Self::Duration => "a duration such as `1h30m`",
            Self::DurationOrNanoseconds => "a duration such as `5s`, or nanoseconds",
            Self::Time => "a time such as `2027-01-02T15:04:05Z`",
            Self::Quantity => "a quantity such as `500Mi`",
            Self::Token => "a bootstrap token",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Object(_) => "a mapping",
            Self::NotYet => "nothing",
        }
    }
}

const BOOL: Type = Type::Bool;
const INT32: Type = Type::Int32;
const INT64: Type = Type::Int64;
const UINT32: Type = Type::Uint32;
const FLOAT32: Type = Type::Float32;
const FLOAT64: Type = Type::Float64;
const STRING: Type = Type::String;
const SECRET: Type = Type::SecretString;
const DURATION: Type = Type::Duration;
const FLUSH: Type = Type::DurationOrNanoseconds;
const TIME: Type = Type::Time;
const QUANTITY: Type = Type::Quantity;
const TOKEN: Type = Type::Token;
const NOT_YET: Type = Type::NotYet;

const fn list(item: &'static Type) -> Type {
    Type::List(item)
}

const fn map(value: &'static Type) -> Type {
    Type::Map(value)
}

const fn object(object: &'static Object) -> Type {
    Type::Object(object)
}

const fn field(name: &'static str, ty: Type) -> Field {
    Field {
        name,
        ty,
        pointer: false,
        omitempty: false,
        releases: Span::ALL,
    }
}

impl Field {
    const fn pointer(mut self) -> Self {
        self.pointer = true;
        self
    }

    const fn omitempty(mut self) -> Self {
        self.omitempty = true;
        self
    }

    /// In these releases only.
    const fn only(mut self, releases: Span) -> Self {
        self.releases = releases;
        self
    }
}

#[cfg(test)]
mod tests;

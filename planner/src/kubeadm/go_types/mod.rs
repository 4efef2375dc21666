//! Go's struct types as tables: which fields a document may have, and how Go prints them.
//!
//! Contains the types of which tables are made ([`Object`], [`Field`], [`Type`]), the tables of Kubernetes' own types (`tables`,
//! generated), Go's printed form of a field ([`printed`], [`zero`]), and the form of a document that Go has read and printed
//! ([`normalise`]).
//! Source of the rules: encoding/json, sigs.k8s.io/json v0.36.2. Source of the tables: `xtask/types/types.txt`.

mod form;
mod normalise;
pub mod scalar;
pub(crate) mod tables;

use crate::kubeadm::releases::{Release, Span};

pub use form::{printed, zero};
pub use normalise::{Normalised, TypeMismatch, normalise};

/// A struct.
#[derive(Debug)]
pub struct Object {
    /// The name in Go, or the kind.
    pub name: &'static str,
    /// Its fields, embedded structs flattened.
    pub fields: &'static [Field],
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name in YAML and JSON.
    pub name: &'static str,
    /// The type.
    pub ty: Type,
    /// Whether the field is a pointer in Go, so that unset differs from zero.
    pub pointer: bool,
    /// `omitempty`: omitted if empty; never applies to structs.
    pub omitempty: bool,
    /// `omitzero`: omitted if it is the zero value.
    pub omitzero: bool,
    /// How a strategic merge patch treats it.
    pub merge: Merge,
    /// The releases that have the field. A field that changed has one row for each of its forms.
    pub releases: Span,
}

/// How a strategic merge patch treats a list (`patchStrategy`, `patchMergeKey`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The list is replaced as a whole.
    Replace,
    /// Lists of scalars are united.
    Union,
    /// Items with the same value of this field are merged.
    Key(&'static str),
}

/// The Go type of a field, as far as it affects the printed text.
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
    /// `string` and types made of it.
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
    /// `intstr.IntOrString`.
    IntOrString,
    /// A bootstrap token; its value must not be shown.
    Token,
    /// JSON that is kept as it is.
    Raw,
    /// A list.
    List(&'static Type),
    /// A mapping from names.
    Map(&'static Type),
    /// A struct.
    Object(&'static Object),
    /// A known field whose meaning is not implemented; accepts any value.
    NotYet,
}

impl Object {
    /// The field called `name`, in any release.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The fields that `release` has; those of every release if it is not known.
    pub fn fields_of(&self, release: Option<&Release>) -> impl Iterator<Item = &'static Field> {
        self.fields
            .iter()
            .filter(move |field| release.is_none_or(|release| field.releases.contains(release)))
    }
}

impl Type {
    /// What the type expects, for error messages.
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int32 | Self::Int64 | Self::Uint32 => "an integer",
            Self::Float32 | Self::Float64 => "a number",
            Self::String | Self::SecretString => "a string",
            Self::Duration => "a duration such as `1h30m`",
            Self::DurationOrNanoseconds => "a duration such as `5s`, or nanoseconds",
            Self::Time => "a time such as `2027-01-02T15:04:05Z`",
            Self::Quantity => "a quantity such as `500Mi`",
            Self::IntOrString => "an integer or a string",
            Self::Token => "a bootstrap token",
            Self::Raw => "JSON",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Object(_) => "a mapping",
            Self::NotYet => "nothing",
        }
    }
}

pub(crate) const BOOL: Type = Type::Bool;
pub(crate) const INT32: Type = Type::Int32;
pub(crate) const INT64: Type = Type::Int64;
pub(crate) const UINT32: Type = Type::Uint32;
pub(crate) const FLOAT32: Type = Type::Float32;
pub(crate) const FLOAT64: Type = Type::Float64;
pub(crate) const STRING: Type = Type::String;
pub(crate) const SECRET: Type = Type::SecretString;
pub(crate) const DURATION: Type = Type::Duration;
pub(crate) const DURATION_OR_NANOSECONDS: Type = Type::DurationOrNanoseconds;
pub(crate) const TIME: Type = Type::Time;
pub(crate) const QUANTITY: Type = Type::Quantity;
pub(crate) const INT_OR_STRING: Type = Type::IntOrString;
pub(crate) const TOKEN: Type = Type::Token;
pub(crate) const RAW: Type = Type::Raw;
pub(crate) const NOT_YET: Type = Type::NotYet;

pub(crate) const fn list(item: &'static Type) -> Type {
    Type::List(item)
}

pub(crate) const fn map(value: &'static Type) -> Type {
    Type::Map(value)
}

pub(crate) const fn object(object: &'static Object) -> Type {
    Type::Object(object)
}

pub(crate) const fn field(name: &'static str, ty: Type) -> Field {
    Field {
        name,
        ty,
        pointer: false,
        omitempty: false,
        omitzero: false,
        merge: Merge::Replace,
        releases: Span::ALL,
    }
}

impl Field {
    pub(crate) const fn pointer(mut self) -> Self {
        self.pointer = true;
        self
    }

    pub(crate) const fn omitempty(mut self) -> Self {
        self.omitempty = true;
        self
    }

    pub(crate) const fn omitzero(mut self) -> Self {
        self.omitzero = true;
        self
    }

    pub(crate) const fn merged(mut self) -> Self {
        self.merge = Merge::Union;
        self
    }

    pub(crate) const fn merged_by(mut self, key: &'static str) -> Self {
        self.merge = Merge::Key(key);
        self
    }

    /// In these releases only.
    pub(crate) const fn only(mut self, releases: Span) -> Self {
        self.releases = releases;
        self
    }
}

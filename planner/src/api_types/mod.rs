//! Kubernetes API types as tables: what Go's struct tags say, so that a document becomes what Go makes of it.
//!
//! In: a JSON document. Out: Go's normal form of it ([`normalise`]), and for strategic merge patches the merge key
//! of each list. Only types that users may patch are here; everything else is built typed with `k8s-openapi`, whose
//! types do not say what Go leaves out (`omitempty` of a value, not of a pointer) or which key merges a list.

mod container;
mod normalise;
pub mod pod;
mod status;
mod volume;

pub use normalise::{Normalised, TypeMismatch, normalise};

/// A struct.
#[derive(Debug)]
pub struct Object {
    /// Go's name.
    pub name: &'static str,
    /// Its fields, embedded structs flattened.
    pub fields: &'static [Field],
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The JSON name.
    pub name: &'static str,
    /// The type.
    pub ty: Type,
    /// A pointer: unset differs from zero.
    pub pointer: bool,
    /// Left out when it is empty.
    pub omitempty: bool,
    /// Left out when it is the zero value.
    pub omitzero: bool,
    /// How a strategic merge patch treats it.
    pub merge: Merge,
}

/// How a strategic merge patch treats a list (`patchStrategy`, `patchMergeKey`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The list is replaced as a whole.
    Replace,
    /// A list of scalars is united.
    Union,
    /// Items with the same value of this field are merged.
    Key(&'static str),
}

/// A type.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `int32`.
    Int32,
    /// `int64`.
    Int64,
    /// `string` and types made of it.
    String,
    /// `resource.Quantity`.
    Quantity,
    /// `intstr.IntOrString`.
    IntOrString,
    /// `metav1.Time`.
    Time,
    /// JSON that is kept as it is.
    Raw,
    /// A list.
    List(&'static Type),
    /// A map with strings as keys.
    Map(&'static Type),
    /// A struct.
    Object(&'static Object),
}

impl Object {
    /// The field with JSON name `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

const BOOL: Type = Type::Bool;
const INT32: Type = Type::Int32;
const INT64: Type = Type::Int64;
const STRING: Type = Type::String;
const QUANTITY: Type = Type::Quantity;
const INT_OR_STRING: Type = Type::IntOrString;
const TIME: Type = Type::Time;
const RAW: Type = Type::Raw;

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
        omitzero: false,
        merge: Merge::Replace,
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

    const fn omitzero(mut self) -> Self {
        self.omitzero = true;
        self
    }

    const fn merged(mut self) -> Self {
        self.merge = Merge::Union;
        self
    }

    const fn merged_by(mut self, key: &'static str) -> Self {
        self.merge = Merge::Key(key);
        self
    }
}

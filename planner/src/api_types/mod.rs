//! Kubernetes API types as tables: what Go's struct tags say, so that a document becomes what Go makes of it.
//!
//! In: a JSON document. Out: Go's normal form of it ([`normalise`]), and for strategic merge patches the merge key
//! of each list. Only types that users may patch are here; everything else is built typed with `k8s-openapi`, whose
//! types do not say what Go leaves out (`omitempty` of a value, not of a pointer) or which key merges a list.

mod container;
pub mod deployment;
mod normalise;
pub mod pod;
mod status;
mod volume;

pub use normalise::{Normalised, TypeMismatch, normalise};

use crate::go_types::{
    BOOL, INT_OR_STRING, INT32, INT64, Object, QUANTITY, RAW, STRING, TIME, field, list, map,
    object,
};

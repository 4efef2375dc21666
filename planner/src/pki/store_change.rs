//! What happened to the files of the key store.

use std::borrow::Cow;
use std::fmt;

/// One change of the store.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreChange {
    /// Path in the store, such as `nodes/cp1/apiserver.crt`.
    pub path: String,
    /// What happened.
    pub kind: StoreChangeKind,
    /// Why.
    pub why: Cow<'static, str>,
}

/// What happened to a file of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreChangeKind {
    /// It did not exist.
    Issued,
    /// It replaces an earlier one of the planner.
    Reissued,
    /// `sa.pub`, computed from `sa.key`.
    Derived,
}

impl fmt::Display for StoreChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.path, self.why)
    }
}

impl fmt::Display for StoreChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issued => "issued",
            Self::Reissued => "reissued",
            Self::Derived => "derived",
        })
    }
}

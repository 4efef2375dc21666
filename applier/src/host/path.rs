//! Paths below the root.

use std::borrow::Cow;
use std::fmt;

use kubeplan_bundle::check::LookPath;
use kubeplan_bundle::path::{HostPath, RESERVED, is_within_any};

/// An absolute, normalised path below the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RootPath(Cow<'static, str>);

impl RootPath {
    /// A path this program knows by itself; must be absolute and normalised.
    pub(crate) const fn fixed(path: &'static str) -> Self {
        Self(Cow::Borrowed(path))
    }

    /// Any absolute path; what is not normalised is resolved as it is walked, and never above the root.
    pub(crate) fn from_text(path: &str) -> Self {
        Self(Cow::Owned(path.to_owned()))
    }

    /// The path as text, starting with `/`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory this path is in; the root is its own.
    pub(crate) fn parent(&self) -> Self {
        match self.0.rsplit_once('/') {
            None | Some(("", _)) => Self::fixed("/"),
            Some((parent, _)) => Self(Cow::Owned(parent.to_owned())),
        }
    }

    /// The last component; empty for the root.
    pub(crate) fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// `self/name`.
    pub(crate) fn join(&self, name: &str) -> Self {
        Self(Cow::Owned(join(&self.0, name)))
    }

    /// Every directory on the way here, outermost first, without the root and without the path itself.
    pub(crate) fn ancestors(&self) -> Vec<Self> {
        let mut directories = Vec::new();
        let mut directory = self.parent();
        while directory.as_str() != "/" {
            let next = directory.parent();
            directories.push(directory);
            directory = next;
        }
        directories.reverse();
        directories
    }
}

impl From<&HostPath> for RootPath {
    fn from(path: &HostPath) -> Self {
        Self(Cow::Owned(path.as_str().to_owned()))
    }
}

impl From<&LookPath> for RootPath {
    fn from(path: &LookPath) -> Self {
        Self::from_text(path.as_str())
    }
}

impl fmt::Display for RootPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the path is the name of one of this program's own directories, or lies below one.
pub(crate) fn is_own(path: &RootPath) -> bool {
    is_within_any(path.as_str(), RESERVED) && split(path.as_str()).all(|part| part != "..")
}

/// The components of a path, also of one that is not normalised.
pub(in crate::host) fn split(path: &str) -> impl Iterator<Item = String> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
}

/// `directory/name` for messages; `name` may itself be several components.
fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

//! Names as values: of clusters, nodes and transactions, and of entries in the archive.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::path::HostPath;

/// A short lower-case identifier: DNS-1123 subdomain characters, at most 100 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The name of a [`Transaction`](crate::index::Transaction).
pub type TransactionName = Name;

/// A name of an entry in the archive (`files/…`, `objects/…`, `redacted/…`, `payload/…`), or `directory:/…` for a
/// directory, which has no bytes of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryName(String);

/// Why a text is not a valid [`Name`] or [`EntryName`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseNameError {
    /// Not a [`Name`].
    #[error(
        "`{0}` is not a valid name (lower-case letters, digits, `-`, `.`, at most 100, starting and ending with a letter or digit)"
    )]
    Name(String),
    /// Not an [`EntryName`].
    #[error("`{0}` is not a valid name of a bundle entry")]
    Entry(String),
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        let valid = bytes.len() <= 100
            && edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().copied().all(inner)
            && !text.contains("..");
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseNameError::Name(
                text.escape_debug().take(120).collect(),
            ))
        }
    }
}

impl EntryName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The entry that holds the file at `path`.
    #[must_use]
    pub fn file(path: &HostPath) -> Self {
        Self(format!("files{path}"))
    }

    /// The entry that stands for the directory at `path`.
    #[must_use]
    pub fn directory(path: &HostPath) -> Self {
        Self(format!("directory:{path}"))
    }

    /// The redacted twin of a sealed entry.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self(format!("redacted/{}", self.0))
    }
}

impl FromStr for EntryName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseNameError::Entry(text.escape_debug().take(160).collect());
        if let Some(path) = text.strip_prefix("directory:") {
            return path
                .parse::<HostPath>()
                .map(|path| Self::directory(&path))
                .map_err(|_| error());
        }
        let plain = text.strip_prefix("redacted/").unwrap_or(text);
        let valid = if let Some(path) = plain.strip_prefix("files") {
            path.parse::<HostPath>().is_ok()
        } else if let Some(name) = plain
            .strip_prefix("objects/")
            .or_else(|| plain.strip_prefix("payload/"))
        {
            name.len() <= 100
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
                && !name.starts_with('.')
                && !name.is_empty()
                && !text.starts_with("redacted/payload/")
        } else {
            false
        };
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(error())
        }
    }
}

text_form!(Name, ParseNameError);
text_form!(EntryName, ParseNameError);
text_display!(Name);
text_display!(EntryName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_names_stay_inside_their_directories() {
        for good in [
            "files/etc/x",
            "redacted/files/etc/x",
            "objects/01-a.yaml",
            "redacted/objects/01-a.yaml",
            "payload/images.tar",
            "directory:/etc/x",
        ] {
            assert_eq!(good.parse::<EntryName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "files",
            "files/",
            "files/../x",
            "/files/x",
            "other/x",
            "objects/../x",
            "objects/.x",
            "objects/a/b",
            "redacted/payload/x",
            "redacted/redacted/files/x",
            "files/etc/kubeplan/policy.yaml",
            "directory:x",
        ] {
            assert!(bad.parse::<EntryName>().is_err(), "{bad}");
        }
    }
}

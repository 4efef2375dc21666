//! Records where the value of every field of the configuration comes from.
//!
//! In: decoding, flags and defaulting record one [`Origin`] per field. Out: lookups by path. A path without a record has no
//! origin.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::Serialize;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "origin", rename_all = "kebab-case")]
pub enum Origin {
    /// The user wrote it.
    Written {
        /// The file as the user named it, `-` for standard input.
        file: String,
        /// Line, from 1.
        line: u64,
    },
    /// The user gave it on the command line.
    Flag {
        /// The flag, without dashes.
        name: String,
    },
    /// A rule of kubeadm or kubeplan filled it in.
    Default {
        /// The rule in a few words.
        rule: String,
    },
    /// It comes from host facts.
    Facts {
        /// The fact.
        fact: String,
    },
}

/// Origins by field path, such as `ClusterConfiguration.networking.serviceSubnet`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Provenance(BTreeMap<String, Origin>);

impl Provenance {
    /// Records where the value at `path` comes from; a later record replaces an earlier one.
    pub fn record(&mut self, path: impl Into<String>, origin: Origin) {
        self.0.insert(path.into(), origin);
    }

    /// Removes the origin recorded for exactly `path`, and returns it.
    pub fn remove(&mut self, path: &str) -> Option<Origin> {
        self.0.remove(path)
    }

    /// The origin recorded for exactly `path`.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Origin> {
        self.0.get(path)
    }

    /// The origin of `path`, or of the nearest field above it.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<&Origin> {
        let mut path = path;
        loop {
            if let Some(origin) = self.0.get(path) {
                return Some(origin);
            }
            path = path.get(..path.rfind(['.', '['])?)?;
        }
    }

    /// The records of `path` and of every field below it.
    pub fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a Origin)> {
        self.0
            .range::<str, _>((Bound::Included(path), Bound::Unbounded))
            .take_while(move |(known, _)| known.starts_with(path))
            .filter(move |(known, _)| {
                let rest = known.get(path.len()..).unwrap_or_default();
                rest.is_empty() || rest.starts_with(['.', '['])
            })
            .map(|(path, origin)| (path.as_str(), origin))
    }

    /// Adds the records of `other`; they replace records of the same paths.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Removes the records for which `apart` returns true, and returns them.
    pub fn take_out(&mut self, mut apart: impl FnMut(&str) -> bool) -> Self {
        let (out, kept) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(path, _)| apart(path));
        self.0 = kept;
        Self(out)
    }

    /// All records, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.0.iter().map(|(path, origin)| (path.as_str(), origin))
    }
}

impl IntoIterator for Provenance {
    type Item = (String, Origin);
    type IntoIter = std::collections::btree_map::IntoIter<String, Origin>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_finds_the_nearest_recorded_field() {
        let mut provenance = Provenance::default();
        let written = Origin::Written {
            file: "a.yaml".into(),
            line: 3,
        };
        provenance.record("ClusterConfiguration.apiServer", written.clone());
        assert_eq!(
            provenance.of("ClusterConfiguration.apiServer.certSANs[0]"),
            Some(&written)
        );
        assert_eq!(provenance.of("ClusterConfiguration.scheduler"), None);
    }
}

//! Records where the value of every field of the configuration comes from.
//!
//! In: decoding, flags and defaulting record one [`Origin`] per field, and the field that a value was copied from. Out: lookups by
//! path. A path without a record has no origin.

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
#[serde(transparent)]
pub struct Provenance {
    records: BTreeMap<String, Origin>,
    /// Maps the path of a field that a value was copied to, to the path of the field that the user wrote.
    #[serde(skip)]
    names: Vec<(String, String)>,
}

impl Provenance {
    /// Records where the value at `path` comes from; a later record replaces an earlier one.
    pub fn record(&mut self, path: impl Into<String>, origin: Origin) {
        self.records.insert(path.into(), origin);
    }

    /// Removes the origin recorded for exactly `path`, and returns it.
    pub fn remove(&mut self, path: &str) -> Option<Origin> {
        self.records.remove(path)
    }

    /// The origin recorded for exactly `path`.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Origin> {
        self.records.get(path)
    }

    /// The origin of `path`, or of the nearest field above it.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<&Origin> {
        let mut path = path;
        loop {
            if let Some(origin) = self.records.get(path) {
                return Some(origin);
            }
            path = path.get(..path.rfind(['.', '['])?)?;
        }
    }

    /// Records that the value at `to` was written in the field `from`; a later record replaces an earlier one.
    pub fn record_name(&mut self, to: impl Into<String>, from: impl Into<String>) {
        self.names.push((to.into(), from.into()));
    }

    /// The path of the field that the user wrote for `path`.
    #[must_use]
    pub fn written_as(&self, path: &str) -> String {
        let below = |from: &str| {
            path.strip_prefix(from)
                .filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.names
            .iter()
            .filter_map(|(from, to)| Some((from.len(), to, below(from)?)))
            .max_by_key(|(length, ..)| *length)
            .map_or_else(|| path.to_owned(), |(_, to, rest)| format!("{to}{rest}"))
    }

    /// Keeps the names of fields for which `is_kept` returns true.
    pub fn keep_names(&mut self, mut is_kept: impl FnMut(&str) -> bool) {
        self.names.retain(|(to, _)| is_kept(to));
    }

    /// The records of `path` and of every field below it.
    pub fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a Origin)> {
        self.records
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
        self.records.extend(other.records);
        self.names.extend(other.names);
    }

    /// Removes the records for which `apart` returns true, and returns them.
    pub fn take_out(&mut self, mut apart: impl FnMut(&str) -> bool) -> Self {
        let (out, kept) = std::mem::take(&mut self.records)
            .into_iter()
            .partition(|(path, _)| apart(path));
        self.records = kept;
        Self {
            records: out,
            names: Vec::new(),
        }
    }

    /// All records, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.records
            .iter()
            .map(|(path, origin)| (path.as_str(), origin))
    }
}

impl IntoIterator for Provenance {
    type Item = (String, Origin);
    type IntoIter = std::collections::btree_map::IntoIter<String, Origin>;

    fn into_iter(self) -> Self::IntoIter {
        self.records.into_iter()
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

    #[test]
    fn a_field_has_the_name_under_which_it_was_written() {
        let mut provenance = Provenance::default();
        provenance.record_name("A.b", "C.d");
        provenance.record_name("A.b[1]", "E");
        for (path, expected) in [
            ("A.b", "C.d"),
            ("A.b[0].x", "C.d[0].x"),
            ("A.b[1].x", "E.x"),
            ("A.bc", "A.bc"),
            ("A", "A"),
        ] {
            assert_eq!(provenance.written_as(path), expected);
        }
        provenance.keep_names(|to| to == "A.b");
        assert_eq!(provenance.written_as("A.b[1].x"), "C.d[1].x");
    }
}

//! Where a value comes from, for every field path of the configuration.
//!
//! In: decoding, flags and defaulting record one [`Origin`] per field. Out: lookups by path. Nothing is guessed:
//! a path nobody recorded has no origin.

use std::collections::BTreeMap;

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
    /// A file of host facts said so.
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

    /// Forgets the origin recorded for exactly `path`, and returns it.
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

    /// All records, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.0.iter().map(|(path, origin)| (path.as_str(), origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_recorded_field_answers() {
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

//! Reads the configuration in three stages: as written, with defaults, validated.
//!
//! In: the text of one or several YAML files. Out: a [`ValidConfig`] with warnings, or every finding at
//! once. Nothing here reads files or the clock.

pub mod address;
mod decode;
mod default;
mod documents;
mod draft;
mod effective;
pub mod facts;
pub mod flags;
mod host;
mod inventory;
mod join;
mod joining;
mod known_hosts;
pub mod kubeadm;
pub mod kubelet;
pub(crate) mod labels;
mod load;
mod means;
mod merge_keys;
mod migrate;
mod named_directories;
mod options;
pub mod provenance;
mod purpose;
pub mod report;
mod skip_phases;
pub mod timeouts;
mod unreadable;
mod v1beta3;
pub mod valid;
mod validate;
pub mod version;

pub use default::STAND_IN;
pub use documents::Source;
pub use draft::Host;
pub use effective::{
    InitDefaults, cluster_configuration, effective_documents, init_defaults, unsaid,
};
pub use inventory::JoinsByToken;
pub use join::{RunningCluster, check as check_join, join_defaults, load_join};
pub use load::{Loaded, LoadedCluster, load, load_cluster, load_with};
pub use migrate::{Migrated, migrate};
pub use named_directories::{NamedDirectory, Naming};
pub use options::{Options, Origins};
pub use report::{Finding, Report, Severity};
pub use skip_phases::is_disabled_by_skipping;
pub use valid::ValidConfig;

use kubeplan_bundle::secret::SecretBytes;
use serde::{Deserialize, Serialize};

/// Secret text of a configuration file: redacted in `Debug` and when serialised, zeroised on drop.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(SecretBytes);

impl SecretText {
    /// The secret as text; empty if it is not UTF-8.
    #[must_use]
    pub fn of(bytes: &SecretBytes) -> Self {
        Self(bytes.clone())
    }

    /// The text itself; must not reach logs, errors or public entries.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(<redacted>)")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretBytes::from_text(text)))
    }
}

impl Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<redacted>")
    }
}

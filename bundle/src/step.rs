//! What a bundle asks the applier to do, in order.
//!
//! The enum is closed on purpose: a new variant breaks the applier's one `match` at compile time, and a
//! step that an older applier does not know is refused through the index's `requires` list.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::index::TransactionName;

/// A phase in kubeadm's words (`certs`, `control-plane`, …). Phases travel as names with the bundle's own
/// order, so a new one needs no new applier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhaseName(String);

/// The text is not a phase name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a phase name (lower-case letters, digits, `-` and `/`, at most 60)")]
pub struct ParsePhaseError(String);

impl PhaseName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhaseName {
    type Err = ParsePhaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = !text.is_empty()
            && text.len() <= 60
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'/')
            && text.split('/').all(|part| !part.is_empty());
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParsePhaseError(text.chars().take(80).collect()))
        }
    }
}

text_form!(PhaseName, ParsePhaseError);

text_display!(PhaseName);

/// One step of an installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "do",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Step {
    /// Brings the files of one transaction to their destinations.
    ///
    /// - Precondition: every entry is staged, verified and synced.
    /// - Effect: each file is replaced by rename, in the transaction's order, and its folder synced.
    /// - Twice: a file that already has the planned bytes, mode and owner is not touched.
    /// - Completion: the journal's record of the transaction.
    /// - Undo: the files from before are restored.
    CommitTransaction {
        /// kubeadm's phase that writes these files.
        phase: PhaseName,
        /// Which transaction of the index.
        transaction: TransactionName,
    },
}

impl Step {
    /// The feature an applier must have to run this step, as listed in the index's `requires`.
    #[must_use]
    pub const fn feature(&self) -> &'static str {
        match self {
            Self::CommitTransaction { .. } => "step:commit-transaction/1",
        }
    }

    /// kubeadm's phase this step belongs to.
    #[must_use]
    pub const fn phase(&self) -> &PhaseName {
        match self {
            Self::CommitTransaction { phase, .. } => phase,
        }
    }
}

/// Every feature this version of the format knows; an index that requires another one is refused.
pub const FEATURES: &[&str] = &["step:commit-transaction/1", "payload:chunks/1"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_tagged_objects_without_room_for_more() {
        let step: Step = serde_json::from_str(
            r#"{"do":"commit-transaction","phase":"certs","transaction":"certs"}"#,
        )
        .unwrap();
        assert!(FEATURES.contains(&step.feature()));
        assert_eq!(step.phase().as_str(), "certs");
        for bad in [
            r#"{"do":"run-shell","phase":"certs","command":"true"}"#,
            r#"{"do":"commit-transaction","phase":"certs","transaction":"certs","also":1}"#,
            r#"{"do":"commit-transaction","phase":"Certs","transaction":"certs"}"#,
        ] {
            assert!(serde_json::from_str::<Step>(bad).is_err(), "{bad}");
        }
    }
}

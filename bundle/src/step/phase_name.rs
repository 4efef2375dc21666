//! The name of a phase.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

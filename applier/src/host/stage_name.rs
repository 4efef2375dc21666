//! Names of what is not finished yet, and how a later run knows them again.
//!
//! Every run has a random [`RunTag`], which its journal records before anything is staged. Unfinished files and directories are
//! named `.kubeplan-stage-`, the tag, and eight more random hex digits. A later run removes only what bears the tag of a run that
//! is remembered: any user can give a directory of theirs such a name, so the name alone says nothing.

use serde::{Deserialize, Serialize};

use super::error::HostError;
use kubeplan_bundle::digest::to_hex;
use kubeplan_bundle::path::STAGE_PREFIX;

/// Hex digits of a tag, and of what follows it.
const DIGITS: usize = 8;

/// Eight random lower-case hex digits that a run gives its unfinished files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct RunTag(String);

impl RunTag {
    /// Makes the tag of a new run.
    ///
    /// # Errors
    /// [`HostError::Random`].
    pub(crate) fn random() -> Result<Self, HostError> {
        random_digits().map(Self)
    }

    /// Makes a new name with this tag.
    ///
    /// # Errors
    /// [`HostError::Random`].
    pub(super) fn name(&self) -> Result<String, HostError> {
        Ok(format!("{STAGE_PREFIX}{}{}", self.0, random_digits()?))
    }

    /// Whether a name bears this tag.
    pub(super) fn marks(&self, name: &str) -> bool {
        is_temporary_name(name)
            && name
                .strip_prefix(STAGE_PREFIX)
                .is_some_and(|rest| rest.starts_with(&self.0))
    }
}

impl From<RunTag> for String {
    fn from(tag: RunTag) -> Self {
        tag.0
    }
}

impl TryFrom<String> for RunTag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == DIGITS && is_hex(&text) {
            return Ok(Self(text));
        }
        Err("the tag of a run is eight lower-case hex digits".to_owned())
    }
}

/// Whether `name` has the form of this program's temporary names; any user can make one that has.
pub(crate) fn is_temporary_name(name: &str) -> bool {
    name.strip_prefix(STAGE_PREFIX)
        .is_some_and(|rest| rest.len() == 2 * DIGITS && is_hex(rest))
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn random_digits() -> Result<String, HostError> {
    let mut random = [0; DIGITS / 2];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| HostError::Random)?;
    Ok(to_hex(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_knows_its_own_names_and_no_others() {
        let (ours, other) = (RunTag::random().unwrap(), RunTag::random().unwrap());
        let name = ours.name().unwrap();
        assert!(is_temporary_name(&name));
        assert!(ours.marks(&name) && !other.marks(&name));
        assert_ne!(name, ours.name().unwrap());
        let text = String::from(ours.clone());
        assert_eq!(RunTag::try_from(text), Ok(ours));
        for bad in ["", "0123456", "0123456G", "012345678"] {
            assert!(RunTag::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn temporary_names_are_recognised() {
        for other in [
            "",
            ".kubeplan-stage-",
            ".kubeplan-stage-0123456789abcdeF",
            "kubeplan-stage-0123456789abcdef",
            ".kubeplan-stage-0123456789abcdef0",
        ] {
            assert!(!is_temporary_name(other), "{other}");
        }
    }
}

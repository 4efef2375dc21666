//! `recorded-value`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath, broken, check_consequence};
use crate::access::{MayBe, Role, StepPath};

/// The names of files whose content may be compared: what the kubelet's managers of CPUs and of memory keep (Kubernetes v1.36.2,
/// pkg/kubelet/cm).
const STATES: &[&str] = &["cpu_manager_state", "memory_manager_state"];

/// The field that both files have.
const FIELD: &str = "policyName";

/// A component that runs with another value than the one that it recorded does not start: a file that exists is a JSON object with
/// this value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedValue {
    /// The file.
    pub path: LookPath,
    /// The field of the object: `policyName`. No other field of a file is compared, or shown.
    pub field: String,
    /// Its value.
    pub value: String,
    /// What happens with another value, for people: a clause that follows a colon.
    pub consequence: String,
}

impl Look for RecordedValue {
    fn paths(&self) -> Vec<StepPath<'_>> {
        let path = self.path.as_str();
        let named = STATES.iter().find(|name| path.ends_with(**name));
        let may_be = named.map_or(MayBe::Listed(&[]), |name| MayBe::Named(name));
        vec![StepPath::new("path", path, Role::Reads, may_be)]
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        if self.field != FIELD {
            return broken(
                "a check of a recorded value compares the field `policyName`",
                &self.field.escape_debug(),
            );
        }
        check_consequence(&self.consequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_compared_that_could_hold_anything_else() {
        let check = |field: &str| RecordedValue {
            path: "/var/lib/kubelet/cpu_manager_state".parse().unwrap(),
            field: field.to_owned(),
            value: "none".to_owned(),
            consequence: "the kubelet exits".to_owned(),
        };
        assert!(check("policyName").check_destinations().is_ok());
        for field in ["", "auth_token", "policyname"] {
            assert!(check(field).check_destinations().is_err(), "{field}");
        }
    }
}

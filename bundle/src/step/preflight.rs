//! `preflight`.

use serde::{Deserialize, Serialize};

use super::PhaseName;
use super::questions::{Act, Stage, Surroundings, Work};
use crate::access::StepPath;
use crate::check::{Broken, Check, CheckName, broken};

/// Looks at the host before anything is changed: one run of kubeadm's preflight checks.
///
/// - Precondition: none.
/// - Effect: none on files. Every check of the run is made, in order, also after a failed one; if one fails that is not
///   ignored, nothing that comes later happens. A check of images pulls them into the container runtime's store.
/// - Twice: the same; what an earlier installation of the same node left is not held against it.
/// - Completion: every check has passed, has only warned, or is ignored.
/// - Undo: none is needed; images that were pulled stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Preflight {
    /// kubeadm's phase that does so.
    pub phase: PhaseName,
    /// The checks, in kubeadm's order.
    pub checks: Vec<Check>,
    /// Checks whose errors count as warnings, in any case; `all` for every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<CheckName>,
}

impl Act for Preflight {
    fn summary(&self) -> String {
        match self.checks.len() {
            1 => "make 1 check".to_owned(),
            many => format!("make {many} checks"),
        }
    }

    fn stage(&self) -> Stage {
        Stage::Look
    }

    fn work(&self) -> Work<'_> {
        Work::Checks {
            checks: &self.checks,
            ignored: &self.ignore,
        }
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        let mut all = Vec::new();
        for (number, check) in self.checks.iter().enumerate() {
            let of_check = check.look.paths();
            all.extend(of_check.into_iter().map(|path| StepPath {
                field: format!("checks[{number}].look.{}", path.field),
                ..path
            }));
        }
        all
    }

    fn check(&self, _around: &Surroundings<'_>) -> Result<(), Broken> {
        if self.checks.is_empty() {
            return broken("a step makes at least one check", &self.phase);
        }
        for check in &self.checks {
            check.look.check_destinations()?;
        }
        Ok(())
    }
}

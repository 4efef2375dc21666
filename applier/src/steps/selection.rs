//! Which steps of a bundle are run, in the words of kubeadm's phases.
//!
//! In: the phases named by `--phase` and `--skip-phases`. Out: positions of steps. A name stands for its phase and for
//! every phase below it; the names are the bundle's own.

use std::collections::BTreeSet;

use kubeplan_bundle::index::Index;
use kubeplan_bundle::step::{PhaseName, Step};

/// Which phases are wanted; nothing named means all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phases {
    /// Only these.
    pub(crate) only: Vec<PhaseName>,
    /// All but these.
    pub(crate) skip: Vec<PhaseName>,
}

/// A phase that the bundle does not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the bundle has no phase `{phase}`; it has: {}", known.join(", "))]
pub(crate) struct UnknownPhase {
    phase: PhaseName,
    known: Vec<String>,
}

impl Phases {
    /// The positions of the steps that are wanted.
    ///
    /// # Errors
    /// [`UnknownPhase`].
    pub(crate) fn select(&self, index: &Index) -> Result<BTreeSet<usize>, UnknownPhase> {
        for phase in self.only.iter().chain(&self.skip) {
            if !index.steps.iter().any(|step| covers(phase, step.phase())) {
                return Err(UnknownPhase {
                    phase: phase.clone(),
                    known: known(index),
                });
            }
        }
        let wanted = |step: &Step| {
            let named =
                |phases: &[PhaseName]| phases.iter().any(|phase| covers(phase, step.phase()));
            (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
        };
        let steps = index.steps.iter().enumerate();
        Ok(steps
            .filter(|(_, step)| wanted(step))
            .map(|(position, _)| position)
            .collect())
    }
}

/// Whether `phase` is `name` or lies below it.
fn covers(name: &PhaseName, phase: &PhaseName) -> bool {
    phase
        .as_str()
        .strip_prefix(name.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The phases of a bundle in its order, each once.
fn known(index: &Index) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let phases = index.steps.iter().map(|step| step.phase().to_string());
    phases.filter(|phase| seen.insert(phase.clone())).collect()
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::step::StartService;

    use super::*;

    fn index() -> Index {
        let mut index: Index =
            serde_json::from_str(include_str!("../../tests/data/index.json")).unwrap();
        index.steps = ["certs", "addon/dns", "addon/proxy", "addons", "certs"]
            .into_iter()
            .map(|phase| {
                Step::StartService(StartService {
                    phase: phase.parse().unwrap(),
                    service: "a".parse().unwrap(),
                })
            })
            .collect();
        index
    }

    fn select(only: &[&str], skip: &[&str]) -> Result<Vec<usize>, String> {
        let parse = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let phases = Phases {
            only: parse(only),
            skip: parse(skip),
        };
        let selected = phases.select(&index());
        selected
            .map(|positions| positions.into_iter().collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_phase_stands_for_those_below_it() {
        assert_eq!(select(&[], &[]), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(select(&["addon"], &[]), Ok(vec![1, 2]));
        assert_eq!(select(&["addon/proxy", "certs"], &[]), Ok(vec![0, 2, 4]));
        assert_eq!(select(&[], &["addon/dns", "certs"]), Ok(vec![2, 3]));
        assert_eq!(select(&["addon"], &["addon/dns"]), Ok(vec![2]));
    }

    #[test]
    fn a_phase_that_the_bundle_lacks_is_an_error_with_those_it_has() {
        let expected =
            "the bundle has no phase `add`; it has: certs, addon/dns, addon/proxy, addons";
        assert_eq!(select(&["add"], &[]), Err(expected.into()));
        assert_eq!(select(&[], &["add"]), Err(expected.into()));
    }
}

//! The preflight checks of every node, each with what the facts of its host say.

use kubeplan_bundle::check::Severity;
use kubeplan_bundle::index::Name;
use kubeplan_bundle::step::{Preflight, Step};

use super::error::{NodeError, NodeFailures};
use super::session::Session;
use crate::config::ValidConfig;
use crate::operations;
use crate::phases::preflight::answer::{Answer, answer};

/// The checks of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeChecks {
    /// The node.
    pub node: Name,
    /// Its checks, in kubeadm's order.
    pub checks: Vec<Checked>,
}

/// One check and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// The severity of a finding on this node.
    pub severity: Severity,
    /// What the facts say.
    pub outcome: Outcome,
}

/// What facts say of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The host passes.
    Passed,
    /// Only the host can tell.
    Unknown,
    /// The host fails, for this reason.
    Found(String),
}

impl Checked {
    /// Whether the check stops an installation on the host.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Found(_)) && self.severity == Severity::Error
    }
}

impl Session {
    /// The checks of every node, also of one that skips the phase.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node that cannot be planned.
    pub fn checks(&self) -> Result<Vec<NodeChecks>, NodeFailures<NodeError>> {
        self.plannable()?;
        self.each(|_, config| {
            Ok(NodeChecks {
                node: config.node.name.clone(),
                checks: checks(config)?,
            })
        })
    }
}

fn checks(config: &ValidConfig) -> Result<Vec<Checked>, NodeError> {
    let steps = (operations::of(config).checks)(config).map_err(NodeError::Checks)?;
    let mut found: Vec<Checked> = target(config).into_iter().collect();
    for step in &steps {
        let Step::Preflight(Preflight { checks, ignore, .. }) = step else {
            continue;
        };
        let ignored = |name: &str| {
            ignore.iter().any(|ignored| {
                let ignored = ignored.as_str();
                ignored == "all" || ignored.eq_ignore_ascii_case(name)
            })
        };
        for check in checks {
            let mut severity = check.severity;
            let outcome = match answer(check, &config.facts) {
                Answer::Passed => Outcome::Passed,
                Answer::Unknown => Outcome::Unknown,
                Answer::Found(message) => Outcome::Found(message),
                Answer::Warned(message) => {
                    severity = Severity::Warning;
                    Outcome::Found(message)
                }
            };
            if ignored(check.name.as_str()) {
                severity = Severity::Warning;
            }
            found.push(Checked {
                name: check.name.to_string(),
                severity,
                outcome,
            });
        }
    }
    Ok(found)
}

/// Compares the bundle's architecture with the host's, if facts name it.
fn target(config: &ValidConfig) -> Option<Checked> {
    let arch = config.facts.arch.as_ref()?;
    let planned = &config.node.platform.arch;
    Some(Checked {
        name: "Target".to_owned(),
        severity: Severity::Error,
        outcome: if arch == planned {
            Outcome::Passed
        } else {
            Outcome::Found(format!(
                "the bundle would be for {planned}, the host is {arch}"
            ))
        },
    })
}

//! A service of this host that is to run.
//!
//! In: its name, and whether it has to read its files again. Out: it runs, enabled where that can be.

use kubeplan_bundle::step::ServiceName;

use super::error::StepError;
use super::report::StepResult;
use crate::host::init;
use crate::host::program::Programs;

/// Starts the service; with `restart` also one that runs already.
///
/// # Errors
/// [`StepError::Service`].
pub(super) fn run(
    programs: &Programs,
    service: &ServiceName,
    restart: bool,
) -> Result<StepResult, StepError> {
    let started = init::start(programs, service, restart)?;
    let mut result = if started.restarted {
        StepResult::changed(format!("{service} was restarted"))
    } else {
        StepResult::unchanged(format!("{service} runs"))
    };
    result.notes = started.notes;
    Ok(result)
}

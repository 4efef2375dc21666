//! The selected live steps, in their order.
//!
//! In: a request, an observer. Out: what came of each step, up to the first that fails.

use kubeplan_terminal::{details, with_causes};

use super::error::StepError;
use super::report::{LiveReport, Observer, Progress};
use super::session::Session;
use super::{LiveFailure, LiveOutcome, LiveRequest, diagnosis, table};
use crate::net::waiter::Waiter;

/// Runs the selected live steps in their order, up to the first that fails.
pub(crate) fn run(request: &LiveRequest<'_>, observer: &mut dyn Observer) -> LiveOutcome {
    let mut report = LiveReport::default();
    let mut session = request
        .index
        .api
        .as_ref()
        .map(|api| Session::new(request.root, api));
    // One for all steps: connections that one of them opened are used by the next.
    let waiter = Waiter::default();
    let steps = request.index.steps.iter().enumerate();
    for (position, step) in
        steps.filter(|(position, step)| step.is_live() && request.selected.contains(position))
    {
        let phase = step.phase().to_string();
        let what = step.summary();
        let mut progress = Progress::begin(observer, position, &phase, what.clone());
        let outcome = waiter.wait(table::run(
            request,
            session.as_mut(),
            position,
            step,
            &mut progress,
        ));
        let outcome = match outcome.map_err(StepError::Runtime).flatten() {
            Ok(result) => progress.done(result).map_err(StepError::Record),
            Err(error) => {
                progress.failed(&error_text(&error));
                Err(error)
            }
        };
        match outcome {
            Ok(done) => report.steps.push(done),
            Err(source) => {
                let failure = LiveFailure {
                    diagnosis: diagnosis::of(request, &source),
                    step: position,
                    phase,
                    what,
                    source,
                };
                return LiveOutcome {
                    report,
                    failure: Some(failure),
                };
            }
        }
    }
    LiveOutcome {
        report,
        failure: None,
    }
}

/// An error with its causes and details, on one line.
fn error_text(error: &StepError) -> String {
    let mut text = with_causes(error);
    let details = details(error);
    let details: Vec<&str> = details.as_str().lines().map(str::trim).collect();
    if !details.is_empty() {
        text.push_str(&format!(": {}", details.join("; ")));
    }
    text
}

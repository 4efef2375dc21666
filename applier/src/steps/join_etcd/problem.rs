//! Calls of etcd that came to nothing: what that means, and what to do.

use crate::etcd::{EtcdError, Said};
use crate::steps::error::StepError;
use crate::steps::session::Attempt;

/// What a call that came to nothing means: worth another attempt, unless that would end in the same way.
pub(super) fn etcd_attempt<T>(what: &str, error: EtcdError) -> Attempt<T> {
    let problem = || format!("{what}: {error}");
    if error.is_distrust() {
        return Attempt::Stop(problem_of(
            problem(),
            vec![
                "etcd's members and this node must have certificates of the same CA: is this plan of another cluster, or was the CA of etcd replaced?".to_owned(),
            ],
        ));
    }
    match error.said() {
        Some(Said::NoGateway) => Attempt::Stop(problem_of(
            problem(),
            vec![
                "etcd must serve its API as JSON: is it started with --enable-grpc-gateway=false?"
                    .to_owned(),
            ],
        )),
        _ => Attempt::again(error.to_string()),
    }
}

pub(super) fn problem_of(problem: String, hints: Vec<String>) -> StepError {
    StepError::Etcd { problem, hints }
}

/// Adds what to do to an error that says that the time is over.
pub(super) fn advise<T>(
    outcome: Result<T, StepError>,
    hints: impl FnOnce() -> Vec<String>,
) -> Result<T, StepError> {
    outcome.map_err(|error| match error {
        StepError::TimedOut { .. } => problem_of(error.to_string(), hints()),
        other => other,
    })
}

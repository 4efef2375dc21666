//! What went wrong in a run.

use serde::Serialize;

/// One thing that went wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The scenario or the command.
    pub scenario: String,
    /// The fault, or the instant of the kill, and how it went on.
    pub at: String,
    /// What differs.
    pub what: String,
}

//! What an installation needs besides the bundle and the host's files: an operator, programs, a clock.

use super::report::InstallReport;
use crate::host::clock::Clock;
use crate::host::program::Programs;
use crate::steps::Event;

/// Who asked for the installation.
pub(crate) trait Operator {
    /// Whether to do what the report says.
    ///
    /// # Errors
    /// Why there is no answer.
    fn agrees(&mut self, report: &InstallReport) -> Result<bool, String>;

    /// How a live step goes.
    fn event(&mut self, event: &Event);
}

/// What an installation needs besides the bundle and the host's files.
pub(crate) struct Means<'a> {
    /// Who is asked and told.
    pub(crate) operator: &'a mut dyn Operator,
    /// The host's programs.
    pub(crate) programs: Programs,
    /// What time it is when a step runs.
    pub(crate) clock: Clock,
}

//! Receives what the engine reports while it works: on the command line, or in a test.

use super::notice::Notice;
use crate::config::Report;

/// Receives findings, notices and progress.
pub trait Observer {
    /// Receives findings about the configuration: warnings, never errors.
    fn findings(&mut self, findings: &Report);

    /// Receives one warning or note.
    fn notice(&mut self, notice: &Notice);

    /// Starts a count, such as that of keys that are made.
    fn progress<'a>(&'a mut self, label: &'static str) -> Box<dyn Progress + 'a>;
}

/// Shows the progress of one count. Dropped when the count is complete.
pub trait Progress: Sync {
    /// Shows that `done` of `total` are complete. Called from any thread, in any order.
    fn show(&self, done: usize, total: usize);
}

/// Drops everything it receives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn findings(&mut self, _: &Report) {}

    fn notice(&mut self, _: &Notice) {}

    fn progress<'a>(&'a mut self, _: &'static str) -> Box<dyn Progress + 'a> {
        Box::new(Self)
    }
}

impl Progress for Silent {
    fn show(&self, _: usize, _: usize) {}
}

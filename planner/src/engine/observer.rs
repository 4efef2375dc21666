//! Who is told what the engine does: the command line, or a test.

use super::Notice;
use crate::config::Report;

/// Takes what there is to say while results are made.
pub trait Observer {
    /// Takes what was found in the configuration: warnings, never errors.
    fn findings(&mut self, findings: &Report);

    /// Takes one line that speaks for itself.
    fn notice(&mut self, notice: &Notice);

    /// Begins to count something, such as keys that are made.
    fn progress<'a>(&'a mut self, label: &'static str) -> Box<dyn Progress + 'a>;
}

/// Shows how far something countable is; dropped when it is done.
pub trait Progress: Sync {
    /// Shows that `done` of `total` are done. Called from any thread, in any order.
    fn show(&self, done: usize, total: usize);
}

/// Hears everything and says nothing.
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

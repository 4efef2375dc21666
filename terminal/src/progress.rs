//! Progress of work that is counted.

use std::sync::Mutex;

use crate::io::Io;

/// A line of progress that is rewritten while work is counted. Silent unless standard error is a terminal.
pub struct Progress<'a> {
    inner: Mutex<(&'a mut Io, usize)>,
    label: &'static str,
}

impl<'a> Progress<'a> {
    /// Progress of what `label` names.
    pub fn new(io: &'a mut Io, label: &'static str) -> Self {
        Self {
            inner: Mutex::new((io, 0)),
            label,
        }
    }

    /// Shows that `done` of `total` are done; may be called from any thread, in any order.
    pub fn show(&self, done: usize, total: usize) {
        let Ok(mut inner) = self.inner.lock() else {
            return;
        };
        inner.1 = inner.1.max(done);
        let done = inner.1;
        if inner.0.terminals().stderr {
            inner
                .0
                .progress(false, &format!("{} {done}/{total}", self.label));
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Ok(inner) = self.inner.get_mut() {
            inner.0.clear_progress();
        }
    }
}

//! The one place where the program waits for futures.
//!
//! In: a future. Out: what comes of it. Everything above [`crate::net`] that calls it is synchronous, everything that is called is not.

use std::cell::OnceCell;
use std::io;

use tokio::runtime::{Builder, Runtime};

/// Waits for futures, one after the other; connections that one of them opened are there for the next. Not for use inside a future.
#[derive(Debug, Default)]
pub(crate) struct Waiter(OnceCell<Runtime>);

impl Waiter {
    /// Waits for the end of `future`.
    ///
    /// # Errors
    /// If the operating system has nothing to wait with; asked for at the first call.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> io::Result<T> {
        let runtime = match self.0.get() {
            Some(runtime) => runtime,
            None => {
                let started = Builder::new_current_thread().enable_all().build()?;
                self.0.get_or_init(|| started)
            }
        };
        Ok(runtime.block_on(future))
    }
}

/// Waits for one answer.
///
/// # Errors
/// The future's, or why nothing can be waited for.
pub(crate) fn wait<T>(answer: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    Waiter::default()
        .wait(answer)
        .map_err(|error| format!("cannot start waiting for the network: {error}"))?
}

//! Rolls back a run that is not confirmed in time.
//!
//! In: the number of a run whose journal has begun, and how long to wait. Out: a timer or process outside of this one that calls
//! `kubeapply rollback --unconfirmed RUN` then: the init system of a live host if it can, otherwise a detached process of the same
//! program. It is there before anything is changed, so it also brings back a run that was killed.

use std::time::Duration;

use kubeplan_terminal::Advice;

use super::InstallError;
use crate::host::Root;
use crate::host::init::{self, InitSystem};
use crate::host::program::{Programs, detach};

/// Name of the unit that waits for a run.
pub(crate) fn unit(run: u32) -> String {
    format!("kubeplan-unconfirmed-{run}")
}

/// Starts the supervisor.
///
/// # Errors
/// [`InstallError::NoSupervisor`] if none could be started.
pub(crate) fn arm(root: &Root, run: u32, within: Duration) -> Result<(), InstallError> {
    let number = run.to_string();
    let shown = root.absolute();
    let rollback = [
        "rollback",
        "--yes",
        "--unconfirmed",
        &number,
        "--root",
        &shown,
    ];
    let scheduled =
        init_system(root).and_then(|system| system.run_later(&unit(run), within, &rollback));
    let armed = scheduled.unwrap_or_else(|| {
        let seconds = within.as_secs().to_string();
        let mut words = rollback.to_vec();
        words.extend(["--after", &seconds]);
        detach::detach(&words)
    });
    armed.map_err(|reason| InstallError::NoSupervisor {
        seconds: within.as_secs(),
        reason,
        without: Advice::hint("install without --confirm-within, and run `rollback` if needed"),
    })
}

/// Stops the supervisor of a run, if it is one that can be stopped. One that cannot finds the run confirmed, and ends.
pub(crate) fn disarm(root: &Root, run: u32) {
    if let Some(system) = init_system(root) {
        system.cancel(&unit(run));
    }
}

/// The init system of the running system; a tree has none.
fn init_system(root: &Root) -> Option<Box<dyn InitSystem>> {
    root.is_live()
        .then(|| init::running(root, &Programs::SearchPath))
        .flatten()
}

//! Brings back a run that nobody confirmed in time.
//!
//! In: the number of a run whose journal has begun, and how long to wait. Out: somebody outside this process who calls
//! `kubeapply rollback --unconfirmed RUN` then: systemd on a live host that has it, otherwise a detached process of the same program. It is
//! there before anything is changed, so it also brings back a run that was killed.

use std::time::Duration;

use crate::error::CliError;
use crate::host::{Root, process};
use kubeplan_bundle::exit::Exit;

/// Name of the unit that waits for a run.
pub(crate) fn unit(run: u32) -> String {
    format!("kubeplan-unconfirmed-{run}")
}

/// Starts the supervisor.
///
/// # Errors
/// [`CliError`] if none could be started.
pub(crate) fn arm(root: &Root, run: u32, within: Duration) -> Result<(), CliError> {
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
    let armed = if root.is_live() && process::has_systemd() {
        process::run_later(&unit(run), within, &rollback)
    } else {
        let seconds = within.as_secs().to_string();
        let mut words = rollback.to_vec();
        words.extend(["--after", &seconds]);
        process::detach(&words)
    };
    armed.map_err(|reason| {
        CliError::new(
            Exit::Failed,
            format!("nobody could be found to bring the files back after {} seconds: {reason}; nothing was changed", within.as_secs()),
        )
        .hint("install without --confirm-within, and go back with `rollback` if need be")
    })
}

/// Stops the supervisor of a run, if it is one that can be stopped. One that cannot finds the run confirmed, and ends.
pub(crate) fn disarm(root: &Root, run: u32) {
    if root.is_live() && process::has_systemd() {
        process::stop_unit(&format!("{}.timer", unit(run)));
    }
}

//! This program once more, in the background.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::own_program;

/// What the program says once it is there.
pub(crate) const READY: &str = "ready";

/// Starts this program with `words`, in the background, and waits until it says that it is [`READY`].
///
/// # Errors
/// Why not.
#[expect(
    clippy::disallowed_methods,
    reason = "it is this very program that is started"
)]
pub(crate) fn detach(words: &[&str]) -> Result<(), String> {
    let mut child = Command::new(own_program()?)
        .args(words)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the program cannot be started again: {error}"))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        // It says one word or ends, which closes the pipe: this does not wait for ever.
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    if line.trim() == READY {
        Ok(())
    } else {
        let _ = child.kill();
        let _ = child.wait();
        Err("the process that was started for it ended at once".to_owned())
    }
}

/// Leaves the terminal's session: neither its Ctrl-C nor its end is meant for this process any more.
pub(crate) fn leave_session() {
    // Fails only for the leader of a group, which a process that was started by a program is not.
    let _ = rustix::process::setsid();
}

//! The process itself: arguments, standard streams, environment. Used by `main` and by nothing else.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use super::clock::Clock;
use super::durable::Fault;
use crate::{Io, Terminals};

/// Runs the program with the process's own arguments and streams.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the arguments"
)]
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os()))
}

/// Runs the program with `args` and the process's own streams.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let mut stdin = io::stdin().lock();
    let mut stdout = io::stdout().lock();
    let mut stderr = io::stderr().lock();
    let mut io = Io {
        terminals: Terminals {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
        },
        // https://no-color.org: present and not empty.
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        clock: Clock::System,
        fault: Fault::None,
        stdin: &mut stdin,
        stdout: &mut stdout,
        stderr: &mut stderr,
    };
    crate::run(args, &mut io)
}

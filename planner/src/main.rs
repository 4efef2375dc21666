//! The `kubeplan` program: hands the process's arguments, streams and surroundings to [`kubeplan::run`].

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the arguments"
)]

use std::process::ExitCode;

use kubeplan::Surroundings;
use kubeplan_terminal::Io;

fn main() -> ExitCode {
    let around = Surroundings::process();
    ExitCode::from(kubeplan::run(
        std::env::args_os(),
        &around,
        &mut Io::process(),
    ))
}

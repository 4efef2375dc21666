//! The `kubeapply` program: hands the process's arguments, streams and surroundings to [`kubeapply::run`].

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the arguments"
)]

use std::process::ExitCode;

use kubeapply::Surroundings;
use kubeplan_terminal::Io;

fn main() -> ExitCode {
    let around = Surroundings::default();
    ExitCode::from(kubeapply::run(
        std::env::args_os(),
        &around,
        &mut Io::process(),
    ))
}

//! The `kubeplan` program: hands the process's arguments and streams to [`kubeplan::run`].

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the arguments"
)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(kubeplan::run(
        std::env::args_os(),
        &mut kubeplan::cli::Io::process(),
    ))
}

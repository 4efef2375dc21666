//! The cross-crate suites, as one test program.
//!
//! A case that needs a tool this machine lacks is listed as ignored, and one line on standard error says
//! which tool; it never counts as passed.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test program: a panic is a failed test, and nobody links against it"
)]

mod suites;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    if suites::is_kubeapply() {
        return kubeapply::host::process::main();
    }
    if suites::is_kubeplan() {
        let mut io = kubeplan::cli::Io::process();
        return ExitCode::from(kubeplan::run(std::env::args_os(), &mut io));
    }
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, suites::all()).exit_code()
}

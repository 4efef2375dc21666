//! The cross-crate suites, as one test program.
//!
//! A case that needs a tool this machine lacks is listed as ignored, and one line on standard error says
//! which tool; it never counts as passed.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test program: a panic is a failed test, and other crates do not link against it"
)]

mod suites;

use std::process::ExitCode;

use kubeplan_terminal::Io;
use libtest_mimic::Arguments;

fn main() -> ExitCode {
    if suites::is_kubeapply() {
        let around = kubeapply::Surroundings::default();
        let code = kubeapply::run(std::env::args_os(), &around, &mut Io::process());
        return ExitCode::from(code);
    }
    if suites::is_kubeplan() {
        let around = kubeplan::Surroundings::process();
        let code = kubeplan::run(std::env::args_os(), &around, &mut Io::process());
        return ExitCode::from(code);
    }
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, suites::all()).exit_code()
}

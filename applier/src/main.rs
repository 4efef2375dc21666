//! `kubeapply`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubeapply::host::process::main()
}

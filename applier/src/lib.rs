//! `kubeapply`: verifies a bundle, shows what it would change, and installs it.
//!
//! In: arguments, a bundle, a directory tree. Out: the tree as the bundle says, or an error and an untouched
//! tree. It renders nothing and knows no Kubernetes: what to write is in the bundle's bytes, in which order
//! is in its steps. No byte of a bundle is used before its digests and signatures hold.
//!
//! | module | concern |
//! |---|---|
//! | [`cli`] | arguments in, reports out, one file per command |
//! | [`host`] | the only code that touches the host |
//! | [`trust`] | whom the host trusts |
//! | [`preflight`] | what a host has to be before anything is changed |
//! | [`admission`] | may this bundle be installed on this host now? |
//! | [`install`] | admission → unseal → compare → stage → commit → record |
//! | [`reset`] | taking away what was installed |
//! | [`steps`] | steps that need a running host |
//! | [`discovery`] | what a host learns from the cluster that it joins |
//! | [`runtime`], [`net`] | the container runtime; connections to servers |
//! | [`state`] | what was installed before |
//! | [`contents`] | the bytes of a bundle's entries |
//! | [`yaml`] | reading YAML within a budget |
//! | [`error`], [`ui`] | exit codes and text |

mod admission;
mod cli;
mod contents;
mod discovery;
mod error;
mod etcd;
pub mod host;
mod install;
mod net;
mod preflight;
mod reset;
mod runtime;
mod state;
mod steps;
mod trust;
mod ui;
mod yaml;

use std::ffi::OsString;
use std::io::{BufRead, Write};

use host::clock::Clock;
use host::durable::Fault;

/// Everything the program has besides its arguments and the host's files.
pub struct Io<'a> {
    /// Where typed answers come from.
    pub stdin: &'a mut dyn BufRead,
    /// Where data goes.
    pub stdout: &'a mut dyn Write,
    /// Where everything else goes.
    pub stderr: &'a mut dyn Write,
    /// Which of the streams are terminals.
    pub terminals: Terminals,
    /// Never colour (<https://no-color.org>).
    pub no_color: bool,
    /// What time it is; [`Clock::Fixed`] in tests.
    pub clock: Clock,
    /// A failure to simulate; [`Fault::None`] outside tests.
    pub fault: Fault,
    /// How many durable actions the run performed; set by it.
    pub performed: u64,
}

/// Which of the standard streams are terminals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminals {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

/// The command line, for the generated reference.
#[must_use]
pub fn command() -> clap::Command {
    cli::command()
}

pub use preflight::CheckDoc;

/// Every kind of check, for the generated reference.
#[must_use]
pub fn checks() -> Vec<CheckDoc> {
    preflight::docs()
}

/// Runs the program; `args` begin with its own name. Returns the exit code: 0 done, 1 failed, 2 bad usage,
/// 3 differences found, 4 verification refused, 5 preflight failed, 6 stopped part-way, 7 locked.
pub fn run(args: impl IntoIterator<Item = OsString>, io: &mut Io<'_>) -> u8 {
    cli::run(args, io)
}

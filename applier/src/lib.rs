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
//! | [`trust`] | the keys and the policy that the host trusts bundles by |
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

mod admission;
mod cli;
mod contents;
mod discovery;
mod etcd;
pub mod host;
mod install;
mod kubeadm;
mod net;
mod preflight;
mod reset;
mod runtime;
mod state;
mod steps;
mod trust;
mod yaml;

use std::ffi::OsString;

pub use host::Surroundings;
use kubeplan_terminal::Io;
pub use preflight::CheckDoc;

/// The command line, for the generated reference.
#[must_use]
pub fn command() -> clap::Command {
    cli::command()
}

/// Every kind of check, for the generated reference.
#[must_use]
pub fn checks() -> Vec<CheckDoc> {
    preflight::docs()
}

/// Runs the program; `args` begin with its own name. Returns the exit code: 0 done, 1 failed, 2 bad usage,
/// 3 differences found, 4 verification refused, 5 preflight failed, 6 stopped part-way, 7 locked.
pub fn run(args: impl IntoIterator<Item = OsString>, around: &Surroundings, io: &mut Io) -> u8 {
    cli::run(args, around, io).code()
}

//! kubeplan: renders everything `kubeadm init` would write, without a host, into one signed, sealed
//! bundle per node.
//!
//! In: configuration text, a key store, the clock. Out: bundles, or plain trees for review. The planner is
//! pure inside: only `cli`, `files`, `durable`, `output`, `payload::open` and `pki::store_dir` touch the disk or read the clock, and nothing here ever contacts
//! a network.

pub mod assemble;
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: reads files, the clock and the environment"
)]
pub mod cli;
pub mod config;
mod durable;
mod encoding;
pub mod engine;
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: opens files and directories for the others"
)]
mod files;
pub mod kubeadm;
pub mod operations;
#[expect(clippy::disallowed_methods, reason = "the edge: writes results")]
pub mod output;
pub mod patches;
pub mod payload;
pub mod phases;
pub mod pki;
pub mod plain_files;
pub mod plan;
pub mod render;
pub mod schema;
pub mod selection;
mod suggest;
#[cfg(test)]
mod testing;
pub mod yaml;

pub use cli::{Epoch, Surroundings, run};

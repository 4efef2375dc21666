//! The whole program against temporary trees: bundles are made with the bundle crate's writer, the program is
//! called as a library with a fixed clock, or as a process where that matters.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests build and look at the tree they test"
)]

mod attributes;
mod boundaries;
mod crash;
mod join;
mod join_run;
mod live_steps;
#[path = "../../src/runtime/client/server.rs"]
mod played_cri;
mod played_etcd;
mod preflight;
mod process;
mod refusals;
mod reset;
mod rollback;
mod show;
mod state;
mod support;
mod three_way;
mod tree;
mod trust;

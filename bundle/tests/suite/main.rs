//! Bundles from the outside: what is written is read, and what is changed is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is a test"
)]

mod hostile;
mod mutation;
mod raw;
mod round_trip;
mod support;
mod tamper;

//! kubeplan: renders everything `kubeadm init` would write, without a host, into one signed, sealed
//! bundle per node.
//!
//! In: configuration text, a key store, the clock. Out: bundles, or plain trees for review. The planner is
//! pure inside: only `cli` and `pki::store` touch the disk or read the clock, and nothing here ever contacts
//! a network.

pub mod config;
pub mod pki;
pub mod plan;
pub mod releases;

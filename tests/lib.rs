//! What the cross-crate suites share with `cargo xtask`: running both programs in-process, the golden cases, trees to
//! compare, the comparison with kubeadm, and the crashes.

pub mod crash;
pub mod equivalence;
pub mod forge;
pub mod golden;
pub mod joins;
pub mod modules;
pub mod orders;
pub mod outside_ca;
pub mod planned;
pub mod programs;
pub mod raw_index;
pub mod tree;

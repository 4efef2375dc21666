//! What the cross-crate suites share with `cargo xtask bless`: running both programs in-process, the golden
//! cases, and trees to compare.

pub mod equivalence;
pub mod golden;
pub mod outside_ca;
pub mod planned;
pub mod programs;
pub mod tree;

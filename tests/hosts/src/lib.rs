//! Real Kubernetes programs and hosts to run them on, for the suites that need a real cluster.
//!
//! - [`components`] builds the programs of one Kubernetes release from their Go modules and makes images of them.
//! - [`control_plane`] runs etcd and the three control-plane programs from an installed root directory, without a kubelet.
//! - [`hosts`] makes whole hosts out of namespaces: containerd, a kubelet, a network between them.
//!
//! For tests and `cargo xtask` only: nothing here is part of the two programs. Everything that runs is started in
//! namespaces of its own and ends with them; nothing is changed outside the directories that a caller names, except the
//! network namespaces and control groups of [`hosts`], which [`hosts::Rig::down`] removes.

pub mod command;
pub mod components;
pub mod control_plane;
pub mod hosts;
pub mod sandbox;

use std::path::PathBuf;

/// The repository's root directory.
#[must_use]
pub fn repository() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .map_or_else(|| here.clone(), PathBuf::from)
}

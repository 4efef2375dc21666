//! The user, the machine and its name.

use kubeplan_bundle::check::{CpuCount, Memory, NodeName, PrivilegedUser};
use kubeplan_bundle::index::Name;

use super::kinds::Explained::Never;
use super::kinds::Needs::Live;
use super::kinds::{Looking, Row};
use super::{CannotLook, Looked, View, found, found_if, passed};

/// The program runs as root.
impl Looking for PrivilegedUser {
    const ROW: Row = Row::new(Live, Never, "the user id of the process");

    fn look(&self, view: &View<'_>) -> Looked {
        found_if(!view.system.is_root(), || {
            "the program does not run as root".to_owned()
        })
    }
}

/// Enough CPUs.
impl Looking for CpuCount {
    const ROW: Row = Row::new(
        Live,
        Never,
        "the CPUs the process may use (sched_getaffinity)",
    );

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { minimum } = self;
        let cpus = view.system.cpus().map_err(CannotLook)?;
        found_if(cpus < *minimum, || {
            format!("{cpus} CPUs are available, {minimum} are needed")
        })
    }
}

/// Enough memory.
impl Looking for Memory {
    const ROW: Row = Row::new(Live, Never, "the memory of the host (sysinfo)");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { minimum_mib } = self;
        let memory = view.system.memory_mib();
        found_if(memory < *minimum_mib, || {
            format!("the host has {memory} MiB of memory, {minimum_mib} MiB are needed")
        })
    }
}

/// The node's name is a name, and the host knows its address.
impl Looking for NodeName {
    const ROW: Row = Row::new(Live, Never, "the name's form, and the resolver");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { node } = self;
        if let Err(error) = node.parse::<Name>() {
            return found(error.to_string());
        }
        match view.system.resolve(node) {
            Ok(()) => passed(),
            Err(reason) => found(format!("`{node}` cannot be resolved: {reason}")),
        }
    }
}

//! TCP ports.

use kubeplan_bundle::check::PortFree;

use super::kinds::Explained::ByNode;
use super::kinds::Needs::Live;
use super::kinds::{Looking, Row};
use super::{CannotLook, Looked, View, found_if};

/// No program listens on the port.
impl Looking for PortFree {
    const ROW: Row = Row::new(Live, ByNode, "listening on the port, on all addresses");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { port } = self;
        let free = view.system.is_free(*port).map_err(CannotLook)?;
        found_if(!free, || format!("port {port} is in use"))
    }
}

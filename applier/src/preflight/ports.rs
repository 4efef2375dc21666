//! TCP ports.

use kubeplan_bundle::check::CheckKind;

use super::table::mismatch;
use super::{CannotLook, Looked, View, found_if};

/// Nobody listens on the port.
pub(super) fn free(look: &CheckKind, view: &View<'_>) -> Looked {
    let CheckKind::PortFree { port } = look else {
        return mismatch(look);
    };
    let free = view.system.is_free(*port).map_err(CannotLook)?;
    found_if(!free, || format!("port {port} is in use"))
}

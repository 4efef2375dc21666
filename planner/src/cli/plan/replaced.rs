//! Says which bundles a plan replaces that had approvals or signatures by other authors.

use kubeplan_terminal::Io;

use crate::cli::reading::count;
use crate::cli::replaced::Replaced;
use crate::cli::summary::NodeSummary;
use crate::engine::listed;

/// Warns of the replaced bundles whose approvals or signatures are lost.
pub(super) fn say(nodes: &[NodeSummary], io: &mut Io) {
    let replaced: Vec<(&NodeSummary, Replaced)> = nodes
        .iter()
        .filter_map(|node| Some((node, node.replaced?)))
        .collect();
    match replaced.as_slice() {
        [] => {}
        [(node, one)] => {
            let (had, again) = one.words();
            io.say(format_args!(
                "warning: {} replaces a bundle that had {had}: {again} the new bundle again",
                node.bundle
            ));
        }
        several => {
            let nodes = listed(several.iter().map(|(node, _)| node.node.as_str()));
            io.say(format_args!(
                "warning: replaced {} that had approvals or signatures by other authors: sign and approve the new bundles of {nodes} again",
                count(several.len(), "bundle")
            ));
        }
    }
}

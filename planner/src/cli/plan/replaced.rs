//! Bundles that a plan puts others in the place of.
//!
//! The sealed part of a bundle is sealed anew each time, so an approval or a signature of the one before holds for no later one,
//! even of the same plan. What is lost that way is said.

use std::path::Path;

use kubeplan_bundle::signature::PublicKey;
use kubeplan_terminal::Io;
use serde::Serialize;

use crate::cli::input::count;
use crate::cli::open::open_intact;
use crate::cli::summary::NodeSummary;
use crate::engine::listed;

/// What a bundle had that the one in its place has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Replaced {
    approvals: usize,
    /// By other keys than the one that signs now.
    signatures: usize,
}

impl Replaced {
    /// What the bundle at `path` has that a new one has not, signed by `signer` alone; `None` if that is nothing, or there is no
    /// whole bundle.
    pub(super) fn at(path: &Path, signer: &PublicKey) -> Option<Self> {
        let bundle = open_intact(path).ok()?;
        let others = bundle
            .signatures()
            .iter()
            .filter(|signature| signature.public_key().fingerprint() != signer.fingerprint());
        let replaced = Self {
            approvals: bundle.approvals().len(),
            signatures: others.count(),
        };
        (replaced.approvals + replaced.signatures > 0).then_some(replaced)
    }

    /// What there was, and what makes up for it.
    fn words(self) -> (String, &'static str) {
        let approvals = count(self.approvals, "approval");
        let signatures = format!("{} by other authors", count(self.signatures, "signature"));
        match (self.approvals, self.signatures) {
            (_, 0) => (approvals, "approve"),
            (0, _) => (signatures, "sign"),
            _ => (format!("{approvals} and {signatures}"), "sign and approve"),
        }
    }
}

/// Says which bundles were replaced that had what the new ones have not.
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
                "warning: replaced {}, which had {had}: {again} the new file",
                node.bundle
            ));
        }
        several => {
            let nodes = listed(several.iter().map(|(node, _)| node.node.as_str()));
            io.say(format_args!(
                "warning: replaced {} that had approvals or signatures by other authors: sign and approve the new files ({nodes})",
                count(several.len(), "bundle")
            ));
        }
    }
}

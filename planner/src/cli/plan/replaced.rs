//! Warns when a plan replaces bundles that had approvals or other authors' signatures.
//!
//! Every run seals again, which changes the index. An approval or signature of the earlier bundle is therefore not valid for
//! the new one, even if the plan is the same.

use std::path::Path;

use kubeplan_bundle::signature::PublicKey;
use kubeplan_terminal::Io;
use serde::Serialize;

use crate::cli::input::count;
use crate::cli::open::open_intact;
use crate::cli::summary::NodeSummary;
use crate::engine::listed;

/// Approvals and signatures that are lost because a bundle is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Replaced {
    approvals: usize,
    /// Signatures by keys other than the one that signs now.
    signatures: usize,
}

impl Replaced {
    /// Counts what is lost when a bundle that only `signer` signed replaces the one at `path`; `None` if nothing is lost, or if
    /// there is no intact bundle.
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

    /// What the replaced bundle had, and what to do with the new bundle.
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

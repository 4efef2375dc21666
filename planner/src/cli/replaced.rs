//! Approvals and signatures that are lost when a plan replaces a bundle.
//!
//! Each plan seals the secrets anew, so approvals and signatures of the replaced bundle do not hold for the new one, even if the plan is
//! the same.

use std::path::Path;

use kubeplan_bundle::signature::PublicKey;
use serde::Serialize;

use super::open::open_readable;
use super::reading::count;

/// Approvals and signatures that are lost because a bundle is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Replaced {
    approvals: usize,
    /// Signatures by keys other than the one that signs now.
    signatures: usize,
}

impl Replaced {
    /// Counts what is lost when a bundle that only `signer` signed replaces the one at `path`; `None` if nothing is lost, or if
    /// there is no intact bundle.
    pub(super) fn at(path: &Path, signer: &PublicKey) -> Option<Self> {
        let bundle = open_readable(path).ok()?;
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
    pub(super) fn words(self) -> (String, &'static str) {
        let approvals = count(self.approvals, "approval");
        let signatures = format!("{} by other authors", count(self.signatures, "signature"));
        match (self.approvals, self.signatures) {
            (_, 0) => (approvals, "approve"),
            (0, _) => (signatures, "sign"),
            _ => (format!("{approvals} and {signatures}"), "sign and approve"),
        }
    }
}

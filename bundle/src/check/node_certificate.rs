//! `node-certificate`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath};
use crate::access::{MayBe, Role, StepPath};

/// The client certificate that the kubelet finds on the host belongs to the bundle's node, and the CA of its cluster issued it.
///
/// A kubelet that finds an unexpired certificate uses it before the credentials of its kubeconfig (k8s.io/client-go v0.36.2,
/// util/certificate, `getCurrentCertificateOrBootstrap`). A file that does not exist, or has expired, passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCertificate {
    /// The link to the newest certificate and its key, in one file.
    pub certificate: LookPath,
    /// Where the CA certificates of the cluster lie: those that the bundle places there, else those that are there.
    pub authority: LookPath,
}

impl Look for NodeCertificate {
    fn paths(&self) -> Vec<StepPath<'_>> {
        vec![
            StepPath::new(
                "certificate",
                self.certificate.as_str(),
                Role::Reads,
                MayBe::Named("kubelet-client-current.pem"),
            ),
            StepPath::new(
                "authority",
                self.authority.as_str(),
                Role::Reads,
                MayBe::TlsFile,
            ),
        ]
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

//! `same-cluster`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath};
use crate::access::{ADMIN, KUBELET, MayBe, Role, StepPath};

/// The host does not belong to another cluster: what is there was issued by the CA of the bundle's cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SameCluster {
    /// Where the cluster's CA certificate lies.
    pub authority: LookPath,
    /// Kubeconfigs, each with the CA it trusts.
    pub kubeconfigs: Vec<LookPath>,
}

impl Look for SameCluster {
    fn paths(&self) -> Vec<StepPath<'_>> {
        let mut all = vec![StepPath::new(
            "authority",
            self.authority.as_str(),
            Role::Reads,
            MayBe::TlsFile,
        )];
        for (number, path) in self.kubeconfigs.iter().enumerate() {
            all.push(StepPath::new(
                &format!("kubeconfigs[{number}]"),
                path.as_str(),
                Role::Reads,
                MayBe::Kubeconfig(&[ADMIN, KUBELET]),
            ));
        }
        all
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        Ok(())
    }
}

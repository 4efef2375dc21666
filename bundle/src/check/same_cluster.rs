//! `same-cluster`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath};
use crate::access::{ADMIN, KUBELET, MayBe, Role, StepPath};

/// No other cluster lives on the host: what is there comes from the bundle's own certificate authority.
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

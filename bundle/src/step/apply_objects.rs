//! `apply-objects`.

use serde::{Deserialize, Serialize};

use super::PhaseName;
use super::questions::{Act, Stage, Surroundings, Work};
use crate::access::{MayBe, Role, SUPER_ADMIN, StepPath};
use crate::check::{Broken, broken};
use crate::name::EntryName;
use crate::path::HostPath;

/// Brings objects into the API, in order.
///
/// - Precondition: the API server answers, and the identity that is used may write these objects; every hole of an
///   object can be filled.
/// - Effect: holes are filled, then each object is applied as a whole (server-side apply): created, or changed to what
///   the bundle says. Fields the bundle does not name are left alone, and so is an object that others changed.
/// - Twice: an object that is as planned is not changed. One with a hole that was applied before is not applied
///   again, so a token's lifetime is not extended.
/// - Completion: the API returns each object.
/// - Undo: none. What was there before is not known; the objects that were applied are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyObjects {
    /// kubeadm's phase that writes these objects.
    pub phase: PhaseName,
    /// Object entries of the index, in the order in which they are applied.
    pub entries: Vec<EntryName>,
    /// A kubeconfig on the host to use where the API forbids the call to the one of [`crate::index::Api`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_kubeconfig: Option<HostPath>,
}

impl Act for ApplyObjects {
    fn summary(&self) -> String {
        match self.entries.len() {
            1 => "apply 1 object".to_owned(),
            many => format!("apply {many} objects"),
        }
    }

    fn stage(&self) -> Stage {
        Stage::Live { calls_api: true }
    }

    fn work(&self) -> Work<'_> {
        Work::Applies(&self.entries)
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        let fallback = self.fallback_kubeconfig.iter();
        fallback
            .map(|path| {
                StepPath::new(
                    "fallbackKubeconfig",
                    path.as_str(),
                    Role::Reads,
                    MayBe::Kubeconfig(&[SUPER_ADMIN]),
                )
            })
            .collect()
    }

    fn check(&self, _around: &Surroundings<'_>) -> Result<(), Broken> {
        if self.entries.is_empty() {
            return broken("a step applies at least one object", &self.phase);
        }
        Ok(())
    }
}

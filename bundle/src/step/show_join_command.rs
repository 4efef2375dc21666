//! `show-join-command`.

use serde::{Deserialize, Serialize};

use super::PhaseName;
use super::questions::{Act, Stage, Surroundings, Work};
use crate::access::{ADMIN, MayBe, Role, StepPath};
use crate::authority::authority;
use crate::check::{Broken, broken};
use crate::digest::Sha256Digest;
use crate::name::EntryName;
use crate::path::HostPath;

/// Prints the join commands for other nodes, as kubeadm does.
///
/// - Precondition: none.
/// - Effect: text; nothing changes.
/// - Twice: the text is shown again.
/// - Completion: it was shown.
/// - Undo: nothing to undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShowJoinCommand {
    /// kubeadm's phase that does so.
    pub phase: PhaseName,
    /// The administrator's kubeconfig on the host.
    pub kubeconfig: HostPath,
    /// `host:port` of the API server.
    pub endpoint: String,
    /// SHA-256 of each cluster CA's SubjectPublicKeyInfo.
    pub ca_cert_hashes: Vec<Sha256Digest>,
    /// Secrets with the tokens, among the object entries.
    pub tokens: Vec<EntryName>,
    /// How other control-plane nodes get the shared certificates; absent if they cannot join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<SharedCertificates>,
}

/// How other control-plane nodes get the shared certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedCertificates {
    /// They are copied by hand.
    Copied,
    /// They are in the cluster, encrypted; who joins has the key.
    Uploaded,
}

impl Act for ShowJoinCommand {
    fn summary(&self) -> String {
        "print the join commands for other nodes".to_owned()
    }

    fn stage(&self) -> Stage {
        Stage::Live { calls_api: false }
    }

    fn work(&self) -> Work<'_> {
        Work::Other
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        vec![StepPath::new(
            "kubeconfig",
            self.kubeconfig.as_str(),
            Role::Reads,
            MayBe::Kubeconfig(&[ADMIN]),
        )]
    }

    fn check(&self, around: &Surroundings<'_>) -> Result<(), Broken> {
        if !matches!(authority(&self.endpoint), Some((_, Some(_)))) {
            return broken("a join command names `host:port`", &self.endpoint);
        }
        match self
            .tokens
            .iter()
            .find(|name| !around.objects.contains(name))
        {
            Some(name) => broken("a join command names tokens of the index", name),
            None => Ok(()),
        }
    }
}

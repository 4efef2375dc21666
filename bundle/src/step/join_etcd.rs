//! `join-etcd`.

use serde::{Deserialize, Serialize};

use super::questions::{Act, Stage, Surroundings, Work};
use super::{EtcdClient, EtcdPods, PhaseName};
use crate::access::{MayBe, Role, StepPath};
use crate::authority::Url;
use crate::check::{Broken, broken};
use crate::name::{Name, TransactionName};

/// Makes the node a member of the cluster's etcd.
///
/// - Precondition: the API server answers; every Pod of etcd says how it is reached; a majority of members is well.
/// - Effect: the member is added as a learner unless it is listed; the list of members fills the hole
///   of the transaction's manifest, the transaction is committed, and once the member has started and caught up it is
///   promoted. A member with the same peer URL that never started is this node's own from an earlier attempt. One that was
///   started is it only if its manifest is in place, or a directory of the transaction in which the bundle puts nothing has
///   something in it; else the step stops, as it does where such data are and no member is listed.
/// - Twice: a member that votes is not touched, nor is a manifest that was committed, unless its member never started and
///   the list has changed since.
/// - Completion: etcd lists the member with its name, as a voter.
/// - Undo: the manifest with its transaction; the member stays listed until `reset` removes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinEtcd {
    /// kubeadm's phase that does so.
    pub phase: PhaseName,
    /// The member's name.
    pub member: Name,
    /// The URL its peers know it by, `https://…`.
    pub peer_url: String,
    /// How the members that exist are found.
    pub pods: EtcdPods,
    /// Who asks them.
    pub client: EtcdClient,
    /// The transaction with the manifest.
    pub transaction: TransactionName,
    /// How long each call of etcd is tried again, in seconds.
    pub timeout_seconds: u32,
}

impl Act for JoinEtcd {
    fn summary(&self) -> String {
        format!("join etcd as {}, commit {}", self.member, self.transaction)
    }

    fn stage(&self) -> Stage {
        Stage::Live { calls_api: true }
    }

    fn work(&self) -> Work<'_> {
        Work::Commits(&self.transaction)
    }

    fn paths(&self) -> Vec<StepPath<'_>> {
        let client = &self.client;
        [
            ("client.authority", &client.authority, "etcd/ca.crt"),
            (
                "client.certificate",
                &client.certificate,
                "etcd/healthcheck-client.crt",
            ),
            ("client.key", &client.key, "etcd/healthcheck-client.key"),
        ]
        .into_iter()
        .map(|(field, path, name)| {
            StepPath::new(field, path.as_str(), Role::Reads, MayBe::Named(name))
        })
        .collect()
    }

    fn check(&self, _around: &Surroundings<'_>) -> Result<(), Broken> {
        if !Url::parse(&self.peer_url).is_some_and(|url| url.is_https() && url.path.is_empty()) {
            return broken("a member is reached by https", &self.peer_url);
        }
        if self.pods.labels.is_empty() || self.timeout_seconds == 0 {
            return broken("members are found by labels, in some time", &self.member);
        }
        Ok(())
    }
}

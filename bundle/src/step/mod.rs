//! What a bundle asks the applier to do, in order.
//!
//! The enum is closed on purpose: a new variant breaks the applier's one `match` at compile time, and a
//! step that an older applier does not know is refused through the index's `requires` list.
//!
//! What a step does is asked of the step, never found out by a caller's own `match`:
//!
//! | question | where |
//! |---|---|
//! | which kind it is, the features it requires | [`Step::kind`], [`Step::features`] |
//! | its phase, what it does in one line | [`Step::phase`], [`Step::summary`] |
//! | every field, for a reviewer | [`Step::details`] |
//! | whether it needs a running host, whether it calls the API | [`Step::is_live`], [`Step::calls_api`] |
//! | the checks that it makes, those whose errors do not count | [`Step::checks`], [`Step::ignores`] |
//! | the transaction that it commits, the file that it removes | [`Step::commits`], [`Step::removes`] |
//! | the objects that it applies, the service that it starts, the endpoints that it waits for | [`Step::applies`], [`Step::starts`], [`Step::awaits`] |
//! | every path of the host that it reads, changes or removes, and what that path may be | [`Step::paths`] |
//!
//! The answers are matches over every variant, without a `_`, so a new variant does not compile before each is given.

mod details;
mod endpoint;
mod etcd;
mod kind;
mod paths;
mod phase_name;
mod questions;
mod taint;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::access::{MayBe, Role, StepPath};
pub use crate::service::{ParseServiceError, ServiceName};
pub use details::Detail;
pub use endpoint::{Endpoint, EndpointIdentity};
pub use etcd::{EtcdClient, EtcdPods};
pub use kind::{StepKind, features};
pub use phase_name::{ParsePhaseError, PhaseName};
pub use taint::{Taint, TaintEffect};

use crate::check::{Check, CheckName};
use crate::digest::Sha256Digest;
use crate::name::{EntryName, Name, TransactionName};
use crate::path::HostPath;

/// One step of an installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "do",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Step {
    /// Looks at the host before anything is changed: one run of kubeadm's preflight checks.
    ///
    /// - Precondition: none.
    /// - Effect: none on files. Every check of the run is made, in order, also after a failed one; if one fails that is not
    ///   ignored, nothing that comes later happens. A check of images pulls them into the container runtime's store.
    /// - Twice: the same; what an earlier installation of the same node left is not held against it.
    /// - Completion: every check has passed, has only warned, or is ignored.
    /// - Undo: none is needed; images that were pulled stay.
    Preflight {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The checks, in kubeadm's order.
        checks: Vec<Check>,
        /// Checks whose errors count as warnings, in any case; `all` for every one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignore: Vec<CheckName>,
    },
    /// Brings the files of one transaction to their destinations.
    ///
    /// - Precondition: every entry is staged, verified and synced.
    /// - Effect: each file is replaced by rename, in the transaction's order, and its directory synced.
    /// - Twice: a file that already has the planned bytes, mode and owner is not touched.
    /// - Completion: the journal's record of the transaction.
    /// - Undo: the files from before are restored.
    CommitTransaction {
        /// kubeadm's phase that writes these files.
        phase: PhaseName,
        /// Which transaction of the index.
        transaction: TransactionName,
    },
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
    ApplyObjects {
        /// kubeadm's phase that writes these objects.
        phase: PhaseName,
        /// Object entries of the index, in the order in which they are applied.
        entries: Vec<EntryName>,
        /// A kubeconfig on the host to use where the API forbids the call to the one of [`crate::index::Api`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fallback_kubeconfig: Option<HostPath>,
    },
    /// Sets labels and adds taints of the bundle's own node.
    ///
    /// - Precondition: the kubelet has registered the node, and the node has the label `kubernetes.io/hostname`.
    /// - Effect: each label is set to its value; each taint that the node does not have is put in front of those it has.
    /// - Twice: labels and taints that are there are not touched.
    /// - Completion: the API returns the node with every label and taint.
    /// - Undo: none. Labels and taints that were set are listed.
    LabelAndTaintNode {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The node.
        node: Name,
        /// Labels by key.
        labels: BTreeMap<String, String>,
        /// Taints, in order.
        taints: Vec<Taint>,
    },
    /// Sets annotations of the bundle's own node.
    ///
    /// - Precondition: the kubelet has registered the node.
    /// - Effect: each annotation is set to its value; others are left alone.
    /// - Twice: annotations that are as planned are not touched.
    /// - Completion: the API returns the node with every annotation.
    /// - Undo: none. Annotations that were set are listed.
    AnnotateNode {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The node.
        node: Name,
        /// Annotations by key.
        annotations: BTreeMap<String, String>,
    },
    /// Starts a service of the host's init system with the files that are there now.
    ///
    /// - Precondition: the host runs systemd or OpenRC, which knows the service.
    /// - Effect: the init system reads its units again, the service is enabled and, if files changed or it does not run,
    ///   restarted.
    /// - Twice: a service that runs with the files that are there is not touched.
    /// - Completion: the init system says that the service is active.
    /// - Undo: none; after a rollback of the files the service is restarted with the old ones.
    StartService {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The service, without the suffix of its unit.
        service: ServiceName,
    },
    /// Waits until every endpoint answers 200.
    ///
    /// - Precondition: what answers was started.
    /// - Effect: none; each endpoint is asked twice a second, all at once.
    /// - Twice: endpoints that answer are asked once.
    /// - Completion: every endpoint has answered 200 within its time.
    /// - Undo: nothing to undo.
    WaitForEndpoints {
        /// kubeadm's phase that waits.
        phase: PhaseName,
        /// The endpoints to ask.
        endpoints: Vec<Endpoint>,
        /// How long each of them has, in seconds.
        timeout_seconds: u32,
    },
    /// Lets a kubeconfig use the client certificate that the kubelet rotates, instead of the one inside it.
    ///
    /// - Precondition: the kubelet runs. Where it made no certificate of its own there is nothing to do.
    /// - Effect: the user of the current context gets the certificate's path as certificate and key, its embedded ones
    ///   are removed, the file is replaced, and the service is restarted.
    /// - Twice: a kubeconfig that names the path is not touched.
    /// - Completion: the file names the path and the service is active.
    /// - Undo: a rollback puts the file back as it was; before that it is in the journal, with a copy.
    UseRotatedCertificate {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The kubeconfig on the host.
        kubeconfig: HostPath,
        /// The link to the newest certificate and its key, in one file.
        certificate: HostPath,
        /// The service that reads the kubeconfig.
        service: ServiceName,
    },
    /// Waits until the API server of the cluster that the node joins is ready.
    ///
    /// - Precondition: the kubeconfig is in place.
    /// - Effect: none; the server of the kubeconfig's current context is asked whether it is ready, as the kubeconfig's user. It
    ///   must prove who it is.
    /// - Twice: a server that is ready is asked once.
    /// - Completion: it has answered 200.
    /// - Undo: nothing to undo.
    WaitForControlPlane {
        /// kubeadm's phase that waits.
        phase: PhaseName,
        /// A kubeconfig on the host.
        kubeconfig: HostPath,
        /// How long, in seconds.
        timeout_seconds: u32,
    },
    /// Refuses to continue if another host uses the node's name.
    ///
    /// - Precondition: the API server answers the kubeconfig's user, who may read nodes.
    /// - Effect: none.
    /// - Twice: once the node's own kubelet has its credentials, nothing is asked.
    /// - Completion: there is no node of this name, or it is not ready.
    /// - Undo: nothing to undo.
    RequireFreeNodeName {
        /// kubeadm's phase that asks.
        phase: PhaseName,
        /// The bundle's own node.
        node: Name,
        /// The kubeconfig that the kubelet bootstraps with.
        bootstrap_kubeconfig: HostPath,
        /// The kubeconfig that the kubelet writes once it has credentials of its own.
        kubeconfig: HostPath,
    },
    /// Waits until the kubelet has credentials of its own, and takes those away that it got them with.
    ///
    /// - Precondition: the kubelet runs.
    /// - Effect: once the kubeconfig and the certificate that it names are there, the bootstrap kubeconfig is removed; also
    ///   when the time is over, as it holds a token. One that is not a file of the bundle, or not as it was installed, is
    ///   left and named.
    /// - Twice: where the kubelet has its credentials nothing is waited for.
    /// - Completion: the kubeconfig can be used, and the bootstrap kubeconfig is gone or left.
    /// - Undo: a rollback puts the file back; before that it is in the journal, with a copy.
    FinishTlsBootstrap {
        /// kubeadm's phase that waits.
        phase: PhaseName,
        /// The kubeconfig that the kubelet bootstraps with.
        bootstrap_kubeconfig: HostPath,
        /// The kubeconfig that the kubelet writes.
        kubeconfig: HostPath,
        /// How long, in seconds.
        timeout_seconds: u32,
    },
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
    JoinEtcd {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The member's name.
        member: Name,
        /// The URL its peers know it by, `https://…`.
        peer_url: String,
        /// How the members that exist are found.
        pods: EtcdPods,
        /// Who asks them.
        client: EtcdClient,
        /// The transaction with the manifest.
        transaction: TransactionName,
        /// How long each call of etcd is tried again, in seconds.
        timeout_seconds: u32,
    },
    /// Prints the join commands for other nodes, as kubeadm does.
    ///
    /// - Precondition: none.
    /// - Effect: text; nothing changes.
    /// - Twice: the text is shown again.
    /// - Completion: it was shown.
    /// - Undo: nothing to undo.
    ShowJoinCommand {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The administrator's kubeconfig on the host.
        kubeconfig: HostPath,
        /// `host:port` of the API server.
        endpoint: String,
        /// SHA-256 of each cluster CA's SubjectPublicKeyInfo.
        ca_cert_hashes: Vec<Sha256Digest>,
        /// Secrets with the tokens, among the object entries.
        tokens: Vec<EntryName>,
        /// How other control-plane nodes get the shared certificates; absent if they cannot join.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        control_plane: Option<SharedCertificates>,
    },
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

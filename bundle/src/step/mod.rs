//! What a bundle asks the applier to do, in order.
//!
//! The enum is closed on purpose: a new variant breaks the applier's one `match` at compile time, and a
//! step that an older applier does not know is refused through the index's `requires` list.

mod endpoint;
mod etcd;
mod phase_name;
mod service;
mod taint;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use endpoint::{Endpoint, EndpointIdentity};
pub use etcd::{EtcdClient, EtcdPods};
pub use phase_name::{ParsePhaseError, PhaseName};
pub use service::{ParseServiceError, ServiceName};
pub use taint::{Taint, TaintEffect};

use crate::check::{Check, CheckName};
use crate::digest::Sha256Digest;
use crate::index::{EntryName, Name, TransactionName};
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
    /// - Effect: each file is replaced by rename, in the transaction's order, and its folder synced.
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
    ///   again, so no token begins a second life.
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
        /// Whom to ask.
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
    /// - Undo: with the file's transaction.
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
    /// Refuses to go on if another host runs under the node's name.
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
    ///   when the time is over, as it holds a token.
    /// - Twice: where the kubelet has its credentials nothing is waited for.
    /// - Completion: the kubeconfig can be used, and the bootstrap kubeconfig is gone.
    /// - Undo: none.
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
    ///   started is it only if its manifest is in place, or a folder of the transaction in which the bundle puts nothing has
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
    /// Says how other nodes join, as kubeadm does.
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

impl Step {
    /// The feature an applier must have to run this step, as listed in the index's `requires`.
    #[must_use]
    pub const fn feature(&self) -> &'static str {
        match self {
            Self::Preflight { .. } => "step:preflight/1",
            Self::CommitTransaction { .. } => "step:commit-transaction/1",
            Self::ApplyObjects { .. } => "step:apply-objects/1",
            Self::LabelAndTaintNode { .. } => "step:label-and-taint-node/1",
            Self::AnnotateNode { .. } => "step:annotate-node/1",
            Self::StartService { .. } => "step:start-service/1",
            Self::WaitForEndpoints { .. } => "step:wait-for-endpoints/1",
            Self::UseRotatedCertificate { .. } => "step:use-rotated-certificate/1",
            Self::WaitForControlPlane { .. } => "step:wait-for-control-plane/1",
            Self::RequireFreeNodeName { .. } => "step:require-free-node-name/1",
            Self::FinishTlsBootstrap { .. } => "step:finish-tls-bootstrap/1",
            Self::JoinEtcd { .. } => "step:join-etcd/1",
            Self::ShowJoinCommand { .. } => "step:show-join-command/1",
        }
    }

    /// kubeadm's phase this step belongs to.
    #[must_use]
    pub const fn phase(&self) -> &PhaseName {
        match self {
            Self::Preflight { phase, .. }
            | Self::CommitTransaction { phase, .. }
            | Self::ApplyObjects { phase, .. }
            | Self::LabelAndTaintNode { phase, .. }
            | Self::AnnotateNode { phase, .. }
            | Self::StartService { phase, .. }
            | Self::WaitForEndpoints { phase, .. }
            | Self::UseRotatedCertificate { phase, .. }
            | Self::WaitForControlPlane { phase, .. }
            | Self::RequireFreeNodeName { phase, .. }
            | Self::FinishTlsBootstrap { phase, .. }
            | Self::JoinEtcd { phase, .. }
            | Self::ShowJoinCommand { phase, .. } => phase,
        }
    }

    /// What the step does, in one line for people. Secrets have no part in it.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Preflight { checks, .. } => match checks.len() {
                1 => "make 1 check".to_owned(),
                many => format!("make {many} checks"),
            },
            Self::CommitTransaction { transaction, .. } => format!("commit {transaction}"),
            Self::ApplyObjects { entries, .. } => match entries.len() {
                1 => "apply 1 object".to_owned(),
                many => format!("apply {many} objects"),
            },
            Self::LabelAndTaintNode {
                node,
                labels,
                taints,
                ..
            } => {
                let labels = labels
                    .iter()
                    .map(|(key, value)| format!("label {key}={value}"));
                let taints = taints.iter().map(|taint| format!("taint {taint}"));
                let all: Vec<String> = labels.chain(taints).collect();
                format!("set on node {node}: {}", all.join(", "))
            }
            Self::AnnotateNode {
                node, annotations, ..
            } => {
                let all: Vec<String> = annotations
                    .iter()
                    .map(|(key, value)| format!("annotation {key}={value}"))
                    .collect();
                format!("set on node {node}: {}", all.join(", "))
            }
            Self::StartService { service, .. } => format!("start {service}"),
            Self::WaitForEndpoints {
                endpoints,
                timeout_seconds,
                ..
            } => {
                let names: Vec<&str> = endpoints.iter().map(|e| e.name.as_str()).collect();
                format!("wait up to {timeout_seconds} s for {}", names.join(", "))
            }
            Self::UseRotatedCertificate {
                kubeconfig,
                certificate,
                ..
            } => format!("let {kubeconfig} use {certificate}"),
            Self::WaitForControlPlane {
                timeout_seconds, ..
            } => format!("wait up to {timeout_seconds} s for the control plane"),
            Self::RequireFreeNodeName { node, .. } => {
                format!("ask whether another host is node {node}")
            }
            Self::FinishTlsBootstrap {
                timeout_seconds, ..
            } => format!("wait up to {timeout_seconds} s for the kubelet's credentials"),
            Self::JoinEtcd {
                member,
                transaction,
                ..
            } => format!("join etcd as {member}, commit {transaction}"),
            Self::ShowJoinCommand { .. } => "say how other nodes join".to_owned(),
        }
    }

    /// Whether the step needs a running host. Such a step is not run when a bundle is installed into a folder.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !matches!(
            self,
            Self::Preflight { .. } | Self::CommitTransaction { .. }
        )
    }

    /// Whether the step calls the API server.
    #[must_use]
    pub fn calls_api(&self) -> bool {
        match self {
            Self::ApplyObjects { .. }
            | Self::LabelAndTaintNode { .. }
            | Self::AnnotateNode { .. }
            | Self::JoinEtcd { .. } => true,
            Self::WaitForEndpoints { endpoints, .. } => endpoints
                .iter()
                .any(|endpoint| endpoint.identity == EndpointIdentity::Administrator),
            Self::Preflight { .. }
            | Self::CommitTransaction { .. }
            | Self::StartService { .. }
            | Self::UseRotatedCertificate { .. }
            | Self::WaitForControlPlane { .. }
            | Self::RequireFreeNodeName { .. }
            | Self::FinishTlsBootstrap { .. }
            | Self::ShowJoinCommand { .. } => false,
        }
    }
}

/// Every feature this version of the format knows; an index that requires another one is refused.
pub const FEATURES: &[&str] = &[
    "step:commit-transaction/1",
    "step:apply-objects/1",
    "step:label-and-taint-node/1",
    "step:annotate-node/1",
    "step:start-service/1",
    "step:wait-for-endpoints/1",
    "step:use-rotated-certificate/1",
    "step:wait-for-control-plane/1",
    "step:require-free-node-name/1",
    "step:finish-tls-bootstrap/1",
    "step:join-etcd/1",
    "step:show-join-command/1",
    "step:preflight/1",
    "hole:token-expiry/1",
    "hole:owner-uid/1",
    "hole:etcd-initial-cluster/1",
    "payload:chunks/1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_steps_are_read_and_known() {
        for (text, live) in [
            (
                r#"{"do":"preflight","phase":"preflight","checks":[{"name":"Swap","severity":"warning","look":{"kind":"no-swap"}}],"ignore":["NumCPU"]}"#,
                false,
            ),
            (
                r#"{"do":"commit-transaction","phase":"certs","transaction":"certs"}"#,
                false,
            ),
            (
                r#"{"do":"apply-objects","phase":"addon/coredns","entries":["objects/01.yaml"]}"#,
                true,
            ),
            (
                r#"{"do":"label-and-taint-node","phase":"mark-control-plane","node":"n","labels":{"a":""},"taints":[{"key":"k","value":"v","effect":"NoSchedule"},{"key":"k","effect":"NoExecute"}]}"#,
                true,
            ),
            (
                r#"{"do":"annotate-node","phase":"upload-config/kubelet","node":"n","annotations":{"a":"b"}}"#,
                true,
            ),
            (
                r#"{"do":"apply-objects","phase":"wait-control-plane","entries":["objects/01.yaml"],"fallbackKubeconfig":"/etc/a.conf"}"#,
                true,
            ),
            (
                r#"{"do":"start-service","phase":"kubelet-start","service":"kubelet"}"#,
                true,
            ),
            (
                r#"{"do":"wait-for-endpoints","phase":"wait-control-plane","endpoints":[{"name":"kubelet","url":"http://127.0.0.1:10248/healthz","identity":"anonymous"}],"timeoutSeconds":240}"#,
                true,
            ),
            (
                r#"{"do":"use-rotated-certificate","phase":"kubelet-finalize","kubeconfig":"/etc/kubelet.conf","certificate":"/var/lib/k.pem","service":"kubelet"}"#,
                true,
            ),
            (
                r#"{"do":"wait-for-control-plane","phase":"kubelet-start","kubeconfig":"/etc/a.conf","timeoutSeconds":300}"#,
                true,
            ),
            (
                r#"{"do":"require-free-node-name","phase":"kubelet-start","node":"n","bootstrapKubeconfig":"/etc/b.conf","kubeconfig":"/etc/a.conf"}"#,
                true,
            ),
            (
                r#"{"do":"finish-tls-bootstrap","phase":"kubelet-wait-bootstrap","bootstrapKubeconfig":"/etc/b.conf","kubeconfig":"/etc/a.conf","timeoutSeconds":300}"#,
                true,
            ),
            (
                r#"{"do":"join-etcd","phase":"etcd-join","member":"n","peerUrl":"https://10.0.0.1:2380","pods":{"namespace":"a","labels":{"b":"c"},"clientUrls":"d/e"},"client":{"authority":"/pki/ca.crt","certificate":"/pki/c.crt","key":"/pki/c.key"},"transaction":"etcd","timeoutSeconds":120}"#,
                true,
            ),
            (
                r#"{"do":"show-join-command","phase":"show-join-command","kubeconfig":"/etc/a.conf","endpoint":"a:6443","caCertHashes":[],"tokens":["objects/02.yaml"],"controlPlane":"uploaded"}"#,
                true,
            ),
        ] {
            let step: Step = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&step).unwrap(), text);
            assert!(FEATURES.contains(&step.feature()), "{text}");
            assert_eq!(step.is_live(), live, "{text}");
        }
    }

    #[test]
    fn steps_are_tagged_objects_without_room_for_more() {
        let step: Step = serde_json::from_str(
            r#"{"do":"commit-transaction","phase":"certs","transaction":"certs"}"#,
        )
        .unwrap();
        assert!(FEATURES.contains(&step.feature()));
        assert_eq!(step.phase().as_str(), "certs");
        for bad in [
            r#"{"do":"label-and-taint-node","phase":"p","node":"n","labels":{},"taints":[{"key":"k","effect":"Now"}]}"#,
            r#"{"do":"annotate-node","phase":"p","node":"n","annotations":{"a":1}}"#,
            r#"{"do":"annotate-node","phase":"p","node":"n"}"#,
            r#"{"do":"run-shell","phase":"certs","command":"true"}"#,
            r#"{"do":"start-service","phase":"p","service":"--now"}"#,
            r#"{"do":"start-service","phase":"p","service":"a b"}"#,
            r#"{"do":"wait-for-endpoints","phase":"p","endpoints":[{"name":"a","url":"http://b","identity":"root"}],"timeoutSeconds":1}"#,
            r#"{"do":"commit-transaction","phase":"certs","transaction":"certs","also":1}"#,
            r#"{"do":"commit-transaction","phase":"Certs","transaction":"certs"}"#,
        ] {
            assert!(serde_json::from_str::<Step>(bad).is_err(), "{bad}");
        }
    }
}

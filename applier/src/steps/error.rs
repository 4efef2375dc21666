//! Why a live step did not get to its end, and what to do about it.

use std::time::Duration;

use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::{Advice, quote};

use super::committer::{ChangeError, Removal};
use crate::host::HostError;
use crate::host::init::InitError;
use crate::net::kubeconfig::KubeconfigError;

/// A failed step. Names objects and endpoints; never a value of a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The init system.
    #[error(transparent)]
    Service(#[from] InitError),
    /// A kubeconfig.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// A file.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The bundle holds something that cannot be applied.
    #[error("entry `{entry}` cannot be used: {reason}")]
    Content {
        /// Which.
        entry: EntryName,
        /// Why; nothing of its values.
        reason: String,
    },
    /// A bundle with a step that needs more than the bundle has.
    #[error("the bundle cannot be used: {0}")]
    Bundle(&'static str),
    /// The system's clock says nothing usable.
    #[error(
        "the system clock is before 1970 or after 9999, and the end of a token is counted from it"
    )]
    Clock,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The runtime cannot be started.
    #[error("cannot start waiting for the network")]
    Runtime(#[source] std::io::Error),
    /// A call that was tried until its time was over.
    #[error("{what}: not done after {} s and {attempts} attempts; last: {last}", window.as_secs())]
    TimedOut {
        /// What was tried.
        what: String,
        /// The time it had.
        window: Duration,
        /// How often it was tried.
        attempts: u32,
        /// What came of the last attempt.
        last: String,
    },
    /// A call that the identity may not make, also not after some time.
    #[error("{what}: `{user}` may not do this: {said}")]
    Forbidden {
        /// What was tried.
        what: String,
        /// The user.
        user: String,
        /// What the API server said.
        said: String,
    },
    /// The API forbids a call, and the kubeconfig that would help is not there.
    #[error(
        "{what}: `{user}` may not do this, and the kubeconfig `{fallback}`, which may, does not exist"
    )]
    NoFallback {
        /// What was tried.
        what: String,
        /// The user.
        user: String,
        /// What is missing.
        fallback: HostPath,
    },
    /// An answer that another attempt would not change.
    #[error("{what}: the API server refused: {said}")]
    Refused {
        /// What was tried.
        what: String,
        /// What it said.
        said: String,
    },
    /// The owner of an object is gone.
    #[error("{object}: its owner {owner} does not exist any more")]
    OwnerGone {
        /// What is owned.
        object: String,
        /// The owner.
        owner: String,
    },
    /// Endpoints that did not answer in their time.
    #[error("{} of {asked} endpoints did not answer 200 within {} s", silent.len(), window.as_secs())]
    Endpoints {
        /// How many were asked.
        asked: usize,
        /// The time each had.
        window: Duration,
        /// Those that did not.
        silent: Vec<Silent>,
        /// Each of them on a line.
        #[source]
        lines: Advice,
    },
    /// An endpoint at an address that this host does not have.
    #[error(
        "`{name}` is not asked: {url} is not at an address of this host, and not at the API server of the bundle"
    )]
    NotOfThisHost {
        /// Whose health it is.
        name: String,
        /// Where.
        url: String,
    },
    /// An API server that did not become ready.
    #[error("the API server at {server} is not ready after {} s; last: {last}", window.as_secs())]
    NotReady {
        /// Which.
        server: String,
        /// The time it had.
        window: Duration,
        /// What was heard of it last.
        last: String,
    },
    /// Another host runs under the node's name.
    #[error("the cluster already has a node `{0}`, and it is ready: another host uses this name")]
    NodeExists(String),
    /// Nodes may not be read.
    #[error(
        "`{user}` may not read nodes, so it is unknown whether the node's name is free: {said}"
    )]
    NodesForbidden {
        /// The user.
        user: String,
        /// What the API server said.
        said: String,
    },
    /// A kubelet that did not get credentials of its own.
    #[error("the kubelet has no credentials of its own after {} s ({kubeconfig}): {last}", window.as_secs())]
    NotBootstrapped {
        /// The kubeconfig that it writes.
        kubeconfig: HostPath,
        /// The time it had.
        window: Duration,
        /// What the file lacks.
        last: String,
        /// The kubeconfig with the token, if it was there, and what became of it.
        token: Option<(HostPath, Removal)>,
    },
    /// The kubelet's certificate is of another node or of another cluster.
    #[error("`{certificate}` {why}")]
    ForeignCertificate {
        /// The file with the certificate, or the kubeconfig that contains it.
        certificate: HostPath,
        /// How it differs.
        why: String,
    },
    /// etcd, or the node as a member of it.
    #[error("{problem}")]
    Etcd {
        /// What is wrong.
        problem: String,
        /// What to look at, and what to do.
        hints: Vec<String>,
    },
    /// A file that the step changes or takes away, or the files that it commits.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// What was done cannot be recorded.
    #[error("the step is done and cannot be recorded")]
    Record(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An endpoint that did not answer 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silent {
    /// Whose.
    pub(crate) name: String,
    /// Where.
    pub(crate) url: String,
    /// What came of the last attempt.
    pub(crate) last: String,
}

impl std::fmt::Display for Silent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}: {}", self.name, self.url, self.last)
    }
}

impl StepError {
    /// Of `asked` endpoints, those that were `silent` for all of their time.
    pub(crate) fn endpoints(asked: usize, window: Duration, silent: Vec<Silent>) -> Self {
        Self::Endpoints {
            asked,
            window,
            lines: Advice::items(&silent),
            silent,
        }
    }

    /// What to look at, and what to do.
    pub(crate) fn hints(&self) -> Vec<String> {
        match self {
            Self::Service(InitError::NoInitSystem) => vec![
                "start the service by hand with what this host has, and see that it starts at every boot".to_owned(),
            ],
            Self::Forbidden { user, .. } => vec![format!(
                "the first API server of a new cluster creates the roles; if this lasts, check which roles `{user}` has"
            )],
            Self::NoFallback { fallback, .. } => vec![format!(
                "install the bundle's files again, which include `{fallback}`; or have an administrator grant the permission"
            )],
            Self::OwnerGone { .. } => vec![
                "its owner has expired or was deleted; make a new plan".to_owned(),
            ],
            Self::ForeignCertificate { certificate, .. } => vec![format!(
                "an earlier cluster left it, and the kubelet uses it: stop the kubelet, remove {} and start the kubelet again",
                quote(certificate.as_str())
            )],
            Self::Etcd { hints, .. } => hints.clone(),
            Self::NotReady { server, .. } => vec![
                format!("on a control-plane node that runs, `kubectl get --raw '/readyz?verbose'` shows what it waits for; this host must be able to reach {server}"),
            ],
            Self::NotOfThisHost { .. } => vec![
                "if the address is to be the node's, give it to an interface of this host; to continue without waiting, skip the phase with `--skip-phases`".to_owned(),
            ],
            Self::NodeExists(node) => vec![format!(
                "give this host another name; or, if the other one is gone for good, run `kubectl delete node {}` on a control-plane node",
                quote(node.as_str())
            )],
            Self::NodesForbidden { .. } => vec![
                "the cluster lacks the binding `kubeadm:get-nodes`, which lets joining nodes ask; `kubeadm init phase bootstrap-token` on a control-plane node makes it".to_owned(),
            ],
            Self::NotBootstrapped { token, .. } => {
                let mut hints = Vec::new();
                hints.push("`kubectl get csr` on a control-plane node shows whether the kubelet asked for a certificate, and whether it was approved".to_owned());
                match token {
                    Some((path, Removal::Done)) => hints.push(format!("{path} was removed, because it holds a token; the same installation writes it again. If the token has expired, make a new plan")),
                    Some((path, Removal::Left(why))) => hints.push(format!("{path}, which holds a token, was left: {why}")),
                    Some((_, Removal::Missing)) | None => {}
                }
                hints
            }
            _ => Vec::new(),
        }
    }
}

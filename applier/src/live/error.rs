//! Why a live step did not get to its end, and what to do about it.

use std::time::Duration;

use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::path::HostPath;

use super::committer::FilesError;
use super::kubeconfig::KubeconfigError;
use crate::host::HostError;
use crate::host::service::ServiceError;

/// A failed step. Names objects and endpoints; never a value of a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The init system.
    #[error(transparent)]
    Service(#[from] ServiceError),
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
        /// As whom.
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
        /// As whom.
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
        /// By whom.
        owner: String,
    },
    /// Endpoints that did not answer in their time.
    #[error("{} of {asked} endpoints did not answer 200 within {} s:\n  - {}", silent.len(), window.as_secs(), silent.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  - "))]
    Endpoints {
        /// How many were asked.
        asked: usize,
        /// The time each had.
        window: Duration,
        /// Those that did not.
        silent: Vec<Silent>,
        /// What the services that run them logged last, by service.
        logs: Vec<(String, Option<Vec<String>>)>,
    },
    /// etcd, or the node as a member of it.
    #[error("{problem}")]
    Etcd {
        /// What is wrong.
        problem: String,
        /// What to look at, and what to do.
        hints: Vec<String>,
    },
    /// Files that the step commits.
    #[error(transparent)]
    Files(#[from] FilesError),
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
    /// What to look at, and what to do.
    pub(crate) fn hints(&self) -> Vec<String> {
        match self {
            Self::Service(ServiceError::NoInitSystem) => vec![
                "start the service by hand with what this host has, and see that it starts at every boot".to_owned(),
            ],
            Self::Endpoints { silent, logs, .. } => {
                let mut hints: Vec<String> = logs.iter().map(|(service, lines)| log(service, lines.as_deref())).collect();
                for endpoint in silent {
                    hints.push(format!(
                        "if `{0}` runs in a container, its state: crictl ps -a --name {0}; its log: crictl logs ID",
                        endpoint.name
                    ));
                }
                hints
            }
            Self::Forbidden { user, .. } => vec![format!(
                "the roles of a new cluster come into being with its first API server; if this lasts, look at who `{user}` is allowed to be"
            )],
            Self::NoFallback { fallback, .. } => vec![format!(
                "install the bundle's files again, they bring `{fallback}`; or let somebody with the right allow it"
            )],
            Self::OwnerGone { .. } => vec![
                "what it belonged to has reached its end; make a plan with new ones".to_owned(),
            ],
            Self::Etcd { hints, .. } | Self::Files(FilesError { hints, .. }) => hints.clone(),
            _ => Vec::new(),
        }
    }
}

fn log(service: &str, lines: Option<&[String]>) -> String {
    match lines {
        Some(lines) => format!(
            "what the service `{service}` logged last:\n    {}",
            lines.join("\n    ")
        ),
        None => format!(
            "this host has no journal with lines of the service `{service}`; look at its log"
        ),
    }
}

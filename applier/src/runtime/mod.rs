//! The container runtime, over its own socket (CRI, `runtime.v1`).
//!
//! In: a socket. Out: whether the runtime is ready, what it is configured for, which images, containers and sandboxes it has;
//! images that it is told to pull, sandboxes that it is told to stop and to remove. Only the calls and fields that are used are spelt
//! ([`proto`]); everything else of an answer is ignored. Callers are synchronous: each connection brings its own [`crate::net::waiter`].

mod client;
mod proto;

use std::collections::HashMap;

pub(crate) use client::Client;
#[cfg(test)]
pub(crate) use client::server;

/// A condition the runtime reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Such as `RuntimeReady`.
    pub(crate) name: String,
    /// Whether it holds.
    pub(crate) holds: bool,
    /// Why not, for people.
    pub(crate) message: String,
}

/// What the runtime says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// Its conditions.
    pub(crate) conditions: Vec<Condition>,
    /// The image of Pod sandboxes in its configuration, if it says.
    pub(crate) sandbox: Option<String>,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CriError {
    /// No program answers on the socket.
    #[error("cannot connect to the container runtime at {socket}: {reason}")]
    Connect {
        /// The socket.
        socket: String,
        /// Why.
        reason: String,
    },
    /// The runtime does not have the call.
    #[error("the container runtime does not have the call {call}")]
    Unimplemented {
        /// Its name.
        call: &'static str,
    },
    /// The runtime refuses, or takes too long.
    #[error("{call} of the container runtime failed: {reason}")]
    Failed {
        /// The call.
        call: &'static str,
        /// Why.
        reason: String,
    },
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContainerState {
    /// It was made and not started.
    Created,
    /// It runs.
    Running,
    /// It ended.
    Exited,
    /// The runtime does not know either.
    Unknown,
}

/// A container, as the runtime lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    /// The runtime's name of it.
    pub(crate) id: String,
    /// The name in the specification of its Pod.
    pub(crate) name: String,
    /// How often it was made before, in the same sandbox.
    pub(crate) attempt: u32,
    /// When it was made, in nanoseconds after 1970.
    pub(crate) created: i64,
    /// Where it is in its life.
    pub(crate) state: ContainerState,
}

/// How a container ended, and where its log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The code of its process, 0 if it has not ended.
    pub(crate) exit_code: i32,
    /// Why, in the runtime's words: a word and a sentence.
    pub(crate) reason: String,
    /// The file with its output on the host.
    pub(crate) log: String,
}

/// The sandbox of a Pod, as the runtime lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sandbox {
    /// The runtime's name of it.
    pub(crate) id: String,
    /// The name of the Pod.
    pub(crate) name: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// What the sandbox's maker wrote on it.
    pub(crate) labels: HashMap<String, String>,
}

/// Questions about containers.
pub(crate) trait Containers {
    /// All of them, of every program.
    fn containers(&self) -> Result<Vec<Container>, CriError>;
    /// How the container `id` ended.
    fn ending(&self, id: &str) -> Result<Ending, CriError>;
}

/// Questions to a container runtime.
pub(crate) trait Runtime {
    /// Its conditions and its configuration.
    fn status(&self) -> Result<Status, CriError>;
    /// Asks for its cgroup driver; only whether it answers is of interest.
    fn config(&self) -> Result<(), CriError>;
    /// Whether an image is in its store.
    fn has_image(&self, reference: &str) -> Result<bool, CriError>;
    /// Pulls an image, however long it takes.
    fn pull(&self, reference: &str) -> Result<(), CriError>;
}

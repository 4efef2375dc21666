//! The container runtime, over its own socket (CRI, `runtime.v1`).
//!
//! In: a socket. Out: whether the runtime is ready, what it is configured for, which images it has; and images that it is
//! told to pull. Only the calls and fields that are used are spelt ([`proto`]); everything else of an answer is ignored.
//! Callers are synchronous: each connection brings the small loop it runs on.

mod client;
mod proto;

pub(crate) use client::Client;

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
    /// Nobody answers on the socket.
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

//! How a node finds the cluster that it joins. Checks depend on it.

use crate::config::valid::{EndpointHost, JoinCredential, Joining};

/// How a node finds the cluster that it joins.
#[derive(Clone, Debug)]
pub struct Join {
    /// The API server that a token is shown to; `None` if a file says everything.
    pub token_endpoint: Option<EndpointHost>,
    /// The shared certificates are fetched from the cluster, with a certificate key.
    pub certificate_key: bool,
    /// The node was planned with its cluster, not discovered: its networks are known, and the API server is at the control-plane
    /// endpoint.
    pub planned: bool,
}

impl Join {
    /// How the node of `joining` finds its cluster.
    #[must_use]
    pub fn of(joining: &Joining) -> Self {
        match &joining.credential {
            JoinCredential::Certificate { .. } => Self {
                token_endpoint: None,
                certificate_key: false,
                planned: true,
            },
            JoinCredential::Bootstrap {
                token_endpoint,
                certificate_key,
                ..
            } => Self {
                token_endpoint: token_endpoint.clone(),
                certificate_key: *certificate_key,
                planned: false,
            },
        }
    }
}

//! An endpoint whose health a step asks for, and the identity that it asks with.

use serde::{Deserialize, Serialize};

/// An endpoint that answers 200 when what serves it is healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Whose health it is.
    pub name: String,
    /// What is asked: a health path of the node or of the API server, `http://…` or `https://…` (docs/bundle-format.md).
    pub url: String,
    /// The identity of the client, and whether the server's certificate is verified.
    pub identity: EndpointIdentity,
}

/// The identity that an endpoint is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointIdentity {
    /// As the one of [`crate::index::Api`]; the server must prove who it is.
    Administrator,
    /// Anonymous. The server has a self-signed certificate that proves nothing; only its status is
    /// used. The endpoint is at a loopback address, or at the host of the API server.
    Anonymous,
    /// As [`EndpointIdentity::Anonymous`], at another address of the node: the host is asked first whether it has the
    /// address.
    AnonymousOnNode,
}

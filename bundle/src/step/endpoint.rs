//! Who is asked whether he is well, and as whom.

use serde::{Deserialize, Serialize};

/// Somebody who says whether he is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Whose health it is.
    pub name: String,
    /// What is asked: a health path of the node or of the API server, `http://…` or `https://…` (docs/bundle-format.md).
    pub url: String,
    /// As whom, and whether the server must prove who it is.
    pub identity: EndpointIdentity,
}

/// As whom an endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointIdentity {
    /// As the one of [`crate::index::Api`]; the server must prove who it is.
    Administrator,
    /// As nobody. The server has a certificate of its own making and cannot prove anything; nothing but its status is
    /// used. The endpoint is at a loopback address, or at the host of the API server.
    Anonymous,
    /// As [`EndpointIdentity::Anonymous`], at another address of the node: the host is asked first whether it has the
    /// address.
    AnonymousOnNode,
}

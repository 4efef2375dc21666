//! An endpoint whose health a step asks for, and the identity that it asks with.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::authority::{Host, Url};
use crate::check::{Broken, broken};

/// Paths at which Kubernetes' components say whether they are well
/// (<https://kubernetes.io/docs/reference/using-api/health-checks/>).
const HEALTH: &[&str] = &["/healthz", "/livez", "/readyz"];

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

impl Endpoint {
    /// Checks that the URL is a health path at a host that the identity may be used at; `server` is the host of the API server.
    ///
    /// An index cannot know which addresses are the node's. So one that is not a loopback address has an identity of its own,
    /// which a reviewer sees, and the host that runs the step has to have it.
    pub(super) fn check(&self, server: Option<&Host>) -> Result<(), Broken> {
        let url = &self.url;
        let Some(parsed) = Url::parse(url) else {
            return broken("an endpoint is called by http or https", url);
        };
        if !HEALTH.contains(&parsed.path) {
            return broken("an endpoint is called at a health path", url);
        }
        let is_server = Some(&parsed.host) == server;
        let fits = match self.identity {
            // The call goes to the API server of the index; the address in the URL is for people.
            EndpointIdentity::Administrator => {
                parsed.is_https() && (matches!(parsed.host, Host::Address(_)) || is_server)
            }
            EndpointIdentity::Anonymous => {
                is_server || matches!(parsed.host, Host::Address(address) if is_this_host(address))
            }
            EndpointIdentity::AnonymousOnNode => {
                matches!(parsed.host, Host::Address(address) if may_be_a_nodes(address))
            }
        };
        if fits {
            return Ok(());
        }
        broken(
            "an endpoint is at an address of the node, or at the API server of the index",
            url,
        )
    }
}

/// Whether the address means the host itself, whichever host it is.
fn is_this_host(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// Whether a node can have the address for itself: no link-local address (where clouds serve metadata, RFC 3927), no
/// multicast, no broadcast.
fn may_be_a_nodes(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_link_local() && !address.is_multicast() && !address.is_broadcast()
        }
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_multicast(),
    }
}

//! Checks that steps name only network destinations, programs and sockets that they may name.
//!
//! | what | what it may be |
//! |---|---|
//! | `api.server` | `https://host[:port]`, nothing more |
//! | an endpoint that is called as the administrator | a health path over https; the call goes to `api.server`, the address in the URL is for people |
//! | an endpoint that is called without credentials | a health path at a loopback address, the unspecified one, or the host of `api.server` |
//! | the same, `anonymous-on-node` | a health path at an address that the host which runs the step has |
//! | a peer URL of etcd | `https://host:port`; passed to etcd's members, not called |
//! | the endpoint of a join command | `host:port`; shown, not called |
//! | a server whose version is read | `http(s)://host[:port]`; always the same document |
//! | a proxy check | `host[:port]`; not called |
//! | a container runtime | a socket of the host |
//! | a program that is looked for | a name without a directory |
//! | a program that is run to read its version | on a closed list |
//! | a service that is started | on a closed list |
//!
//! An index cannot know which addresses are the node's. So one that is not a loopback address has an identity of its own, which
//! a reviewer sees, and the host that runs the step has to have it.

use std::fmt;
use std::net::IpAddr;

use super::{Index, IndexError};
use crate::authority::{Host, Url, authority};
use crate::check::Broken;
use crate::service::ServiceName;
use crate::step::{Endpoint, EndpointIdentity, Step};

/// Paths at which Kubernetes' components say whether they are well
/// (<https://kubernetes.io/docs/reference/using-api/health-checks/>).
const HEALTH: &[&str] = &["/healthz", "/livez", "/readyz"];

/// Services that a step may enable, start and restart.
const STARTED_SERVICES: &[&str] = &["kubelet"];

fn broken<T>(rule: &'static str, at: &dyn fmt::Display) -> Result<T, IndexError> {
    Err(IndexError::Inconsistent {
        rule,
        at: at.to_string(),
    })
}

impl From<Broken> for IndexError {
    fn from(Broken { rule, at }: Broken) -> Self {
        Self::Inconsistent { rule, at }
    }
}

impl Index {
    /// Every destination on the network is one of the table above.
    ///
    /// # Errors
    /// [`IndexError`] naming the broken rule and the destination.
    pub(super) fn check_network(&self) -> Result<(), IndexError> {
        let server = match &self.api {
            None => None,
            Some(api) => match Url::parse(&api.server) {
                Some(url) if url.is_https() && url.path.is_empty() => Some(url.host),
                _ => {
                    return broken("the API server is reached by https", &api.server);
                }
            },
        };
        for step in &self.steps {
            match step {
                Step::WaitForEndpoints { endpoints, .. } => {
                    for endpoint in endpoints {
                        check_endpoint(endpoint, server.as_ref())?;
                    }
                }
                Step::JoinEtcd { peer_url, .. } => {
                    let fits = Url::parse(peer_url)
                        .is_some_and(|url| url.is_https() && url.path.is_empty());
                    if !fits {
                        return broken("a member is reached by https", peer_url);
                    }
                }
                Step::ShowJoinCommand { endpoint, .. } => {
                    if !matches!(authority(endpoint), Some((_, Some(_)))) {
                        return broken("a join command names `host:port`", endpoint);
                    }
                }
                Step::Preflight { checks, .. } => {
                    for check in checks {
                        check.look.check_destinations()?;
                    }
                }
                Step::StartService { service, .. }
                | Step::UseRotatedCertificate { service, .. } => check_started(service)?,
                Step::CommitTransaction { .. }
                | Step::ApplyObjects { .. }
                | Step::LabelAndTaintNode { .. }
                | Step::AnnotateNode { .. }
                | Step::WaitForControlPlane { .. }
                | Step::RequireFreeNodeName { .. }
                | Step::FinishTlsBootstrap { .. } => {}
            }
        }
        Ok(())
    }
}

fn check_endpoint(endpoint: &Endpoint, server: Option<&Host>) -> Result<(), IndexError> {
    let url = &endpoint.url;
    let Some(parsed) = Url::parse(url) else {
        return broken("an endpoint is called by http or https", url);
    };
    if !HEALTH.contains(&parsed.path) {
        return broken("an endpoint is called at a health path", url);
    }
    let fits = match endpoint.identity {
        EndpointIdentity::Administrator => {
            parsed.is_https()
                && (matches!(parsed.host, Host::Address(_)) || Some(&parsed.host) == server)
        }
        EndpointIdentity::Anonymous => {
            let of_host = matches!(parsed.host, Host::Address(address) if is_this_host(address));
            of_host || Some(&parsed.host) == server
        }
        EndpointIdentity::AnonymousOnNode => {
            matches!(parsed.host, Host::Address(address) if may_be_a_nodes(address))
        }
    };
    if fits {
        Ok(())
    } else {
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

/// A service that a step starts or restarts.
fn check_started(service: &ServiceName) -> Result<(), IndexError> {
    if STARTED_SERVICES.contains(&service.as_str()) {
        return Ok(());
    }
    broken("a step starts only services of a closed list", service)
}

//! Connections to servers: an API server, or endpoints of this host.
//!
//! In: a server and an identity. Out: answers, in bounded time and size. Here is the only way to a network; everything that talks is above.
//!
//! | module | concern |
//! |---|---|
//! | [`tls`] | connections, and who the other side is |
//! | [`kubeconfig`], [`client`] | the identity for an API server; an API server and what its answers mean |
//! | [`resources`] | where the API has objects of a kind |
//! | [`fetch`] | one document |
//! | [`retry`] | how long and how often |
//! | [`waiter`] | where futures are waited for |
//! | [`json`] | texts that are wiped |

pub(crate) mod client;
pub(crate) mod fetch;
pub(crate) mod json;
pub(crate) mod kubeconfig;
pub(crate) mod resources;
pub(crate) mod retry;
pub(crate) mod tls;
pub(crate) mod waiter;

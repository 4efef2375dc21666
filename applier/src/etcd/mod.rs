//! A client of etcd: its members, who they are and how they are.
//!
//! In: URLs of members, and files on the host that prove who asks. Out: the list of members, changes of it, the state of a
//! member. Spoken is the JSON form that etcd serves beside gRPC on the same port (3.3 and later; `api/etcdserverpb/rpc.proto`:
//! 64-bit numbers are texts in it). No key is ever read or written, and no other program is needed. Each call has one attempt and two
//! seconds; who calls decides what is tried again.
//!
//! | module | concern |
//! |---|---|
//! | [`client`] | the client, and its calls |
//! | [`member`] | what etcd says about members |
//! | [`error`] | what its refusals mean |
//! | [`leave`] | a member taken out, for a reset |

mod client;
mod error;
pub(crate) mod leave;
mod member;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use client::Client;
pub(crate) use error::{EtcdError, Said};
pub(crate) use member::Member;

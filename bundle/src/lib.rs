//! The contract between `kubeplan` and `kubeapply`: one signed, sealed tarball per node.
//!
//! In: bytes of a bundle, or the entries of a plan. Out: the other one. This crate knows the file
//! format, its index, its signatures and its sealed part. It has no command line, no async runtime,
//! no Kubernetes client, and it never touches a host path: callers hand it readers and writers.
//!
//! # The file
//! `<node>.<cluster>.tar.gz` is one ustar archive in a gzip stream of several members:
//! [`index`] (`kubeplan.json`), signatures and approvals in the first; public files, objects, redacted
//! twins and the sealed part in the second; one further member per payload item.
//!
//! # Reading
//! [`reader::Bundle`] is a typestate: `Unverified → Intact → Trusted`. An unverified bundle has no
//! accessor for content at all, an intact one (its digests hold) can be looked at, and only a trusted
//! one can be unsealed and installed.
//!
//! | module | concern |
//! |---|---|
//! | [`index`], [`step`] | what `kubeplan.json` says |
//! | [`canonical`] | the one byte form of a JSON document |
//! | [`path`], [`mode`], [`digest`], [`timestamp`], [`secret`] | values that are valid once they exist |

pub mod canonical;
pub mod digest;
pub mod exit;
pub mod index;
pub mod mode;
pub mod path;
pub mod secret;
pub mod step;
pub mod timestamp;

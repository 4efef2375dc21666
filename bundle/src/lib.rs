//! The contract between `kubeplan` and `kubeapply`: one signed, sealed tarball per node.
//!
//! In: bytes of a bundle, or the entries of a plan. Out: the other one. This crate knows the file
//! format, its index, its signatures and its sealed part. It has no command line, no async runtime,
//! no Kubernetes client, and it never touches a host path: callers hand it readers and writers.
//!
//! # The file, format 1
//! `<node>.<cluster>.tar.gz` is a sequence of gzip members whose plain bytes together are one ustar archive, so that
//! stock `tar` lists and unpacks it. What each member holds and how it is written is in [`frame`]:
//!
//! 1. `kubeplan.json` (the [`index`]), signatures, approvals. Stored, in one byte form for each content. This member has no
//!    digest anywhere; the reader builds it again from its content and compares, and the author signs the index in it;
//! 2. public files, objects and redacted twins, bytewise by name, then `sources.json`. Compressed;
//! 3. `sealed.age`. A bundle without this member is a public part: it verifies, and cannot be installed;
//! 4. one member for each payload item, in the index's order;
//! 5. the end of the archive.
//!
//! Every member but the second one is stored, in one byte form for each content. The index names size and SHA-256 of the compressed
//! bytes of the second member, and size and SHA-256 (or a commitment) of every content; of payload, the SHA-256 of each chunk. So every
//! bit of the file is covered, adding a signature rewrites the first member only, and nothing is inflated or parsed that was not
//! verified: [`verify`] has the order, [`limits`] the bounds.
//!
//! # Reading
//! [`reader::Bundle`] is a typestate: `Unverified → Public → Intact → Trusted`. An unverified bundle has no accessor for content at
//! all. One whose public part is verified can be looked at, an intact one is also whole, and only a trusted one can be unsealed and
//! installed.
//!
//! # Writing
//! [`writer::Draft`] → [`writer::Prepared`] (plan digest, twins, commitments: the same on every machine) → a file.
//!
//! | module | concern |
//! |---|---|
//! | [`index`], [`step`], [`check`] | what `kubeplan.json` says |
//! | [`authority`] | destinations on the network that an index may name |
//! | [`canonical`] | the one byte form of a JSON document |
//! | [`signature`], [`allowed_signers`] | signatures and trusted keys |
//! | [`approval`], [`policy`] | approvals, and how many authors and approvals a host requires |
//! | [`redact`], [`seal`] | the public twin of a secret, and the sealed secret |
//! | [`frame`], [`limits`], [`payload`] | members and headers, byte for byte; limits of sizes and counts; large items |
//! | [`reader`], [`verify`], [`unseal`] | from bytes to a trusted bundle and its secrets |
//! | [`writer`] | from a plan to bytes |
//! | [`facts`] | facts about a host |
//! | [`join_facts`] | what a joining host discovered about the running cluster |
//! | [`receipt`] | a host's account of what it installed |
//! | [`sources`] | where each rendered value came from |
//! | [`spki`], [`ecdsa`] | the public half of a private key; ECDSA signatures of certificates |
//! | [`yaml_budget`] | limits of a YAML text with its aliases replaced |
//! | [`name`], [`path`], [`mode`], [`digest`], [`timestamp`], [`secret`] | values that are valid once they exist |

#[macro_use]
mod text;

mod access;
pub mod allowed_signers;
pub mod approval;
pub mod authority;
pub mod canonical;
pub mod check;
pub mod digest;
pub mod ecdsa;
pub mod exit;
pub mod facts;
pub mod frame;
pub mod index;
pub mod join_facts;
pub mod limits;
pub mod mode;
pub mod name;
pub mod path;
pub mod payload;
pub mod policy;
pub mod reader;
pub mod receipt;
pub mod redact;
pub mod seal;
pub mod secret;
pub mod service;
pub mod signature;
pub mod sources;
pub mod spki;
pub mod step;
pub mod timestamp;
pub mod unseal;
pub mod verify;
mod verify_error;
pub mod writer;
pub mod yaml_budget;

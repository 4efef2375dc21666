//! The frame of the file: gzip members around one ustar archive.
//!
//! In: plain bytes and names. Out: the bytes of the file, and the way back with every byte accounted for. Nothing
//! here knows keys, digests or JSON.
//!
//! The concatenated plain bytes of all members are one ustar archive, so stock `tar` lists and unpacks the file.
//!
//! | member | holds | written as |
//! |---|---|---|
//! | first ([`first`]) | `kubeplan.json`, `signatures/<hex>.sig`, `approvals/<hex>.json` and `.sig`, each sorted | [`stored`]: one canonical byte form |
//! | second (`gzip`) | public files, objects and twins by name, then `sources.json` | DEFLATE level 6 |
//! | the sealed part (`single`) | `sealed.age`; left out of a public part | [`stored`] |
//! | one per payload item (`single`) | the item | [`stored`] |
//! | last (`single`) | the two zero blocks that end an archive | [`stored`] |
//!
//! Every tar header ([`tar`]) is regular file, mode 0644, mtime 0, uid and gid 0, without names. Every gzip header is the same ten
//! bytes. Of all members only the second one is inflated, and its compressed bytes have a digest in the index.

pub mod first;
pub(crate) mod gzip;
pub(crate) mod single;
pub mod stored;
pub mod tar;
pub mod walk;

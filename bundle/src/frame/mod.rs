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
//! | second (`gzip`) | public files, objects and twins by name, then `sealed.age` | DEFLATE level 6 |
//! | one per payload | the payload item | DEFLATE level 1, or 0 when it is compressed already |
//!
//! The two zero blocks that end an archive are at the end of the last member. Every tar header ([`tar`]) is regular
//! file, mode 0644, mtime 0, uid and gid 0, without names. Every gzip header is the same ten bytes, but for the
//! byte in which zlib notes its fastest levels.

pub mod first;
pub(crate) mod gzip;
pub mod stored;
pub mod tar;
pub mod walk;

//! Reads container images from files that people have: OCI layouts, OCI archives and docker archives, plain or compressed.
//!
//! In: named inputs that can be read at any position, and the wanted platforms. Out: [`Contents`]: images with their names,
//! platforms and descriptors, and every blob that they need, each of which can be read as a stream any number of times. Digests,
//! sizes, media types and `diff_ids` are checked once, here. What is broken is refused with a [`Refusal`] that names file, entry,
//! what was expected and what was found.
//!
//! Nothing is unpacked, and no name in an archive becomes a path on this machine: a blob is a range of bytes of its input. JSON is
//! parsed after its digest was compared. Sizes, counts and depths that an input states are limited before memory is reserved.
//! Only [`open`](mod@open) and `spool` touch the disk.
//!
//! | module | concern |
//! |---|---|
//! | [`open`](mod@open), `spool` | the edge: opens files and directories, decompresses a whole archive into a private temporary file |
//! | [`uses`], [`completeness`] | the images that objects use; what sources lack of what is needed |
//! | [`contents`] | reads sources, merges what they have, gives names to nameless images |
//! | `layout`, `docker` | the two ways to describe images in a tree of files |
//! | `source` | one source while it is read |
//! | `check` | hashes and decompresses layers, on all cores |
//! | [`image`] | what was read, as plain data |
//! | `document`, `media_type` | OCI's and Docker's JSON documents |
//! | `archive` | a tar archive as a tree of files: names, offsets, links |
//! | [`tree`] | what layouts need of a tree, and of an input |
//! | `compression` | gzip and zstd |
//! | [`platform`], [`reference`](mod@reference) | platforms; names of images as containerd stores them |
//! | [`refusal`] | what can be wrong |
//!
//! Sources: OCI image-spec v1.1 (`image-layout.md`, `image-index.md`, `manifest.md`, `config.md`, `layer.md`); Docker's image
//! specification v1.2 (`manifest.json`); containerd 2.x `core/images/archive`, `core/images/diffid.go` and `mediatypes.go`.

mod archive;
mod check;
pub mod completeness;
mod compression;
pub mod contents;
mod docker;
mod document;
pub mod image;
mod layout;
mod media_type;
pub mod open;
pub mod platform;
pub mod reference;
pub mod refusal;
mod source;
mod spool;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests read samples and write directories"
)]
mod tests;
pub mod tree;
pub mod uses;

pub use contents::{Contents, Given};
pub use image::{Blob, Descriptor, Image, Skipped, Variant};
pub use platform::Platform;
pub use reference::Reference;
pub use refusal::{Fault, Refusal};

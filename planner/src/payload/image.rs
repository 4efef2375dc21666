//! What was read, as plain data: images, their variants for platforms, blobs.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use kubeplan_bundle::digest::Sha256Digest;

use super::platform::Platform;
use super::reference::Reference;
use super::tree::{Found, Tree};

/// A blob by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// SHA-256 of its bytes.
    pub digest: Sha256Digest,
    /// The number of its bytes.
    pub size: u64,
}

impl Descriptor {
    /// The digest as OCI writes it.
    #[must_use]
    pub fn oci_digest(&self) -> String {
        oci(&self.digest)
    }
}

/// A digest as OCI writes it: `sha256:` and hexadecimal digits.
#[must_use]
pub fn oci(digest: &Sha256Digest) -> String {
    format!("sha256:{digest}")
}

/// A name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As the source or the user writes it.
    pub written: String,
    /// In full.
    pub reference: Reference,
}

/// An image: what its names lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its names, each once.
    pub names: Vec<Name>,
    /// What a record of its names points to: an index or a manifest.
    pub target: Descriptor,
    /// Whether the target is as a registry has it. If not, the manifest was made from a docker archive, or by the program that
    /// saved it, and `name@digest` of a registry cannot be satisfied.
    pub is_original: bool,
    /// The indexes from the target to the manifests; empty if the target is a manifest.
    pub indexes: Vec<Descriptor>,
    /// The image for each wanted platform that is there.
    pub variants: Vec<Variant>,
    /// The source, as the user named it.
    pub source: String,
}

impl Image {
    /// The digests of all its blobs: indexes, manifests, configurations, layers. Some may be there several times.
    pub fn digests(&self) -> impl Iterator<Item = Sha256Digest> {
        let indexes = self.indexes.iter().chain([&self.target]);
        let variants = self.variants.iter().flat_map(|variant| {
            let layers = variant.layers.iter().map(|layer| &layer.blob);
            [&variant.manifest, &variant.config]
                .into_iter()
                .chain(layers)
        });
        indexes.chain(variants).map(|blob| blob.digest)
    }
}

/// An image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The wanted platform that it was chosen for.
    pub chosen_for: Platform,
    /// Its own platform.
    pub platform: Platform,
    /// The manifest.
    pub manifest: Descriptor,
    /// The configuration, whose digest is the image's ID.
    pub config: Descriptor,
    /// The layers, from the lowest up. One may be there several times.
    pub layers: Vec<Layer>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The blob.
    pub blob: Descriptor,
    /// SHA-256 of the uncompressed archive.
    pub diff_id: Sha256Digest,
}

impl Variant {
    /// The size of manifest, configuration and layers, each once, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        let mut seen = BTreeSet::new();
        let layers = self.layers.iter().map(|layer| &layer.blob);
        [&self.manifest, &self.config]
            .into_iter()
            .chain(layers)
            .filter(|blob| seen.insert(blob.digest))
            .map(|blob| blob.size)
            .fold(0, u64::saturating_add)
    }
}

/// An entry of a source that is not an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name or digest.
    pub name: String,
    /// What it is: a media type or the type of an artifact.
    pub what: String,
    /// The source.
    pub source: String,
}

/// A blob that a blob leads to, with containerd's label for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// `config`, `l.N` (layer) or `m.N` (manifest or index), counted from 0: the end of the label `containerd.io/gc.ref.content.…`.
    pub role: String,
    /// The child.
    pub digest: Sha256Digest,
}

/// A blob that an image needs: where its bytes are, and what it leads to.
#[derive(Clone)]
pub struct Blob {
    /// What it is.
    pub descriptor: Descriptor,
    /// What keeps its children from being removed as unused.
    pub children: Vec<Child>,
    /// The source, as the user named it.
    pub source: String,
    /// The entry; `None` for a manifest that was made here.
    pub entry: Option<String>,
    bytes: Bytes,
}

#[derive(Clone)]
enum Bytes {
    In(Arc<dyn Tree>, Found),
    Made(Arc<[u8]>),
}

impl Blob {
    pub(super) fn found(
        descriptor: Descriptor,
        source: &str,
        tree: &Arc<dyn Tree>,
        at: Found,
    ) -> Self {
        Self {
            descriptor,
            children: Vec::new(),
            source: source.to_owned(),
            entry: Some(at.name.clone()),
            bytes: Bytes::In(Arc::clone(tree), at),
        }
    }

    pub(super) fn made(descriptor: Descriptor, source: &str, bytes: &[u8]) -> Self {
        Self {
            descriptor,
            children: Vec::new(),
            source: source.to_owned(),
            entry: None,
            bytes: Bytes::Made(bytes.into()),
        }
    }

    /// Opens its bytes from the beginning. May be called any number of times, and by several threads.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        match &self.bytes {
            Bytes::In(tree, found) => tree.open(found),
            Bytes::Made(bytes) => Ok(Box::new(&**bytes)),
        }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("descriptor", &self.descriptor)
            .field("children", &self.children)
            .field("source", &self.source)
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

//! Images of an OCI layout: `oci-layout`, `index.json`, `blobs/sha256/…`.
//!
//! In: a [`Source`] being read. Out: its images, their blobs, the layers to check. Every document is read after its size and digest
//! were compared. Indexes are followed to any depth up to a limit; of each image the best manifest for each wanted platform is
//! taken, and manifests of other platforms need not be there.

use std::collections::BTreeSet;

use super::document::{self, Config, MAX_JSON, Manifest, Marker, Parsed, Saved, Written};
use super::image::{Child, Descriptor, Image, Layer, Skipped, Variant, oci};
use super::media_type::{self, Document};
use super::platform::Platform;
use super::refusal::{Fault, InEntry};
use super::source::{Draft, Source};
use super::tree::Found;

/// How deep indexes may be nested. BuildKit nests one level, other programs two.
const MAX_DEPTH: usize = 8;
/// How many manifests and indexes an image may have.
const MAX_MANIFESTS: u64 = 4096;
/// How many layers an image may have. overlayfs takes some hundreds.
pub(super) const MAX_LAYERS: u64 = 1024;

/// A manifest that an image leads to.
struct Leaf {
    written: Written,
    platform: Option<Platform>,
}

/// What an image's indexes lead to.
#[derive(Default)]
struct Walked {
    leaves: Vec<Leaf>,
    indexes: Vec<Descriptor>,
    count: u64,
}

/// What a manifest is.
enum Read {
    Image(Box<Variant>),
    /// Something else, by its type.
    Artifact(String),
}

impl Source<'_> {
    /// Reads the layout. `saved` is what `manifest.json` says, which programs write beside the layout for older readers.
    pub(super) fn read_layout(&mut self, saved: &[Saved]) -> Result<(), InEntry> {
        self.check_marker()?;
        let name = self.path("index.json");
        let top = self
            .read_file(&name, "index.json")
            .and_then(|bytes| document::parse_top(&bytes).map_err(InEntry::of(&name)))?;
        for written in &top {
            if let Err(refused) = self.root(written) {
                self.refuse(refused);
            }
        }
        self.add_saved_names(saved);
        Ok(())
    }

    fn check_marker(&self) -> Result<(), InEntry> {
        let name = self.path("oci-layout");
        let bytes = self.read_file(&name, "the marker of an OCI layout")?;
        let marker: Marker = document::json("oci-layout", &bytes).map_err(InEntry::of(&name))?;
        if marker.image_layout_version.starts_with("1.") {
            return Ok(());
        }
        Err(InEntry::of(&name)(Fault::Value {
            what: "imageLayoutVersion",
            value: marker.image_layout_version,
        }))
    }

    /// Reads what an entry of `index.json` leads to.
    fn root(&mut self, written: &Written) -> Result<(), InEntry> {
        let names = Names::of(written);
        let target = written.descriptor()?;
        let shown = names.written.clone().unwrap_or_else(|| target.oci_digest());
        let place = format!("image {shown}");
        let skip = |source: &mut Self, what: &str| {
            source.skipped.push(Skipped {
                name: shown.clone(),
                what: what.to_owned(),
                source: source.name.to_owned(),
            });
            Ok(())
        };
        if written.is_attestation() {
            return skip(self, "attestation");
        }
        match Document::of(&written.media_type) {
            Some(Document::Schema1) => return Err(InEntry::of(&place)(Fault::Schema1)),
            Some(Document::Other) => return skip(self, &written.media_type),
            _ => {}
        }
        let mut walked = Walked::default();
        self.walk(written, 0, &mut walked)?;
        let is_index = !walked.indexes.is_empty();
        let chosen = self.choose(walked.leaves, is_index, &place)?;
        match chosen {
            Ok(variants) => {
                self.drafts.push(Draft {
                    image: Image {
                        names: Vec::new(),
                        target,
                        is_original: true,
                        indexes: walked.indexes,
                        variants,
                        source: self.name.to_owned(),
                    },
                    written: names.written.into_iter().collect(),
                    tag: names.tag,
                });
                Ok(())
            }
            Err(artifact) => skip(self, &artifact),
        }
    }

    /// Collects the manifests that `written` leads to.
    fn walk(
        &mut self,
        written: &Written,
        depth: usize,
        walked: &mut Walked,
    ) -> Result<(), InEntry> {
        walked.count += 1;
        if walked.count > MAX_MANIFESTS {
            let limit = MAX_MANIFESTS;
            let what = "the number of manifests";
            return Err(Fault::TooMany { what, limit }.into());
        }
        let kind = Document::of(&written.media_type);
        let descriptor = written.descriptor()?;
        if kind == Some(Document::Manifest) {
            walked.leaves.push(Leaf {
                platform: written.platform(),
                written: written.clone(),
            });
            return Ok(());
        }
        let entry = self.blob_path(&descriptor);
        if depth >= MAX_DEPTH {
            return Err(InEntry::of(&entry)(Fault::TooDeep(MAX_DEPTH)));
        }
        let bytes = self.read_blob(&descriptor, "an index")?;
        let parsed = document::parse(&written.media_type, &bytes).map_err(InEntry::of(&entry))?;
        let Parsed::Index(children) = parsed else {
            walked.leaves.push(Leaf {
                platform: written.platform(),
                written: written.clone(),
            });
            return Ok(());
        };
        let mut labels = Vec::with_capacity(children.len());
        for (at, child) in children.iter().enumerate() {
            let digest = child.descriptor().map_err(InEntry::of(&entry))?.digest;
            let role = format!("m.{at}");
            labels.push(Child { role, digest });
            match Document::of(&child.media_type) {
                _ if child.is_attestation() => {}
                Some(Document::Schema1) => return Err(InEntry::of(&entry)(Fault::Schema1)),
                Some(Document::Other) => {}
                _ => self.walk(child, depth + 1, walked)?,
            }
        }
        self.label(&descriptor, labels);
        // The outermost index comes first.
        walked.indexes.insert(0, descriptor);
        Ok(())
    }

    /// Reads the best manifest for each wanted platform. Returns the type of what is there if that is not an image.
    fn choose(
        &mut self,
        leaves: Vec<Leaf>,
        is_index: bool,
        place: &str,
    ) -> Result<Result<Vec<Variant>, String>, InEntry> {
        let mut known = Vec::new();
        let mut artifact = None;
        for Leaf { written, platform } in leaves {
            let platform = match platform {
                Some(platform) => Some(platform),
                None if is_index && !self.has(&written)? => None,
                None => match self.platform_of(&written)? {
                    Ok(platform) => Some(platform),
                    Err(what) => {
                        artifact = artifact.or(Some(what));
                        None
                    }
                },
            };
            known.extend(platform.map(|platform| (written, platform)));
        }
        let mut variants = Vec::new();
        let mut missing = None;
        for wanted in self.wanted {
            let best = known
                .iter()
                .filter_map(|(written, platform)| {
                    Some((platform.suits(wanted)?, written, platform))
                })
                .min_by_key(|(rank, ..)| *rank);
            let Some((_, written, platform)) = best else {
                continue;
            };
            if is_index && !self.has(written)? {
                let digest = written.descriptor()?.oci_digest();
                missing = missing.or(Some((wanted.clone(), digest)));
                continue;
            }
            match self.read_image(written, wanted, platform)? {
                Read::Image(variant) => variants.push(*variant),
                Read::Artifact(what) => artifact = artifact.or(Some(what)),
            }
        }
        if !variants.is_empty() {
            return Ok(Ok(variants));
        }
        if let Some(artifact) = artifact {
            return Ok(Err(artifact));
        }
        let cut_off = self.tree.is_cut_off();
        Err(InEntry::of(place)(match missing {
            Some((platform, digest)) => Fault::PlatformMissing {
                platform,
                digest,
                cut_off,
            },
            None => Fault::Platform {
                wanted: self.wanted.to_vec(),
                has: known
                    .into_iter()
                    .map(|(_, platform)| platform)
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect(),
            },
        }))
    }

    /// Whether the blob is there.
    fn has(&self, written: &Written) -> Result<bool, InEntry> {
        let entry = self.blob_path(&written.descriptor()?);
        let found = self.tree.find(&entry).map_err(InEntry::of(&entry))?;
        Ok(found.is_some())
    }

    /// The platform that the image's configuration says, or the type of what is not an image.
    fn platform_of(&mut self, written: &Written) -> Result<Result<Platform, String>, InEntry> {
        let manifest = self.manifest(written)?;
        if let Some(artifact) = artifact(&manifest) {
            return Ok(Err(artifact));
        }
        Ok(Ok(self.config(&manifest)?.1.platform()))
    }

    fn manifest(&mut self, written: &Written) -> Result<Manifest, InEntry> {
        let descriptor = written.descriptor()?;
        let entry = self.blob_path(&descriptor);
        let bytes = self.read_blob(&descriptor, "the image's manifest")?;
        match document::parse(&written.media_type, &bytes).map_err(InEntry::of(&entry))? {
            Parsed::Manifest(manifest) => Ok(*manifest),
            Parsed::Index(_) => Err(InEntry::of(&entry)(Fault::MediaType {
                expected: written.media_type.clone(),
                found: "an index".to_owned(),
            })),
        }
    }

    fn config(&mut self, manifest: &Manifest) -> Result<(Descriptor, Config), InEntry> {
        let descriptor = manifest.config.descriptor()?;
        let entry = self.blob_path(&descriptor);
        let bytes = self.read_blob(&descriptor, "the image's configuration")?;
        let config = Config::parse(&bytes).map_err(InEntry::of(&entry))?;
        Ok((descriptor, config))
    }

    /// Reads manifest and configuration of an image, and notes its layers for the check.
    fn read_image(
        &mut self,
        written: &Written,
        wanted: &Platform,
        platform: &Platform,
    ) -> Result<Read, InEntry> {
        let manifest = self.manifest(written)?;
        if let Some(artifact) = artifact(&manifest) {
            return Ok(Read::Artifact(artifact));
        }
        let descriptor = written.descriptor()?;
        let entry = self.blob_path(&descriptor);
        if manifest.layers.len() as u64 > MAX_LAYERS {
            return Err(InEntry::of(&entry)(Fault::TooMany {
                what: "the number of layers",
                limit: MAX_LAYERS,
            }));
        }
        let mut located = Vec::with_capacity(manifest.layers.len());
        for layer in &manifest.layers {
            located.push(self.layer(layer, &entry)?);
        }
        let (config, parsed) = self.config(&manifest)?;
        let config_entry = self.blob_path(&config);
        let diff_ids = parsed.diff_ids().map_err(InEntry::of(&config_entry))?;
        if diff_ids.len() != located.len() {
            return Err(InEntry::of(&config_entry)(Fault::Layers {
                layers: located.len(),
                diff_ids: diff_ids.len(),
            }));
        }
        let mut labels = vec![Child {
            role: "config".to_owned(),
            digest: config.digest,
        }];
        let mut layers = Vec::with_capacity(located.len());
        for (at, ((blob, found), diff_id)) in located.into_iter().zip(diff_ids).enumerate() {
            labels.push(Child {
                role: format!("l.{at}"),
                digest: blob.digest,
            });
            self.add_layer(blob.clone(), found, diff_id);
            layers.push(Layer { blob, diff_id });
        }
        self.label(&descriptor, labels);
        Ok(Read::Image(Box::new(Variant {
            chosen_for: wanted.clone(),
            platform: platform.clone(),
            manifest: descriptor,
            config,
            layers,
        })))
    }

    /// Finds a layer's blob, and refuses what is not a layer that a runtime can unpack.
    fn layer(&self, written: &Written, manifest: &str) -> Result<(Descriptor, Found), InEntry> {
        let blob = written.descriptor().map_err(InEntry::of(manifest))?;
        let refused = match media_type::Layer::of(&blob.media_type) {
            media_type::Layer::Encrypted => Some(Fault::Encrypted(blob.oci_digest())),
            media_type::Layer::Not => Some(Fault::Value {
                what: "a layer's media type",
                value: blob.media_type.clone(),
            }),
            media_type::Layer::As(_) | media_type::Layer::Any => None,
        };
        if let Some(fault) = refused {
            return Err(InEntry::of(manifest)(fault));
        }
        let entry = self.blob_path(&blob);
        let found = self.tree.find(&entry).map_err(InEntry::of(&entry))?;
        if found.is_none() && media_type::is_foreign(&blob.media_type) {
            return Err(InEntry::of(manifest)(Fault::Foreign {
                digest: blob.oci_digest(),
                url: written.url(),
            }));
        }
        let found = self.sized(found, &blob, &entry, "a layer")?;
        Ok((blob, found))
    }

    /// Reads a document of the layout whose digest is known.
    fn read_blob(
        &mut self,
        descriptor: &Descriptor,
        role: &'static str,
    ) -> Result<Vec<u8>, InEntry> {
        let entry = self.blob_path(descriptor);
        let found = self.tree.find(&entry).map_err(InEntry::of(&entry))?;
        let found = self.sized(found, descriptor, &entry, role)?;
        if found.size > MAX_JSON {
            return Err(InEntry::of(&entry)(Fault::TooMany {
                what: "the size of a document in bytes",
                limit: MAX_JSON,
            }));
        }
        let bytes = self.bytes(&found)?;
        let digest = kubeplan_bundle::digest::Sha256Digest::of(&bytes);
        if digest != descriptor.digest {
            return Err(InEntry::of(&entry)(Fault::Digest {
                expected: descriptor.oci_digest(),
                found: oci(&digest),
            }));
        }
        self.add_blob(descriptor.clone(), found);
        Ok(bytes)
    }

    fn sized(
        &self,
        found: Option<Found>,
        descriptor: &Descriptor,
        entry: &str,
        role: &'static str,
    ) -> Result<Found, InEntry> {
        let found = found.ok_or_else(|| self.missing(entry, role))?;
        if found.size != descriptor.size {
            return Err(InEntry::of(entry)(Fault::Size {
                expected: descriptor.size,
                found: found.size,
            }));
        }
        Ok(found)
    }

    fn blob_path(&self, descriptor: &Descriptor) -> String {
        self.path(&format!("blobs/sha256/{}", descriptor.digest))
    }

    /// Adds the names that `manifest.json` has and `index.json` has not, and notes what Docker's classic store made.
    fn add_saved_names(&mut self, saved: &[Saved]) {
        for saved in saved {
            let tags = saved.tags();
            let known = |tag: &String| self.drafts.iter().any(|draft| draft.written.contains(tag));
            let new: Vec<String> = tags.iter().filter(|tag| !known(tag)).cloned().collect();
            let prefix = self.prefix.clone();
            let Some(draft) = self.drafts.iter_mut().find(|draft| {
                draft
                    .image
                    .variants
                    .iter()
                    .any(|v| is_saved(v, saved, &prefix))
            }) else {
                if !new.is_empty() {
                    self.unmatched.push(Saved {
                        repo_tags: Some(new),
                        ..saved.clone()
                    });
                }
                continue;
            };
            draft.written.extend(new);
            if saved.is_of_classic_store() {
                draft.image.is_original = false;
            }
        }
    }
}

/// Whether an entry of `manifest.json` is this image: the same configuration and layers.
fn is_saved(variant: &Variant, saved: &Saved, prefix: &str) -> bool {
    let blob = |descriptor: &Descriptor| format!("blobs/sha256/{}", descriptor.digest);
    let is = |written: &str, descriptor: &Descriptor| {
        written.strip_prefix(prefix).unwrap_or(written) == blob(descriptor)
    };
    let layers = saved.layers.as_deref().unwrap_or_default();
    is(&saved.config, &variant.config)
        && layers.len() == variant.layers.len()
        && layers
            .iter()
            .zip(&variant.layers)
            .all(|(written, layer)| is(written, &layer.blob))
}

/// The type of a manifest that is not an image's.
fn artifact(manifest: &Manifest) -> Option<String> {
    let config = &manifest.config.media_type;
    if !media_type::is_config(config) {
        return Some(if manifest.artifact_type.is_empty() {
            config.clone()
        } else {
            manifest.artifact_type.clone()
        });
    }
    let no_layer = |layer: &Written| {
        media_type::Layer::of(&layer.media_type) == media_type::Layer::Not
            && !layer.media_type.contains(".layer.")
            && !layer.media_type.contains(".rootfs.")
    };
    let first = manifest.layers.first()?;
    manifest
        .layers
        .iter()
        .all(no_layer)
        .then(|| first.media_type.clone())
}

/// The name of an image by the annotations of its descriptor.
struct Names {
    written: Option<String>,
    /// The tag, if there is no more than that.
    tag: Option<String>,
}

impl Names {
    /// The order is that of how sure the annotations are: containerd's and Docker's; OCI's, if it is more than a tag, with the
    /// registry that Hauler notes beside it; Zarf's.
    fn of(written: &Written) -> Self {
        let name = written.annotation("org.opencontainers.image.ref.name");
        let full = name.filter(|name| name.contains(['/', ':', '@']));
        let registry = written.annotation("hauler.dev/registry");
        let of_hauler = registry.zip(name).map(|(registry, name)| {
            if name.starts_with(&format!("{registry}/")) {
                name.to_owned()
            } else {
                format!("{registry}/{name}")
            }
        });
        let named = written
            .annotation("io.containerd.image.name")
            .map(str::to_owned)
            .or(of_hauler)
            .or_else(|| full.map(str::to_owned))
            .or_else(|| {
                let base = written.annotation("org.opencontainers.image.base.name");
                base.map(str::to_owned)
            });
        Self {
            tag: name.filter(|_| named.is_none()).map(str::to_owned),
            written: named,
        }
    }
}

//! Images of a docker archive: `manifest.json` names configurations and layers, wherever they lie in the archive.
//!
//! The archive has no OCI manifest, so one is made here: the configuration's bytes stay, layers stay as they are found. Its digest is
//! not the one that the image has in a registry.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use serde_json::json;

use super::check;
use super::document::{Config, MAX_JSON, Saved};
use super::image::{Child, Descriptor, Image, Layer, Variant, oci};
use super::layout::MAX_LAYERS;
use super::media_type;
use super::platform::Platform;
use super::refusal::{Fault, InEntry};
use super::source::{Draft, Source};
use super::tree::Found;

/// An image of which configuration and layers were found.
struct Located {
    names: Vec<String>,
    platform: Platform,
    chosen_for: Vec<Platform>,
    config: Descriptor,
    config_entry: String,
    diff_ids: Vec<Sha256Digest>,
    layers: Vec<Found>,
}

impl Saved {
    /// The image's names.
    pub(super) fn tags(&self) -> Vec<String> {
        let tags = self.repo_tags.iter().flatten();
        tags.filter(|tag| !tag.contains("<none>"))
            .cloned()
            .collect()
    }
}

impl Source<'_> {
    /// Reads the images of `manifest.json`.
    pub(super) fn read_saved(&mut self, saved: &[Saved]) {
        let mut located = Vec::new();
        for saved in saved {
            match self.locate(saved) {
                Ok(image) => located.push(image),
                Err(refused) => self.refuse(refused),
            }
        }
        // One layer is often in many images.
        let mut files: BTreeMap<String, Found> = BTreeMap::new();
        for found in located.iter().flat_map(|image| &image.layers) {
            files.insert(found.name.clone(), found.clone());
        }
        let files: Vec<Found> = files.into_values().collect();
        let mut measured = BTreeMap::new();
        for (found, outcome) in files.iter().zip(check::measure_all(&*self.tree, &files)) {
            match outcome
                .and_then(|measured| named_rightly(&found.name, &measured.digest, measured.clone()))
            {
                Ok(layer) => {
                    measured.insert(found.name.clone(), layer);
                }
                Err(fault) => self.refuse(InEntry::of(&found.name)(fault)),
            }
        }
        for image in located {
            if let Err(refused) = self.make(image, &measured) {
                self.refuse(refused);
            }
        }
    }

    fn locate(&mut self, saved: &Saved) -> Result<Located, InEntry> {
        let names = saved.tags();
        let entry = self.path(&saved.config);
        let found = self.find(&entry, "the image's configuration")?;
        if found.size > MAX_JSON {
            return Err(InEntry::of(&entry)(Fault::TooMany {
                what: "the size of a document in bytes",
                limit: MAX_JSON,
            }));
        }
        let bytes = self.bytes(&found)?;
        let digest = Sha256Digest::of(&bytes);
        named_rightly(&found.name, &digest, ()).map_err(InEntry::of(&found.name))?;
        let parsed = Config::parse(&bytes).map_err(InEntry::of(&found.name))?;
        let diff_ids = parsed.diff_ids().map_err(InEntry::of(&found.name))?;
        let platform = parsed.platform();
        let suiting = self
            .wanted
            .iter()
            .filter(|wanted| platform.suits(wanted).is_some());
        let chosen_for: Vec<Platform> = suiting.cloned().collect();
        if chosen_for.is_empty() {
            let shown = names.first().cloned().unwrap_or_else(|| oci(&digest));
            return Err(InEntry::of(&format!("image {shown}"))(Fault::Platform {
                wanted: self.wanted.to_vec(),
                has: vec![platform],
            }));
        }
        let written = saved.layers.as_deref().unwrap_or_default();
        if written.len() as u64 > MAX_LAYERS {
            return Err(InEntry::of(&self.path("manifest.json"))(Fault::TooMany {
                what: "the number of layers",
                limit: MAX_LAYERS,
            }));
        }
        if written.len() != diff_ids.len() {
            return Err(InEntry::of(&found.name)(Fault::Layers {
                layers: written.len(),
                diff_ids: diff_ids.len(),
            }));
        }
        let layers = written
            .iter()
            .map(|layer| self.find(&self.path(layer), "a layer"));
        let layers = layers.collect::<Result<_, _>>()?;
        let config = Descriptor {
            media_type: media_type::CONFIG.to_owned(),
            digest,
            size: found.size,
        };
        let config_entry = found.name.clone();
        self.add_blob(config.clone(), found);
        Ok(Located {
            names,
            platform,
            chosen_for,
            config,
            config_entry,
            diff_ids,
            layers,
        })
    }

    /// Makes the image's manifest. Does nothing if a layer was refused already.
    fn make(
        &mut self,
        image: Located,
        measured: &BTreeMap<String, check::Measured>,
    ) -> Result<(), InEntry> {
        let mut layers = Vec::with_capacity(image.layers.len());
        let mut labels = vec![Child {
            role: "config".to_owned(),
            digest: image.config.digest,
        }];
        for (at, (found, expected)) in image.layers.iter().zip(&image.diff_ids).enumerate() {
            let Some(layer) = measured.get(&found.name) else {
                return Ok(());
            };
            if layer.diff_id != *expected {
                return Err(InEntry::of(&found.name)(Fault::DiffId {
                    expected: oci(expected),
                    found: oci(&layer.diff_id),
                }));
            }
            let Some(media_type) = media_type::layer_in(layer.form) else {
                return Err(InEntry::of(&found.name)(Fault::Compressed(
                    layer.form.name(),
                )));
            };
            let blob = Descriptor {
                media_type: media_type.to_owned(),
                digest: layer.digest,
                size: layer.size,
            };
            labels.push(Child {
                role: format!("l.{at}"),
                digest: blob.digest,
            });
            self.add_blob(blob.clone(), found.clone());
            layers.push(Layer {
                blob,
                diff_id: layer.diff_id,
            });
        }
        let bytes = manifest(&image.config, &layers).map_err(|error| {
            InEntry::of(&image.config_entry)(Fault::Json {
                what: "image manifest",
                error,
            })
        })?;
        let target = Descriptor {
            media_type: media_type::MANIFEST.to_owned(),
            digest: Sha256Digest::of(&bytes),
            size: bytes.len() as u64,
        };
        self.add_made(target.clone(), &bytes);
        self.label(&target, labels);
        let variant = |chosen_for: Platform| Variant {
            chosen_for,
            platform: image.platform.clone(),
            manifest: target.clone(),
            config: image.config.clone(),
            layers: layers.clone(),
        };
        self.drafts.push(Draft {
            image: Image {
                names: Vec::new(),
                target: target.clone(),
                is_original: false,
                indexes: Vec::new(),
                variants: image.chosen_for.into_iter().map(variant).collect(),
                source: self.name.to_owned(),
            },
            written: image.names,
            tag: None,
        });
        Ok(())
    }
}

/// Refuses a file whose name is a digest, as those of configurations and blobs are, and not its own.
fn named_rightly<T>(name: &str, digest: &Sha256Digest, then: T) -> Result<T, Fault> {
    let (directory, base) = name.rsplit_once('/').unwrap_or(("", name));
    let is_blob = directory == "blobs/sha256" || directory.ends_with("/blobs/sha256");
    let stated = base
        .strip_prefix("sha256:")
        .or_else(|| base.strip_suffix(".json"))
        .or_else(|| is_blob.then_some(base));
    let stated: Option<Sha256Digest> = stated.and_then(|hex| hex.parse().ok());
    match stated {
        Some(stated) if stated != *digest => Err(Fault::Digest {
            expected: oci(&stated),
            found: oci(digest),
        }),
        _ => Ok(then),
    }
}

/// The bytes of an OCI manifest: the same for the same image, whatever archive it comes from.
fn manifest(config: &Descriptor, layers: &[Layer]) -> serde_json::Result<Vec<u8>> {
    let descriptor = |blob: &Descriptor| {
        json!({
            "mediaType": blob.media_type,
            "digest": blob.oci_digest(),
            "size": blob.size,
        })
    };
    let layers: Vec<_> = layers.iter().map(|layer| descriptor(&layer.blob)).collect();
    serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": media_type::MANIFEST,
        "config": descriptor(config),
        "layers": layers,
    }))
}

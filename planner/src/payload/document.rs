//! OCI's and Docker's JSON documents, as far as images need them.
//!
//! Unknown fields are ignored, as every reader of these documents does. Nothing here is trusted before its digest was compared.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::image::Descriptor;
use super::media_type::Document;
use super::platform::Platform;
use super::refusal::Fault;

/// The largest document, in bytes; containerd's own limit for manifests.
pub(super) const MAX_JSON: u64 = 8 * 1024 * 1024;

/// A descriptor as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    #[serde(default)]
    pub(super) media_type: String,
    digest: String,
    size: u64,
    urls: Option<Vec<String>>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    platform: Option<WrittenPlatform>,
}

#[derive(Clone, Debug, Deserialize)]
struct WrittenPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

impl Written {
    /// Media type, digest and size.
    pub(super) fn descriptor(&self) -> Result<Descriptor, Fault> {
        Ok(Descriptor {
            media_type: self.media_type.clone(),
            digest: digest(&self.digest)?,
            size: self.size,
        })
    }

    pub(super) fn platform(&self) -> Option<Platform> {
        let platform = self.platform.as_ref()?;
        let platform = Platform::new(&platform.os, &platform.architecture, &platform.variant);
        (!platform.os.is_empty() && !platform.arch.is_empty()).then_some(platform)
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        let value = self.annotations.as_ref()?.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    pub(super) fn url(&self) -> Option<String> {
        self.urls.as_ref()?.first().cloned()
    }

    /// Whether it describes another image: BuildKit's attestations.
    pub(super) fn is_attestation(&self) -> bool {
        self.annotation("vnd.docker.reference.type").is_some()
            || self
                .platform()
                .is_some_and(|platform| platform.is_unknown())
    }
}

/// Reads `sha256:` and 64 hexadecimal digits.
pub(super) fn digest(text: &str) -> Result<Sha256Digest, Fault> {
    let digest = text
        .strip_prefix("sha256:")
        .and_then(|hex| hex.parse().ok());
    digest.ok_or_else(|| Fault::Value {
        what: "digest",
        value: text.to_owned(),
    })
}

/// An index or a manifest, before it is known which.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Either {
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    artifact_type: String,
    manifests: Option<Vec<Written>>,
    config: Option<Written>,
    layers: Option<Vec<Written>>,
}

/// What a descriptor of an index leads to.
#[derive(Debug)]
pub(super) enum Parsed {
    Index(Vec<Written>),
    Manifest(Box<Manifest>),
}

/// A manifest.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) artifact_type: String,
    pub(super) config: Written,
    pub(super) layers: Vec<Written>,
}

/// Parses an index or a manifest. `described` is the media type of its descriptor.
///
/// A document that is both at once is refused: readers disagree about what it means (CVE-2021-41190).
pub(super) fn parse(described: &str, bytes: &[u8]) -> Result<Parsed, Fault> {
    let kind = Document::of(described);
    let what = match kind {
        Some(Document::Index) => "image index",
        Some(Document::Manifest) => "image manifest",
        _ => "image index or manifest",
    };
    let either: Either = json(what, bytes)?;
    if either.schema_version == Some(1) {
        return Err(Fault::Schema1);
    }
    if either.schema_version != Some(2) {
        let version = either.schema_version;
        return Err(Fault::Value {
            what: "schemaVersion",
            value: version.map_or_else(|| "none".to_owned(), |version| version.to_string()),
        });
    }
    let differs = |found: &str| Fault::MediaType {
        expected: described.to_owned(),
        found: found.to_owned(),
    };
    if !described.is_empty() && !either.media_type.is_empty() && either.media_type != described {
        return Err(differs(&either.media_type));
    }
    let is = kind.or_else(|| Document::of(&either.media_type));
    match (either.manifests, either.config, either.layers) {
        (Some(manifests), None, None) if !matches!(is, Some(Document::Manifest)) => {
            Ok(Parsed::Index(manifests))
        }
        (None, Some(config), layers) if !matches!(is, Some(Document::Index)) => {
            Ok(Parsed::Manifest(Box::new(Manifest {
                artifact_type: either.artifact_type,
                config,
                layers: layers.unwrap_or_default(),
            })))
        }
        (Some(_), None, None) => Err(differs("an index")),
        (None, Some(_), _) => Err(differs("a manifest")),
        (None, None, _) => Err(differs("neither an index nor a manifest")),
        (Some(_), _, _) => Err(differs("an index and a manifest at once")),
    }
}

/// `index.json` of a layout.
pub(super) fn parse_top(bytes: &[u8]) -> Result<Vec<Written>, Fault> {
    match parse("", bytes)? {
        Parsed::Index(manifests) => Ok(manifests),
        Parsed::Manifest(_) => Err(Fault::MediaType {
            expected: super::media_type::INDEX.to_owned(),
            found: "a manifest".to_owned(),
        }),
    }
}

/// `oci-layout`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Marker {
    pub(super) image_layout_version: String,
}

/// An image's configuration.
#[derive(Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
    rootfs: Option<RootFs>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<String>>,
}

impl Config {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        json("image configuration", bytes)
    }

    /// Its platform; a configuration without one is for Linux on amd64, as in the time before there were others.
    pub(super) fn platform(&self) -> Platform {
        let or = |text: &str, usual: &str| match text {
            "" => usual.to_owned(),
            text => text.to_owned(),
        };
        Platform::new(
            &or(&self.os, "linux"),
            &or(&self.architecture, "amd64"),
            &self.variant,
        )
    }

    pub(super) fn diff_ids(&self) -> Result<Vec<Sha256Digest>, Fault> {
        let ids = self.rootfs.as_ref().and_then(|root| root.diff_ids.as_ref());
        ids.into_iter().flatten().map(|id| digest(id)).collect()
    }
}

/// An image in a docker archive's `manifest.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    pub(super) repo_tags: Option<Vec<String>>,
    pub(super) layers: Option<Vec<String>>,
    pub(super) layer_sources: Option<serde::de::IgnoredAny>,
}

impl Saved {
    /// Whether Docker's classic store made the manifests: it unpacks what it pulls, and does not keep the registry's.
    pub(super) const fn is_of_classic_store(&self) -> bool {
        self.layer_sources.is_some()
    }
}

/// Parses a document.
pub(super) fn json<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Json { what, error })
}

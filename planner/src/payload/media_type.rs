//! Media types of indexes, manifests, configurations and layers.
//!
//! Source: OCI image-spec v1.1 `media-types.md`; containerd `core/images/mediatypes.go`; Docker's distribution `manifest/schema2`.

use super::compression::Form;

/// OCI's index.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI's manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI's image configuration.
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+";

/// What a descriptor of an index can lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Index,
    Manifest,
    Schema1,
    /// Nothing that belongs to an image.
    Other,
}

impl Document {
    /// Tells by the media type of a descriptor; `None` if it has none, so that the document must tell.
    pub(super) fn of(media_type: &str) -> Option<Self> {
        Some(match media_type {
            "" => return None,
            INDEX | DOCKER_INDEX => Self::Index,
            MANIFEST | DOCKER_MANIFEST => Self::Manifest,
            other if other.starts_with(SCHEMA1) => Self::Schema1,
            _ => Self::Other,
        })
    }
}

/// Whether it is the configuration of an image.
pub(super) fn is_config(media_type: &str) -> bool {
    matches!(media_type, CONFIG | DOCKER_CONFIG)
}

/// How the bytes of a layer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// In this form.
    As(Form),
    /// In any form: Docker's types were used for whatever there was, and runtimes look at the bytes.
    Any,
    Encrypted,
    /// Not a layer of a file system.
    Not,
}

/// Types of layers without their compression, and whether runtimes look at the bytes.
const LAYERS: [(&str, bool); 4] = [
    ("application/vnd.oci.image.layer.v1.tar", false),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        false,
    ),
    ("application/vnd.docker.image.rootfs.diff.tar", true),
    ("application/vnd.docker.image.rootfs.foreign.diff.tar", true),
];

impl Layer {
    pub(super) fn of(media_type: &str) -> Self {
        let base = LAYERS
            .iter()
            .find_map(|(base, any)| Some((media_type.strip_prefix(base)?, *any)));
        match base {
            Some((suffix, _)) if suffix.contains("+encrypted") => Self::Encrypted,
            Some(("" | ".gzip" | ".zstd" | "+gzip" | "+zstd", true)) => Self::Any,
            Some(("", false)) => Self::As(Form::Plain),
            Some(("+gzip", false)) => Self::As(Form::Gzip),
            Some(("+zstd", false)) => Self::As(Form::Zstd),
            _ => Self::Not,
        }
    }
}

/// Whether a layer may be absent because it is to be downloaded from elsewhere.
pub(super) fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".nondistributable.") || media_type.contains(".foreign.")
}

/// The type of a layer of an image whose manifest is made here; `None` if no runtime reads the form.
pub(super) const fn layer_in(form: Form) -> Option<&'static str> {
    Some(match form {
        Form::Plain => "application/vnd.oci.image.layer.v1.tar",
        Form::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Form::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        Form::Unread(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_told_from_other_blobs() {
        for (media_type, expected) in [
            (
                "application/vnd.oci.image.layer.v1.tar",
                Layer::As(Form::Plain),
            ),
            (
                "application/vnd.oci.image.layer.v1.tar+zstd",
                Layer::As(Form::Zstd),
            ),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                Layer::As(Form::Gzip),
            ),
            (
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
                Layer::Any,
            ),
            (
                "application/vnd.docker.image.rootfs.foreign.diff.tar",
                Layer::Any,
            ),
            (
                "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                Layer::Encrypted,
            ),
            ("application/vnd.oci.image.layer.v1.tar+lzma", Layer::Not),
            ("application/vnd.in-toto+json", Layer::Not),
            ("", Layer::Not),
        ] {
            assert_eq!(Layer::of(media_type), expected, "{media_type}");
        }
    }
}

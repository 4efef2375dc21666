//! What can be wrong with a source of images, and where.
//!
//! A [`Fault`] says what is wrong, in one sentence with what was expected and found; a [`Refusal`] adds the source and the entry.

use std::fmt;
use std::io;

use kubeplan_terminal::quote;

use super::platform::Platform;

/// What is wrong with a source, an entry of it or an image in it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error("{0}")]
    Io(io::Error),
    /// It is compressed in a form that is not read.
    #[error("it is compressed with {0}, which is not supported")]
    Compressed(&'static str),
    /// A layer or an archive is not what its compression promises.
    #[error("decompressing {form}: {error}")]
    Decompress {
        /// `gzip` or `zstd`.
        form: &'static str,
        /// What the decoder says.
        error: io::Error,
    },
    /// It decompresses to far more than images do.
    #[error("it decompresses to more than {limit} bytes, and has {size}")]
    Bomb {
        /// The most that is accepted for an input of this size, in bytes.
        limit: u64,
        /// The size of the input, in bytes.
        size: u64,
    },
    /// It is neither a tar archive nor a compressed one.
    #[error("it is not a tar archive, nor one that is compressed with gzip or zstd")]
    NotAnArchive,
    /// The archive's structure is broken.
    #[error("{what}, at byte {at} of the archive")]
    Tar {
        /// What is wrong.
        what: &'static str,
        /// The offset of the header.
        at: u64,
    },
    /// The archive ends in the middle of an entry.
    #[error(
        "the archive ends at byte {end}, in the middle of an entry that needs {needed}: it was cut off"
    )]
    CutOff {
        /// The size of the archive.
        end: u64,
        /// The end of the entry.
        needed: u64,
    },
    /// A number that the source states is above a limit.
    #[error("{what} exceeds the limit of {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A sparse file.
    #[error("it is a sparse file of GNU tar, which is not supported")]
    Sparse,
    /// A device, a FIFO, a socket or a directory in the place of a file.
    #[error("it is {0}, not a regular file")]
    NotAFile(&'static str),
    /// A name or a link that leads outside the archive.
    #[error("`{0}` leads outside the archive")]
    Outside(String),
    /// A link to a name that the archive does not have.
    #[error("it is a link to `{0}`, which is missing")]
    DanglingLink(String),
    /// Links in a circle, or a long chain of them.
    #[error("it is a link that leads through more than {0} links")]
    LinkLoop(usize),
    /// An entry that is there twice, with different content.
    #[error("it is in the archive twice, with different content")]
    Unequal,
    /// A file that the layout needs is not there.
    #[error("{role} is missing{}", cut(*.cut_off))]
    Missing {
        /// What the file is for.
        role: &'static str,
        /// The archive may have been cut off.
        cut_off: bool,
    },
    /// A blob's digest differs.
    #[error("expected digest {expected}, found {found}")]
    Digest {
        /// The digest by which it is named.
        expected: String,
        /// The digest of its bytes.
        found: String,
    },
    /// A blob's size differs from its descriptor's.
    #[error("expected {expected} bytes, found {found}")]
    Size {
        /// The size in the descriptor.
        expected: u64,
        /// The size of the blob.
        found: u64,
    },
    /// A layer's uncompressed content is not what the configuration says.
    #[error(
        "uncompressed, the layer has digest {found}; the image's configuration expects diff_id {expected}"
    )]
    DiffId {
        /// The `diff_id` of the configuration.
        expected: String,
        /// The digest of the uncompressed layer.
        found: String,
    },
    /// The numbers of layers in manifest and configuration differ.
    #[error("the manifest has {layers} layers, but the configuration {diff_ids} diff_ids")]
    Layers {
        /// In the manifest.
        layers: usize,
        /// In the configuration.
        diff_ids: usize,
    },
    /// Not the JSON document that it should be.
    #[error("it is not a valid {what}: {error}")]
    Json {
        /// The name of the document.
        what: &'static str,
        /// The parser's words.
        error: serde_json::Error,
    },
    /// A value that the document may not have.
    #[error("{what} `{value}` is not supported")]
    Value {
        /// The field.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// A document that says two things about itself.
    #[error("its descriptor says media type `{expected}`, but it is `{found}`")]
    MediaType {
        /// In the descriptor.
        expected: String,
        /// In the document, or what its fields mean.
        found: String,
    },
    /// A layer whose bytes do not fit its media type.
    #[error("its media type is `{media_type}`, but its bytes are {found}")]
    LayerForm {
        /// The media type.
        media_type: String,
        /// `gzip`, `zstd`, `xz` or `not compressed`.
        found: &'static str,
    },
    /// Docker's manifest schema 1.
    #[error("its manifest has Docker's schema 1, which container runtimes no longer take")]
    Schema1,
    /// An archive of Docker before 1.10.
    #[error("it was saved by Docker before 1.10: it has `repositories`, but no manifest.json")]
    Docker1,
    /// skopeo's `dir:` format.
    #[error("it is in skopeo's `dir:` format, which records no image name")]
    DirTransport,
    /// A layer that its maker wants downloaded from elsewhere.
    #[error("layer {digest} is a foreign layer that is not in the archive{}", from(.url.as_deref()))]
    Foreign {
        /// The layer.
        digest: String,
        /// From where it can be downloaded.
        url: Option<String>,
    },
    /// An encrypted layer.
    #[error("layer {0} is encrypted")]
    Encrypted(String),
    /// A source without images.
    #[error("it contains no image{}", only(.0))]
    NoImage(Vec<String>),
    /// An image that is for other platforms.
    #[error("it has no image for {}; it has {}", all(.wanted), all(.has))]
    Platform {
        /// The wanted ones.
        wanted: Vec<Platform>,
        /// Those that it has.
        has: Vec<Platform>,
    },
    /// An image of a wanted platform whose blobs are not there.
    #[error("it lists an image for {platform}, but the manifest {digest} of it is missing{}", cut(*.cut_off))]
    PlatformMissing {
        /// The platform.
        platform: Platform,
        /// The manifest.
        digest: String,
        /// The archive may have been cut off.
        cut_off: bool,
    },
    /// An index that contains itself, or too many levels of them.
    #[error("indexes are nested more than {0} levels deep")]
    TooDeep(usize),
    /// A name that container runtimes cannot read.
    #[error("`{0}` is not a valid image reference")]
    Name(String),
    /// A name that says another digest than the image has.
    #[error("its name says digest {expected}, but the image has {found}")]
    NameDigest {
        /// In the name.
        expected: String,
        /// Of the image.
        found: String,
    },
    /// An image without a name, or with a tag alone.
    #[error("image {digest} has no name{}", tag_alone(.tag.as_deref()))]
    Nameless {
        /// The image.
        digest: String,
        /// The tag, if that is all there is.
        tag: Option<String>,
    },
    /// One name for different images.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// Several layouts in one archive.
    #[error("it has image layouts in several directories: {}", .0.join(", "))]
    SeveralLayouts(Vec<String>),
}

/// One name for different images.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` ({platform}) is image {found} here, but {expected} in {other}")]
pub struct Conflict {
    /// The name.
    pub name: String,
    /// The platform for which the images differ.
    pub platform: Platform,
    /// The image of the earlier source.
    pub expected: String,
    /// The image of this source.
    pub found: String,
    /// The earlier source.
    pub other: String,
}

fn cut(cut_off: bool) -> &'static str {
    if cut_off {
        "; the archive has no end marker, so it may have been cut off"
    } else {
        ""
    }
}

fn from(url: Option<&str>) -> String {
    url.map_or_else(String::new, |url| {
        format!("; its manifest says to download it from {url}")
    })
}

fn only(skipped: &[String]) -> String {
    if skipped.is_empty() {
        String::new()
    } else {
        format!(", only {}", skipped.join(", "))
    }
}

fn tag_alone(tag: Option<&str>) -> String {
    tag.map_or_else(String::new, |tag| format!(", only the tag `{tag}`"))
}

fn all(platforms: &[Platform]) -> String {
    let texts: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    if texts.is_empty() {
        "none that is known".to_owned()
    } else {
        texts.join(", ")
    }
}

impl Fault {
    /// A way out, where there is one. `source` is the file's name, for commands.
    fn hint(&self, source: &str) -> Option<String> {
        let file = quote(source);
        Some(match self {
            Self::Compressed("xz") => format!("run `xz -d {file}`, and name the result"),
            Self::Compressed("bzip2") => format!("run `bzip2 -d {file}`, and name the result"),
            Self::Compressed("lz4") => format!("run `lz4 -d {file}`, and name the result"),
            Self::CutOff { .. }
            | Self::Missing { cut_off: true, .. }
            | Self::PlatformMissing { cut_off: true, .. }
            | Self::Digest { .. }
            | Self::Decompress { .. } => {
                "copy or download the file again, and compare its checksum".to_owned()
            }
            Self::Schema1 => {
                "pull the image with a current tool, which converts or refuses it, and save it again"
                    .to_owned()
            }
            Self::Docker1 => "load it with Docker 1.10 to 24, and save it again".to_owned(),
            Self::DirTransport => {
                "convert it: `skopeo copy dir:DIR oci-archive:FILE:REFERENCE`".to_owned()
            }
            Self::Foreign { .. } => {
                "save the image with a tool that fetches foreign layers, such as `docker save`"
                    .to_owned()
            }
            Self::Nameless { digest, .. } => format!(
                "give it a name: --image {}",
                quote(&format!("{source}@{digest}=REGISTRY/NAME:TAG"))
            ),
            Self::Platform { .. } | Self::PlatformMissing { .. } => {
                "save the image for this architecture, or choose others with --arch".to_owned()
            }
            Self::Conflict(_) => "omit one of the two sources".to_owned(),
            Self::Sparse => "write the archive without --sparse".to_owned(),
            _ => return None,
        })
    }
}

/// Why a source is refused: the source, the entry if one is at fault, and what is wrong with it.
#[derive(Debug)]
pub struct Refusal {
    /// The source, as the user named it.
    pub source: String,
    /// The entry of the archive, or the file of the directory.
    pub entry: Option<String>,
    /// What is wrong.
    pub fault: Box<Fault>,
}

impl Refusal {
    /// A way out, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.fault.hint(&self.source)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        if let Some(entry) = &self.entry {
            write!(f, "{entry}: ")?;
        }
        self.fault.fmt(f)
    }
}

impl std::error::Error for Refusal {}

/// A fault in an entry, before the name of the source is known.
#[derive(Debug)]
pub(super) struct InEntry {
    pub(super) entry: Option<String>,
    pub(super) fault: Box<Fault>,
}

impl InEntry {
    pub(super) fn of(entry: &str) -> impl FnOnce(Fault) -> Self + use<'_> {
        move |fault| Self {
            entry: Some(entry.to_owned()),
            fault: Box::new(fault),
        }
    }

    /// Says which source it is about.
    pub(super) fn of_source(self, source: &str) -> Refusal {
        Refusal {
            source: source.to_owned(),
            entry: self.entry,
            fault: self.fault,
        }
    }
}

impl From<Fault> for InEntry {
    fn from(fault: Fault) -> Self {
        Self {
            entry: None,
            fault: Box::new(fault),
        }
    }
}

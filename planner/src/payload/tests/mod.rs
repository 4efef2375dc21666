//! Tests of whole sources: samples of what programs write, and archives that are made here.

mod hostile;
mod made;
mod samples;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kubeplan_bundle::digest::Sha256Digest;
use serde_json::{Value, json};

use super::archive::Archive;
use super::contents::{self, Opened};
use super::image::oci;
use super::{Contents, Given, Platform, Refusal};

/// Where the samples are.
fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/payload")
}

/// An archive that is made here.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    /// Adds a header and content; `size` is what the header claims.
    fn entry(mut self, kind: u8, name: &str, link: &str, size: &[u8], content: &[u8]) -> Self {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..124 + size.len()].copy_from_slice(size);
        header[156] = kind;
        header[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header[257..263].copy_from_slice(b"ustar\0");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn sized(self, kind: u8, name: &str, content: &[u8]) -> Self {
        let size = format!("{:011o}", content.len());
        self.entry(kind, name, "", size.as_bytes(), content)
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.sized(b'0', name, content)
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name, target, b"0", b"")
    }

    fn blob(self, content: &[u8]) -> Self {
        self.file(
            &format!("blobs/sha256/{}", Sha256Digest::of(content)),
            content,
        )
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn digest(bytes: &[u8]) -> String {
    oci(&Sha256Digest::of(bytes))
}

/// An image with one layer: documents and blobs whose parts a test can change.
struct Made {
    layer: Vec<u8>,
    layer_type: &'static str,
    config: Value,
    manifest: Value,
}

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const NAMED: &str = "io.containerd.image.name";

impl Made {
    fn new(arch: &str) -> Self {
        let layer = Tar::default().file("hello", arch.as_bytes()).end();
        let config = json!({
            "os": "linux", "architecture": arch,
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        });
        Self::of(layer, LAYER, config)
    }

    fn of(layer: Vec<u8>, layer_type: &'static str, config: Value) -> Self {
        let bytes = config.to_string();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(bytes.as_bytes()), "size": bytes.len()},
            "layers": [{"mediaType": layer_type, "digest": digest(&layer), "size": layer.len()}],
        });
        Self {
            layer,
            layer_type,
            config,
            manifest,
        }
    }

    fn blobs(&self, tar: Tar) -> Tar {
        let manifest = self.manifest.to_string();
        tar.blob(&self.layer)
            .blob(self.config.to_string().as_bytes())
            .blob(manifest.as_bytes())
    }

    /// The descriptor of the manifest, with annotations.
    fn descriptor(&self, annotations: &Value) -> Value {
        let manifest = self.manifest.to_string();
        json!({
            "mediaType": MANIFEST, "digest": digest(manifest.as_bytes()), "size": manifest.len(),
            "annotations": annotations,
        })
    }

    /// An OCI archive of the image alone.
    fn archive(&self) -> Vec<u8> {
        let top = [self.descriptor(&json!({NAMED: "a.example/app:1"}))];
        layout(self.blobs(Tar::default()), &top)
    }
}

fn index(children: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})
}

/// A descriptor of an index.
fn of_index(index: &Value, annotations: &Value) -> Value {
    let bytes = index.to_string();
    json!({
        "mediaType": INDEX, "digest": digest(bytes.as_bytes()), "size": bytes.len(),
        "annotations": annotations,
    })
}

/// Ends a layout.
fn layout(tar: Tar, top: &[Value]) -> Vec<u8> {
    tar.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
        .file("index.json", index(top).to_string().as_bytes())
        .end()
}

/// Opens bytes as the uncompressed archive `a.tar`.
fn opened(bytes: Vec<u8>) -> Result<Opened, Refusal> {
    let archive = Archive::index(Box::new(bytes)).map_err(|refused| refused.of_source("a.tar"))?;
    Ok(Opened {
        name: "a.tar".to_owned(),
        tree: Arc::new(archive),
    })
}

fn read_for(bytes: Vec<u8>, platforms: &[&str], given: &[Given]) -> (Contents, Vec<String>) {
    let wanted: Vec<Platform> = platforms.iter().map(|arch| Platform::linux(arch)).collect();
    match opened(bytes) {
        Ok(opened) => {
            let (contents, refusals) = contents::read(&[opened], &wanted, given, &|_, _| {});
            (contents, refusals.iter().map(ToString::to_string).collect())
        }
        Err(refusal) => (Contents::default(), vec![refusal.to_string()]),
    }
}

/// Reads `a.tar` for amd64.
fn read(bytes: Vec<u8>) -> (Contents, Vec<String>) {
    read_for(bytes, &["amd64"], &[])
}

/// The only refusal of `a.tar`, without the source's name.
fn refusal(bytes: Vec<u8>) -> String {
    let (_, refusals) = read(bytes);
    let [only] = &refusals[..] else {
        panic!("{refusals:?}");
    };
    only.strip_prefix("a.tar: ").unwrap().to_owned()
}

/// Reads every blob, twice, and compares size and digest.
fn assert_blobs(contents: &Contents) {
    for (digest, blob) in &contents.blobs {
        for _ in 0..2 {
            let mut bytes = Vec::new();
            blob.open().unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, blob.descriptor.size);
            assert_eq!(Sha256Digest::of(&bytes), *digest);
        }
        for child in &blob.children {
            assert!(contents.blobs.contains_key(&child.digest));
        }
    }
    let needed = contents.images.iter().flat_map(|image| image.digests());
    assert!(
        needed
            .into_iter()
            .all(|digest| contents.blobs.contains_key(&digest))
    );
}

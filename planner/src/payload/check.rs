//! Hashes and decompresses layers, each once, on all cores.
//!
//! In: files of a tree, and what their manifests say. Out: what is wrong, or what they are. Memory is bounded: one buffer and one
//! decoder for each core.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kubeplan_bundle::digest::Sha256Digest;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::compression::{Form, MAGIC};
use super::image::{Descriptor, oci};
use super::media_type::Layer;
use super::refusal::{Fault, InEntry, Refusal};
use super::tree::{Found, Tree};

/// How many times its size a layer may decompress to: gzip's own maximum is 1032.
const RATIO: u64 = 2000;
/// What every layer may decompress to, in bytes.
const ALWAYS: u64 = 16 * 1024 * 1024;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) digest: Sha256Digest,
    pub(super) size: u64,
    pub(super) form: Form,
    /// SHA-256 of what it decompresses to, or why it does not.
    pub(super) diff_id: Sha256Digest,
}

/// A layer and what its image says of it.
#[derive(Clone)]
pub(super) struct Expected {
    pub(super) source: String,
    pub(super) tree: Arc<dyn Tree>,
    pub(super) found: Found,
    pub(super) blob: Descriptor,
    pub(super) diff_id: Sha256Digest,
}

/// Checks all layers. Calls `progress` with how many of them are done, from several threads.
pub(super) fn check(layers: &[Expected], progress: &(dyn Fn(usize, usize) + Sync)) -> Vec<Refusal> {
    let done = AtomicUsize::new(0);
    let checked = layers.par_iter().map(|layer| {
        let refusal = layer.check().err().map(|fault| {
            let in_entry = InEntry::of(&layer.found.name)(fault);
            in_entry.of_source(&layer.source)
        });
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, layers.len());
        refusal
    });
    // Collected in order, so that the same input gives the same list.
    let refusals: Vec<Option<Refusal>> = checked.collect();
    refusals.into_iter().flatten().collect()
}

impl Expected {
    fn check(&self) -> Result<(), Fault> {
        let (hashed, unpacked) = measure(&*self.tree, &self.found)?;
        if hashed.digest != self.blob.digest {
            return Err(Fault::Digest {
                expected: self.blob.oci_digest(),
                found: oci(&hashed.digest),
            });
        }
        let fits = match Layer::of(&self.blob.media_type) {
            Layer::Any => true,
            Layer::As(form) => form == hashed.form,
            Layer::Encrypted | Layer::Not => false,
        };
        if let (false, _) | (_, Form::Unread(_)) = (fits, hashed.form) {
            return Err(Fault::LayerForm {
                media_type: self.blob.media_type.clone(),
                found: hashed.form.name(),
            });
        }
        let diff_id = unpacked?;
        if diff_id != self.diff_id {
            return Err(Fault::DiffId {
                expected: oci(&self.diff_id),
                found: oci(&diff_id),
            });
        }
        Ok(())
    }
}

/// What a file's bytes are, as they lie there.
pub(super) struct Hashed {
    pub(super) digest: Sha256Digest,
    pub(super) size: u64,
    pub(super) form: Form,
}

/// Reads a file once: its digest, and the digest of what it decompresses to or why it does not.
pub(super) fn measure(
    tree: &dyn Tree,
    found: &Found,
) -> Result<(Hashed, Result<Sha256Digest, Fault>), Fault> {
    let mut first = Vec::with_capacity(MAGIC);
    let mut start = tree.open(found).map_err(Fault::Io)?.take(MAGIC as u64);
    start.read_to_end(&mut first).map_err(Fault::Io)?;
    let form = Form::of(&first);
    let file = tree.open(found).map_err(Fault::Io)?;
    let mut file = Hashing::new(file);
    let most = found.size.saturating_mul(RATIO).saturating_add(ALWAYS);
    let unpacked = match form {
        Form::Plain | Form::Unread(_) => None,
        Form::Gzip | Form::Zstd => Some(unpack(&mut file, form, most)),
    };
    // What the decoder did not read counts, too; of a broken file all of it.
    let (digest, size) = file.finish().map_err(Fault::Io)?;
    let unpacked = match unpacked {
        None => Ok(digest),
        Some(Ok(Some(digest))) => Ok(digest),
        Some(Ok(None)) => Err(Fault::Bomb { limit: most, size }),
        Some(Err(error)) => Err(Fault::Decompress {
            form: form.name(),
            error,
        }),
    };
    Ok((Hashed { digest, size, form }, unpacked))
}

/// The digest of what `file` decompresses to; `None` if that is more than `most` bytes.
fn unpack(
    file: &mut (impl Read + Send),
    form: Form,
    most: u64,
) -> io::Result<Option<Sha256Digest>> {
    let mut decoded = form.decode(file)?.take(most + 1);
    let (digest, size) = Sha256Digest::of_reader(&mut decoded)?;
    Ok((size <= most).then_some(digest))
}

/// Hashes what passes through.
struct Hashing<R> {
    inner: R,
    hasher: Sha256,
    size: u64,
}

impl<R: Read> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            size: 0,
        }
    }

    /// Reads the rest.
    fn finish(mut self) -> io::Result<(Sha256Digest, u64)> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let digest = Sha256Digest::from_bytes(self.hasher.finalize().into());
        Ok((digest, self.size))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }
}

/// What the layers of docker archives are, which say it nowhere.
pub(super) fn measure_all(tree: &dyn Tree, files: &[Found]) -> Vec<Result<Measured, Fault>> {
    files
        .par_iter()
        .map(|found| {
            let (hashed, unpacked) = measure(tree, found)?;
            if let Form::Unread(name) = hashed.form {
                return Err(Fault::Compressed(name));
            }
            Ok(Measured {
                digest: hashed.digest,
                size: hashed.size,
                form: hashed.form,
                diff_id: unpacked?,
            })
        })
        .collect()
}

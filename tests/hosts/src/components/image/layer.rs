//! The one layer of an image: a tar archive without owners and times, and its digest.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::components::module::hex;

/// A layer that is being written: a tar archive and its digest.
pub(super) struct Layer {
    archive: tar::Builder<Hashed<tempfile::NamedTempFile>>,
    directories: BTreeSet<PathBuf>,
}

impl Layer {
    pub(super) fn new(file: tempfile::NamedTempFile) -> Self {
        let hashed = Hashed {
            inner: file,
            hasher: Sha256::new(),
        };
        Self {
            archive: tar::Builder::new(hashed),
            directories: BTreeSet::new(),
        }
    }

    pub(super) fn directory(&mut self, path: impl AsRef<Path>, mode: u32) -> Result<()> {
        let path = path.as_ref();
        if path.as_os_str().is_empty() || !self.directories.insert(path.to_owned()) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.directory(parent, 0o755)?;
        }
        let mut header = header(mode, 0);
        header.set_entry_type(tar::EntryType::Directory);
        Ok(self.archive.append_data(&mut header, path, io::empty())?)
    }

    /// The file at `from`, run by everybody.
    pub(super) fn program(&mut self, from: &Path, place: &str) -> Result<()> {
        if let Some(parent) = Path::new(place).parent() {
            self.directory(parent, 0o755)?;
        }
        let file = File::open(from).with_context(|| format!("opening {}", from.display()))?;
        let mut header = header(0o755, file.metadata()?.len());
        Ok(self.archive.append_data(&mut header, place, file)?)
    }

    pub(super) fn link(&mut self, place: &str, target: &str) -> Result<()> {
        let mut header = header(0o777, 0);
        header.set_entry_type(tar::EntryType::Symlink);
        Ok(self.archive.append_link(&mut header, place, target)?)
    }

    /// The finished file and its SHA-256, in hex.
    pub(super) fn finish(self) -> Result<(tempfile::NamedTempFile, String)> {
        let hashed = self.archive.into_inner()?;
        Ok((hashed.inner, hex(&hashed.hasher.finalize())))
    }
}

/// Adds a file that everybody reads.
pub(super) fn append(
    archive: &mut tar::Builder<tempfile::NamedTempFile>,
    name: &str,
    bytes: &[u8],
) -> Result<()> {
    let mut header = header(0o644, u64::try_from(bytes.len())?);
    Ok(archive.append_data(&mut header, name, bytes)?)
}

/// A header without owner and time, so that the same content has the same digest.
pub(super) fn header(mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// A writer that knows the digest of what went through it.
struct Hashed<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

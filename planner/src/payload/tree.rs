//! What readers of layouts need of their surroundings: inputs that can be read at any position, and trees of files.
//!
//! Blobs are hashed on all cores at the same time, so an input is read by position (`pread`), not through a shared cursor.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

use super::refusal::Fault;

/// Bytes that can be read at any position, by several threads at the same time.
pub trait Input: Send + Sync {
    /// The number of bytes.
    fn size(&self) -> u64;

    /// Reads into `buffer` from `offset` on. Returns how many bytes were read; 0 at the end.
    ///
    /// # Errors
    /// Any error of the file system.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Input for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.get(offset..));
        rest.unwrap_or_default().read(buffer)
    }
}

/// A regular file, with the size that it had when it was opened.
#[derive(Debug)]
pub struct FileInput {
    file: File,
    size: u64,
}

impl FileInput {
    /// Takes an open regular file.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl Input for FileInput {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

/// Reads `size` bytes of an input from `offset` on. An input that ends before is an error.
pub struct Region<'a> {
    input: &'a dyn Input,
    offset: u64,
    left: u64,
}

impl<'a> Region<'a> {
    /// The bytes of `input` from `offset` on, `size` of them.
    #[must_use]
    pub fn new(input: &'a dyn Input, offset: u64, size: u64) -> Self {
        Self {
            input,
            offset,
            left: size,
        }
    }
}

impl Read for Region<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self
            .input
            .read_at(buffer.get_mut(..wanted).unwrap_or_default(), self.offset)?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read",
            ));
        }
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name in the tree, links followed.
    pub name: String,
    /// Where its bytes begin; 0 if the tree is a directory.
    pub offset: u64,
    /// The number of its bytes.
    pub size: u64,
}

/// Files by their names: an archive or a directory.
pub trait Tree: Send + Sync {
    /// Finds the file `name`, which has no leading `./`. Follows links that stay inside the tree.
    ///
    /// # Errors
    /// [`Fault`] if the name leads outside the tree, in a circle, or to something that is not a regular file.
    fn find(&self, name: &str) -> Result<Option<Found>, Fault>;

    /// Opens a file that was found.
    ///
    /// # Errors
    /// Any error of the file system.
    fn open(&self, found: &Found) -> io::Result<Box<dyn Read + Send + '_>>;

    /// The directories, `""` for the top, in which a file `base` lies, at most one level deep.
    fn holders(&self, base: &str) -> Vec<String>;

    /// Whether the tree ends without its end marker, so that it may have been cut off.
    fn is_cut_off(&self) -> bool {
        false
    }
}

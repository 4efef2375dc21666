//! Opens sources: directories, archives, pipes.
//!
//! In: a path that the user names. Out: its tree. A compressed archive is decompressed into a private temporary file first, because
//! its blobs are read several times and in any order.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;

use super::archive::Archive;
use super::compression::{Form, MAGIC};
use super::contents::Opened;
use super::refusal::{Fault, InEntry, Refusal};
use super::spool::spool;
use super::tree::{FileInput, Found, Input, Region, Tree};
use crate::files::{self, Directory};

/// Opens a source. Calls `announce` with its form before a compressed archive is decompressed.
///
/// # Errors
/// [`Refusal`] if it cannot be read, or is not an archive.
pub fn open(path: &Path, announce: &mut dyn FnMut(&str)) -> Result<Opened, Refusal> {
    let name = path.display().to_string();
    let tree = tree(path, announce).map_err(|refused| refused.of_source(&name))?;
    Ok(Opened { name, tree })
}

fn tree(path: &Path, announce: &mut dyn FnMut(&str)) -> Result<Arc<dyn Tree>, InEntry> {
    if path.is_dir() {
        let directory = Directory::open(path).map_err(Fault::Io)?;
        return Ok(Arc::new(Files(directory)));
    }
    let file = files::open_given(path).map_err(Fault::Io)?;
    let is_file = file.metadata().map_err(Fault::Io)?.is_file();
    let input = if is_file {
        FileInput::new(file).map_err(Fault::Io)?
    } else {
        announce("a pipe");
        spool(file, Form::Plain, 0)?
    };
    let size = input.size();
    let first = size.min(MAGIC as u64);
    let mut magic = Vec::with_capacity(MAGIC);
    Region::new(&input, 0, first)
        .read_to_end(&mut magic)
        .map_err(Fault::Io)?;
    let input = match Form::of(&magic) {
        Form::Plain => input,
        Form::Unread(name) => return Err(Fault::Compressed(name).into()),
        form => {
            announce(form.name());
            spool(Region::new(&input, 0, size), form, size)?
        }
    };
    Ok(Arc::new(Archive::index(Box::new(input))?))
}

/// A directory as a tree. No path and no link leads out of it.
struct Files(Directory);

impl Files {
    fn file(&self, name: &str) -> io::Result<File> {
        self.0.file_beneath(name)
    }
}

impl Tree for Files {
    fn find(&self, name: &str) -> Result<Option<Found>, Fault> {
        match self.file(name) {
            Ok(file) => Ok(Some(Found {
                name: name.to_owned(),
                offset: 0,
                size: file.metadata().map_err(Fault::Io)?.len(),
            })),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::NOENT | Errno::NOTDIR) => Ok(None),
                Some(Errno::XDEV) => Err(Fault::Outside(name.to_owned())),
                _ => Err(Fault::Io(error)),
            },
        }
    }

    fn open(&self, found: &Found) -> io::Result<Box<dyn Read + Send + '_>> {
        // A file that grew or shrank since is noticed by its digest.
        Ok(Box::new(self.file(&found.name)?))
    }

    fn holders(&self, base: &str) -> Vec<String> {
        if self.file(base).is_ok() {
            return vec![String::new()];
        }
        let entries = self.0.entries().unwrap_or_default();
        let mut holders: Vec<String> = entries
            .into_iter()
            .filter(|(_, kind)| kind.is_dir())
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(|name| self.file(&format!("{name}/{base}")).is_ok())
            .collect();
        holders.sort();
        holders
    }
}

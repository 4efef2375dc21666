//! Patch directories and bundles in memory, for tests of the engine.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use super::bundles::BundleOutput;
use super::{NodeError, PatchDirectories, PatchDirectoryError};
use crate::patches::{Ignored, PatchFile, Patches};

/// Patch directories by name, each with its files.
#[derive(Default)]
pub(crate) struct Directories(pub(crate) BTreeMap<&'static str, Vec<(&'static str, &'static str)>>);

impl PatchDirectories for Directories {
    fn read(
        &self,
        directory: &str,
        ignored: &mut dyn FnMut(&str, Ignored),
    ) -> Result<Patches, PatchDirectoryError> {
        let files = self.0.get(directory);
        let files = files.ok_or_else(|| PatchDirectoryError::NotADirectory(directory.into()))?;
        let mut patches = Vec::new();
        for (name, text) in files {
            match PatchFile::read(name, text)? {
                Ok(file) => patches.push(file),
                Err(why) => ignored(name, why),
            }
        }
        Ok(Patches::new(patches))
    }
}

/// Bundles by file name.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) Mutex<BTreeMap<String, Vec<u8>>>);

impl BundleOutput for Shelf {
    fn write(
        &self,
        name: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        self.0.lock().unwrap().insert(name.to_owned(), bytes);
        Ok(())
    }
}

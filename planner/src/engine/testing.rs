//! Patch directories and bundles in memory, for tests of the engine.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use super::bundles::BundleOutput;
use super::{NodeError, PatchFolderError, PatchFolders};
use crate::patches::{Ignored, PatchFile, Patches};

/// Patch directories by name, each with its files.
#[derive(Default)]
pub(crate) struct Folders(pub(crate) BTreeMap<&'static str, Vec<(&'static str, &'static str)>>);

impl PatchFolders for Folders {
    fn read(
        &self,
        folder: &str,
        ignored: &mut dyn FnMut(&str, Ignored),
    ) -> Result<Patches, PatchFolderError> {
        let files = self.0.get(folder);
        let files = files.ok_or_else(|| PatchFolderError::NotAFolder(folder.into()))?;
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

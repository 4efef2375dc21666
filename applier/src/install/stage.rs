//! Files on their way: written and synced beside the destination tree before any of them gets its name.
//!
//! A stage is a folder of mode 0700 with a random name. It lies in the topmost folder of the bundle's own that
//! contains the file and is on the same filesystem as its destination, so that the rename is atomic and no
//! half-written file ever appears in a folder that somebody watches. A file in no folder of the bundle is
//! staged in the folder it goes to.

use std::collections::BTreeMap;

use super::planned::PlannedFile;
use crate::host::durable::is_temporary_name;
use crate::host::ensure::open;
use crate::host::{Actions, Directory, FileMeta, Found, HostError, Owner, Root, RootPath};

/// The staged files of one transaction.
pub(crate) struct Stage<'a> {
    root: &'a Root,
    actions: &'a Actions,
    /// Open stages by the folder they lie in.
    folders: BTreeMap<RootPath, (String, Directory)>,
    files: Vec<StagedFile<'a>>,
}

struct StagedFile<'a> {
    planned: PlannedFile<'a>,
    /// The folder whose stage it is in, and its name there.
    place: RootPath,
    name: String,
    meta: FileMeta,
}

/// A file that has its final name.
pub(crate) struct Placed<'a> {
    /// What was planned.
    pub(crate) planned: PlannedFile<'a>,
    /// Mode and owner as they are.
    pub(crate) meta: FileMeta,
}

impl<'a> Stage<'a> {
    /// An empty stage.
    pub(crate) const fn new(root: &'a Root, actions: &'a Actions) -> Self {
        Self {
            root,
            actions,
            folders: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    /// Writes and syncs one file; its destination's folder must exist.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn add(
        &mut self,
        planned: PlannedFile<'a>,
        bundle_folders: &[RootPath],
    ) -> Result<(), HostError> {
        let place = self.place(planned, bundle_folders)?;
        if !self.folders.contains_key(&place) {
            let stage = self.actions.create_stage(&open(self.root, &place)?)?;
            self.folders.insert(place.clone(), stage);
        }
        let name = self.files.len().to_string();
        let Some((_, folder)) = self.folders.get(&place) else {
            return Ok(());
        };
        // Known before it is complete, so that clearing away finds it.
        let owner = owner_to_set(self.root, planned.owner);
        let written = self.actions.create_file(
            folder,
            &name,
            planned.bytes,
            u32::from(planned.mode.bits()),
            owner,
        );
        match written {
            Ok(meta) => {
                self.files.push(StagedFile {
                    planned,
                    place,
                    name,
                    meta,
                });
                Ok(())
            }
            Err(error) => {
                let _ = self.actions.remove_file(folder, &name);
                Err(error)
            }
        }
    }

    /// Where the stage for this file goes.
    fn place(
        &self,
        planned: PlannedFile<'_>,
        bundle_folders: &[RootPath],
    ) -> Result<RootPath, HostError> {
        let path = RootPath::from(planned.path);
        let device = open(self.root, &path.parent())?.device()?;
        for folder in path.ancestors() {
            if bundle_folders.contains(&folder) && open(self.root, &folder)?.device()? == device {
                return Ok(folder);
            }
        }
        Ok(path.parent())
    }

    /// Renames every file to its destination, in order, calling `placed` after each; then syncs the folders.
    ///
    /// # Errors
    /// [`HostError`]; what was renamed stays.
    pub(crate) fn commit(&mut self, mut placed: impl FnMut(Placed<'a>)) -> Result<(), HostError> {
        let mut changed: Vec<Directory> = Vec::new();
        let mut outcome = Ok(());
        let files = std::mem::take(&mut self.files);
        let mut rest = files.into_iter();
        for file in rest.by_ref() {
            match self.rename(&file, &mut changed) {
                Ok(()) => placed(Placed {
                    planned: file.planned,
                    meta: file.meta,
                }),
                Err(error) => {
                    outcome = Err(error);
                    self.files.push(file);
                    break;
                }
            }
        }
        // What is left is for clear() to remove.
        self.files.extend(rest);
        // Also after a failure: what has its name should keep it.
        for folder in &changed {
            let synced = self.actions.sync_directory(folder);
            outcome = outcome.and(synced);
        }
        outcome
    }

    fn rename(&self, file: &StagedFile<'_>, changed: &mut Vec<Directory>) -> Result<(), HostError> {
        let path = RootPath::from(file.planned.path);
        let folder = open(self.root, &path.parent())?;
        let Some((_, stage)) = self.folders.get(&file.place) else {
            return Ok(());
        };
        self.actions
            .rename(stage, &file.name, &folder, path.file_name())?;
        if !changed.iter().any(|known| known.path() == folder.path()) {
            changed.push(folder);
        }
        Ok(())
    }

    /// Removes what is left of the stage.
    ///
    /// # Errors
    /// The first [`HostError`]; the rest is tried all the same.
    pub(crate) fn clear(self) -> Result<(), HostError> {
        let mut outcome = Ok(());
        for file in &self.files {
            if let Some((_, stage)) = self.folders.get(&file.place) {
                outcome = outcome.and(self.actions.remove_file(stage, &file.name));
            }
        }
        for (place, (name, _)) in &self.folders {
            let removed = open(self.root, place)
                .and_then(|folder| self.actions.remove_directory(&folder, name));
            outcome = outcome.and(removed);
        }
        outcome
    }
}

/// The owner to give a file: without privileges there is no choice.
pub(crate) const fn owner_to_set(root: &Root, planned: Owner) -> Option<Owner> {
    if root.is_privileged() {
        Some(planned)
    } else {
        None
    }
}

/// Removes temporary files and folders that a killed run left in `folder`. Called with the lock held.
///
/// # Errors
/// [`HostError`].
pub(crate) fn clear_leftovers(
    root: &Root,
    actions: &Actions,
    folder: &RootPath,
) -> Result<(), HostError> {
    let Some(folder) = root.open_directory(folder)? else {
        return Ok(());
    };
    for name in folder
        .names()?
        .iter()
        .filter(|name| is_temporary_name(name))
    {
        match folder.inspect(name)? {
            Found::File(meta) if meta.owner.uid == root.invoker().uid => {
                actions.remove_file(&folder, name)?;
            }
            Found::Directory(meta) if meta.owner.uid == root.invoker().uid => {
                let Some(stage) = folder.open(name)? else {
                    continue;
                };
                // A folder whose run was stopped before it got its mode may not be listed; it is empty.
                for file in stage.names().unwrap_or_default() {
                    actions.remove_file(&stage, &file)?;
                }
                actions.remove_directory(&folder, name)?;
            }
            // Somebody else's, whatever it is called.
            _ => {}
        }
    }
    Ok(())
}

//! The change of one file that a live step makes itself: another content, or none.
//!
//! In: the step's request, the run that is open (one is begun if none is). Out: the change committed as every other one
//! ([`super::commit`]): recorded first (record `filled`, with a transaction of the step's own kind as name), the old bytes kept among the
//! run's backups, then one exchange of names. A run that is killed on the way finds the file as before or as after, and a rollback brings it
//! back.

use kubeplan_bundle::index::{Content, Entry, EntryName, Place};
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;

use super::attributes::LIMIT;
use super::commit;
use super::filled::{NONE_OPEN, Trouble};
use super::record::ensure_salt;
use super::stage;
use super::steps::Recorder;
use crate::host::{FileMeta, Found, HostError, RootPath};
use crate::state::journal::record::{Bits, Change, FileState, PlannedChanges, Record};
use crate::steps::Removal;

/// What is at a path.
enum There {
    Missing,
    File(FileMeta, SecretBytes),
    Other,
}

impl Recorder<'_, '_> {
    /// The run in whose journal a change is recorded; begun if none is open.
    pub(super) fn open_run(&mut self) -> Result<u32, Trouble> {
        if let Some(run) = self.steps.run.get() {
            return Ok(run);
        }
        let late = self.steps.late.ok_or(NONE_OPEN)?;
        let run = late.begin_late(self.memory)?;
        self.steps.run.set(Some(run));
        Ok(run)
    }

    pub(super) fn replace_own(
        &mut self,
        position: usize,
        path: &HostPath,
        (old, new): (&SecretBytes, &SecretBytes),
        mode: u32,
    ) -> Result<(), Trouble> {
        let There::File(meta, found) = self.there(path)? else {
            return Err("it is not a file".into());
        };
        if found.expose() != old.expose() {
            return Err("it was changed since it was read".into());
        }
        let run = self.open_run()?;
        let backup = self.next_backup(run)?;
        let salt = self.memory.salt.as_ref().ok_or(NO_KEY)?;
        let before = FileState::of(meta, salt.digest(found.expose()));
        let change = Change::Edit {
            path: path.clone(),
            after: FileState {
                digest: salt.digest(new.expose()),
                mode: Bits::new(mode),
                ..before.clone()
            },
            before,
            backup,
        };
        self.commit_own(position, run, change, (&found, Some(new)))
    }

    pub(super) fn remove_own(
        &mut self,
        position: usize,
        path: &HostPath,
    ) -> Result<Removal, Trouble> {
        let (meta, found) = match self.there(path)? {
            There::Missing => return Ok(Removal::Missing),
            There::Other => return Ok(Removal::Left("it is not a file")),
            There::File(meta, found) => (meta, found),
        };
        let index = self.steps.index;
        let of_bundle =
            |entry: &&Entry| matches!(&entry.place, Place::File(at) if at.path == *path);
        let Some(entry) = index.entries.iter().find(of_bundle) else {
            return Ok(Removal::Left("it is not a file of this bundle"));
        };
        if !self.is_ours(entry, path, &found)? {
            return Ok(Removal::Left("it is not as it was installed"));
        }
        let run = self.open_run()?;
        let backup = self.next_backup(run)?;
        let salt = self.memory.salt.as_ref().ok_or(NO_KEY)?;
        let change = Change::Remove {
            path: path.clone(),
            before: FileState::of(meta, salt.digest(found.expose())),
            backup,
        };
        self.commit_own(position, run, change, (&found, None))?;
        Ok(Removal::Done)
    }

    /// Whether the bytes are those of the bundle, or those that an installation of this node brought here.
    fn is_ours(
        &self,
        entry: &Entry,
        path: &HostPath,
        found: &SecretBytes,
    ) -> Result<bool, Trouble> {
        let contents = self.steps.contents;
        let planned = |name: &EntryName| match &entry.content {
            Content::None => None,
            Content::Public(_) => contents.public(name),
            Content::Sealed(_) => contents.secret(name),
        };
        if planned(&entry.name) == Some(found.expose()) {
            return Ok(true);
        }
        let index = self.steps.index;
        let installed = self.memory.as_installed();
        let record = installed
            .node(&index.cluster, &index.node.name)
            .and_then(|node| node.files.get(path))
            .and_then(|file| file.current.as_ref());
        Ok(match record {
            Some(record) => record
                .digest
                .matches(found.expose(), self.memory.salt.as_ref())?,
            None => false,
        })
    }

    fn there(&self, path: &HostPath) -> Result<There, Trouble> {
        let path = RootPath::from(path);
        let directory = match self.steps.root.open_directory(&path.parent()) {
            Ok(Some(directory)) => directory,
            Ok(None) => return Ok(There::Missing),
            Err(HostError::Link { .. } | HostError::NotADirectory { .. }) => {
                return Ok(There::Other);
            }
            Err(error) => return Err(error.into()),
        };
        match directory.inspect(path.file_name())? {
            Found::Missing => return Ok(There::Missing),
            Found::File(_) => {}
            Found::Directory(_) | Found::Link | Found::Special(_) => return Ok(There::Other),
        }
        // Mode, owner and bytes are those of one file, whatever becomes of its name.
        let Some(found) = directory.content(path.file_name(), LIMIT)? else {
            return Ok(There::Missing);
        };
        let bytes = found
            .bytes
            .ok_or("it is larger than any file of a bundle")?;
        Ok(There::File(found.meta, bytes))
    }

    /// Makes the key of recorded digests if there is none, and says how the next backup is called.
    fn next_backup(&mut self, run: u32) -> Result<u32, Trouble> {
        ensure_salt(self.memory, self.steps.root, self.steps.actions)?;
        let run = self.memory.runs.get(run).ok_or(NONE_OPEN)?;
        Ok(run.next_backup())
    }

    fn commit_own(
        &mut self,
        position: usize,
        number: u32,
        change: Change,
        (old, new): (&SecretBytes, Option<&SecretBytes>),
    ) -> Result<(), Trouble> {
        let steps = self.steps;
        let step = steps
            .index
            .steps
            .get(position)
            .ok_or("the bundle has no such step")?;
        let run = self.memory.runs.get(number).ok_or(NONE_OPEN)?;
        let directories: Vec<RootPath> = run.begin.directories.iter().map(RootPath::from).collect();
        let planned = PlannedChanges {
            number: run.next_transaction(),
            name: step
                .kind()
                .word()
                .parse()
                .map_err(|_| "a kind of step is not a name")?,
            phase: step.phase().clone(),
            changes: vec![change.clone()],
        };
        let transaction = planned.number;
        let name = planned.name.clone();
        let record = Record::Filled {
            time: self.clock.now().ok_or("the system's clock has no time")?,
            transactions: vec![planned],
        };
        self.record(number, record)?;
        let place = stage::Place {
            root: steps.root,
            actions: steps.actions,
            salt: self.memory.salt.as_ref(),
        };
        let bytes = (old.expose(), new.map(SecretBytes::expose));
        let runs = &mut self.memory.runs;
        commit::commit_own(
            place,
            runs,
            number,
            transaction,
            &change,
            bytes,
            &directories,
        )
        .map_err(|stopped| stopped.advice(&name).into())
    }
}

const NO_KEY: &str = "there is no key for the digests of the journal";

#[cfg(test)]
mod tests;

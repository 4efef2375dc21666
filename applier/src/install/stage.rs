//! Files on their way: written and synced beside the destination tree before any of them gets its name.
//!
//! A stage is a directory of mode 0700 with a random name. It lies beside the bundle's topmost directory that contains the
//! file, never in a directory of the bundle, so a program that watches one of them never sees it. Where that is another
//! mount it lies in the outermost directory from which the file can be renamed to its place; a file in no directory of the
//! bundle is staged in the directory it goes to.
//!
//! A file is replaced by exchanging names: what was there is in the stage afterwards, and is compared with what was expected. If it is
//! something else, the exchange is taken back. A file that must not exist gets its name only if nothing has it. So
//! nothing that others wrote is lost, whenever they write it.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::with_causes;

use super::attributes::{LIMIT, owner_fits};
use crate::host::durable::{is_temporary_name, left_alone, many_left_alone};
use crate::host::ensure::open;
use crate::host::path::is_own;
use crate::host::{
    Actions, Attributes, Content, Directory, Found, HostError, Owner, Placing, Root, RootPath,
};
use crate::state::StateError;
use crate::state::journal::record::FileState;
use crate::state::memory::Memory;
use crate::state::salt::Salt;

/// The host, for those who change it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Where.
    pub(crate) root: &'a Root,
    /// How.
    pub(crate) actions: &'a Actions,
    /// The key of recorded digests.
    pub(crate) salt: Option<&'a Salt>,
}

impl<'a> Place<'a> {
    /// The host at `root`, whose records are in `memory`.
    pub(crate) const fn of(memory: &'a Memory, root: &'a Root, actions: &'a Actions) -> Self {
        Self {
            root,
            actions,
            salt: memory.salt.as_ref(),
        }
    }
}

/// A change of one file: from what is expected to be there to what is to be there. `None` stands for no file.
pub(crate) struct Swap<'a> {
    /// Where.
    pub(crate) path: RootPath,
    /// What is there.
    pub(crate) expected: Option<&'a FileState>,
    /// What is to be there.
    pub(crate) new: Option<NewFile<'a>>,
}

/// A file to be written.
pub(crate) struct NewFile<'a> {
    /// The bytes.
    pub(crate) bytes: &'a [u8],
    /// Permission bits.
    pub(crate) mode: u32,
    /// Owner, if it can be chosen.
    pub(crate) owner: Owner,
    /// Extended attributes besides those that the place gives.
    pub(crate) attributes: Attributes,
}

/// The staged files of one transaction.
pub(crate) struct Stage<'a> {
    place: Place<'a>,
    bundle_directories: &'a [RootPath],
    /// Open stages by the directory they lie in.
    directories: BTreeMap<RootPath, (String, Directory)>,
    files: Vec<Staged<'a>>,
}

struct Staged<'a> {
    path: RootPath,
    expected: Option<&'a FileState>,
    is_new: bool,
    /// The directory whose stage it is in; its name there is its number.
    beside: RootPath,
}

impl<'a> Stage<'a> {
    /// An empty stage.
    pub(crate) const fn new(place: Place<'a>, bundle_directories: &'a [RootPath]) -> Self {
        Self {
            place,
            bundle_directories,
            directories: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    /// Writes and syncs the new file, if there is one; its destination's directory must exist.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn add(&mut self, swap: Swap<'a>) -> Result<(), HostError> {
        let beside = self.beside(&swap.path)?;
        if !self.directories.contains_key(&beside) {
            let directory = open(self.place.root, &beside)?;
            let stage = self.place.actions.create_stage(&directory)?;
            self.directories.insert(beside.clone(), stage);
        }
        let name = self.files.len().to_string();
        if let (Some(new), Some((_, stage))) = (&swap.new, self.directories.get(&beside)) {
            let owner = self.place.root.is_privileged().then_some(new.owner);
            self.place.actions.create_with(
                stage,
                &name,
                new.bytes,
                (new.mode, owner),
                &new.attributes,
            )?;
        }
        self.files.push(Staged {
            path: swap.path,
            expected: swap.expected,
            is_new: swap.new.is_some(),
            beside,
        });
        Ok(())
    }

    /// The directory whose stage this file goes to.
    fn beside(&self, path: &RootPath) -> Result<RootPath, HostError> {
        let mount = open(self.place.root, &path.parent())?.mount()?;
        let ancestors = path.ancestors();
        let ours = |directory: &&RootPath| self.bundle_directories.contains(directory);
        let outside = ancestors.iter().find(ours).map(RootPath::parent);
        let below = ancestors.iter().filter(ours).cloned();
        for directory in outside.into_iter().chain(below) {
            if open(self.place.root, &directory)?.mount()? == mount {
                return Ok(directory);
            }
        }
        Ok(path.parent())
    }

    /// Brings every file to its place, in order, and syncs the directories. Returns those that others had changed: they are
    /// left as they are. With `until_refused` it ends at the first of them.
    ///
    /// # Errors
    /// [`StateError`]; what has its place stays there.
    pub(crate) fn commit(&self, until_refused: bool) -> Result<Vec<RootPath>, StateError> {
        let mut changed: Vec<Directory> = Vec::new();
        let mut refused = Vec::new();
        let mut outcome = Ok(());
        for (number, file) in self.files.iter().enumerate() {
            match self.swap(number, file) {
                Ok(Some(directory)) => {
                    if !changed.iter().any(|known| known.path() == directory.path()) {
                        changed.push(directory);
                    }
                }
                Ok(None) => {
                    refused.push(file.path.clone());
                    if until_refused {
                        break;
                    }
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Also after a failure: what has its place should keep it.
        for directory in &changed {
            let synced = self.place.actions.sync_directory(directory);
            outcome = outcome.and(synced.map_err(StateError::from));
        }
        outcome.map(|()| refused)
    }

    /// Returns the directory that changed; `None` if others had changed the file.
    fn swap(&self, number: usize, file: &Staged<'_>) -> Result<Option<Directory>, StateError> {
        let Place { root, actions, .. } = self.place;
        let staged = number.to_string();
        let name = file.path.file_name();
        let directory = match open(root, &file.path.parent()) {
            Ok(directory) => directory,
            Err(_) if !file.is_new => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some((_, stage)) = self.directories.get(&file.beside) else {
            return Ok(None);
        };
        let done = match (file.expected, file.is_new) {
            (None, _) => actions.place(stage, &staged, &directory, name)? == Placing::Done,
            (Some(expected), true) => {
                if actions.exchange(stage, &staged, &directory, name)? {
                    let as_expected = self.place.is_as(stage, &staged, expected)?;
                    if !as_expected {
                        actions.exchange(stage, &staged, &directory, name)?;
                    }
                    as_expected
                } else if actions.has_no_flags() && self.place.is_as(&directory, name, expected)? {
                    // A write between these two steps is lost: such a file system offers no better way.
                    actions.rename(stage, &staged, &directory, name)?;
                    true
                } else {
                    false
                }
            }
            (Some(expected), false) => {
                if actions.place(&directory, name, stage, &staged)? == Placing::Done {
                    let as_expected = self.place.is_as(stage, &staged, expected)?;
                    if !as_expected {
                        actions.place(stage, &staged, &directory, name)?;
                    }
                    as_expected
                } else {
                    false
                }
            }
        };
        Ok(done.then_some(directory))
    }

    /// Removes what is left of the stage, durably.
    ///
    /// # Errors
    /// The first [`HostError`]; the rest is tried all the same.
    pub(crate) fn clear(self) -> Result<(), HostError> {
        let mut outcome = Ok(());
        for (beside, (name, stage)) in &self.directories {
            let removed = self.remove(beside, name, stage);
            outcome = outcome.and(removed);
        }
        outcome
    }

    fn remove(&self, beside: &RootPath, name: &str, stage: &Directory) -> Result<(), HostError> {
        let directory = open(self.place.root, beside)?;
        self.place.actions.remove_stage(&directory, name, stage)
    }
}

impl Place<'_> {
    /// The extended attributes of the file at `path` that outlive a change; none if the file is not in this state any more, which the exchange
    /// of names finds. They are those of the file that was compared, whatever becomes of its name.
    ///
    /// # Errors
    /// [`StateError`] if it cannot be looked at.
    pub(crate) fn attributes(
        &self,
        path: &RootPath,
        state: &FileState,
    ) -> Result<Attributes, StateError> {
        let Some(directory) = self.root.open_directory(&path.parent())? else {
            return Ok(Attributes::default());
        };
        match directory.content_and_attributes(path.file_name(), LIMIT) {
            Ok(Some((found, attributes))) if self.fits(&found, state)? => Ok(attributes),
            Ok(_) | Err(HostError::NotAFile { .. }) => Ok(Attributes::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Those of [`Self::attributes`] that the file has with another content. What is lost is among the remarks.
    pub(crate) fn for_other_content(&self, old: Attributes) -> Attributes {
        let (new, remarks) = old.for_other_content();
        for remark in remarks {
            self.actions.remark(remark);
        }
        new
    }

    /// Whether the file `name` is in this state.
    ///
    /// # Errors
    /// [`StateError`] if it cannot be looked at, or the state not be compared.
    pub(crate) fn is_as(
        &self,
        directory: &Directory,
        name: &str,
        state: &FileState,
    ) -> Result<bool, StateError> {
        // One look at one file: between two, the name could be given to another one.
        let found = match directory.content(name, LIMIT) {
            Err(HostError::NotAFile { .. }) | Ok(None) => return Ok(false),
            Ok(Some(found)) => found,
            Err(error) => return Err(error.into()),
        };
        self.fits(&found, state)
    }

    fn fits(&self, found: &Content, state: &FileState) -> Result<bool, StateError> {
        let meta = found.meta;
        if meta.mode != state.mode.get() || !owner_fits(self.root, meta.owner, state.owner()) {
            return Ok(false);
        }
        match &found.bytes {
            Some(bytes) => state.digest.matches(bytes.expose(), self.salt),
            None => Ok(false),
        }
    }

    /// The bytes of a file; `None` if there is none, or it is larger than any file of ours.
    pub(crate) fn read(
        &self,
        directory: &Directory,
        name: &str,
    ) -> Result<Option<SecretBytes>, HostError> {
        match directory.read(name, LIMIT) {
            Err(HostError::TooLarge { .. }) => Ok(None),
            other => other,
        }
    }

    /// Removes what the remembered runs left unfinished in these directories and in all that they lie in. What only has such a name, or
    /// cannot be removed, is named among the remarks and stops nothing.
    ///
    /// # Errors
    /// [`HostError::Stopped`] only.
    pub(crate) fn clear_leftovers(
        &self,
        below: impl IntoIterator<Item = RootPath>,
    ) -> Result<(), HostError> {
        let mut directories = vec![RootPath::fixed("/")];
        for directory in below {
            directories.extend(directory.ancestors());
            directories.push(directory);
        }
        directories.sort();
        directories.dedup();
        for directory in &directories {
            match clear_leftovers(self.root, self.actions, directory) {
                Err(error @ HostError::Stopped { .. }) => return Err(error),
                Err(error) => self.actions.remark(format!(
                    "what a stopped run may have left in `{directory}` is not removed: {}",
                    with_causes(&error)
                )),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

fn clear_leftovers(root: &Root, actions: &Actions, path: &RootPath) -> Result<(), HostError> {
    let directory = match root.open_directory(path) {
        Ok(Some(directory)) => directory,
        // No stage was ever made where no directory is.
        Ok(None) => return Ok(()),
        Err(error) if error.is_of_the_way() => return Ok(()),
        Err(error) => return Err(error),
    };
    // What is in this program's own directories is its own, whatever run made it.
    let own = is_own(path);
    // Any user can make such names by the thousand in a directory of theirs: they are counted, not kept.
    let mut count = 0_u64;
    let mut last = String::new();
    let names = directory.names_that(|name| {
        let temporary = is_temporary_name(name);
        let ours = temporary && (own || actions.is_leftover(name));
        if temporary && !ours {
            count += 1;
            name.clone_into(&mut last);
        }
        ours
    })?;
    let mut failed = false;
    for name in names {
        match clear_leftover(root, actions, &directory, &name, own) {
            Ok(true) => {}
            Ok(false) => {
                count += 1;
                last = name;
            }
            Err(error @ HostError::Stopped { .. }) => return Err(error),
            // One for all: the others are likely to fail alike.
            Err(error) if !failed => {
                failed = true;
                actions.remark(format!(
                    "`{}`, which a stopped run left, is not removed: {}",
                    directory.path().join(&name),
                    with_causes(&error)
                ));
            }
            Err(_) => {}
        }
    }
    match count {
        0 => {}
        1 => actions.remark(left_alone(&directory, &last)),
        _ => actions.remark(many_left_alone(&directory, count)),
    }
    Ok(())
}

/// Removes what has a temporary name, if it is as a run of this program makes it. Returns whether it is gone.
fn clear_leftover(
    root: &Root,
    actions: &Actions,
    directory: &Directory,
    name: &str,
    own: bool,
) -> Result<bool, HostError> {
    let ours = root.invoker().uid;
    match directory.inspect(name)? {
        Found::Missing => Ok(true),
        // Only this program's own files are written under a temporary name; those of a bundle lie in stages.
        Found::File(meta) if own && meta.owner.uid == ours => {
            actions.remove_file(directory, name)?;
            Ok(true)
        }
        Found::Directory(_) => {
            let Some(stage) = directory.open(name)? else {
                return Ok(true);
            };
            if stage.is_stage_of(ours)? {
                for file in stage.names().unwrap_or_default() {
                    actions.remove_file(&stage, &file)?;
                }
            } else if stage.meta()?.owner.uid != ours && !root.is_privileged() {
                return Ok(false);
            }
            // A directory on its way, which may have its mode and owner already, is empty; another one is not removed.
            match actions.remove_directory(directory, name) {
                Ok(()) => Ok(true),
                Err(HostError::Io { source, .. })
                    if source.kind() == ErrorKind::DirectoryNotEmpty =>
                {
                    Ok(false)
                }
                Err(error) => Err(error),
            }
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests build and look at the tree they test"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use kubeplan_bundle::digest::Sha256Digest;

    use super::*;
    use crate::state::journal::record::Bits;
    use crate::state::salt::RecordedDigest;

    /// What others write between the comparison and the exchange is there afterwards, whatever was to be done.
    #[test]
    fn what_others_write_at_the_last_moment_is_not_lost() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("etc/app")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let actions = Actions::default();
        let place = Place {
            root: &root,
            actions: &actions,
            salt: None,
        };
        let file = directory.path().join("etc/app/f");
        let expected = FileState {
            digest: RecordedDigest::Sha256(Sha256Digest::of(b"old")),
            mode: Bits::new(0o640),
            uid: root.invoker().uid,
            gid: root.invoker().gid,
        };
        let ours = [RootPath::fixed("/etc/app")];
        // There before, there afterwards; what is on the host; whether it is done, and what is there then.
        let cases = [
            (true, true, Some(("old", 0o640)), true, Some("new")),
            (true, true, Some(("theirs", 0o640)), false, Some("theirs")),
            (true, true, Some(("old", 0o644)), false, Some("old")),
            (true, true, None, false, None),
            (true, false, Some(("old", 0o640)), true, None),
            (true, false, Some(("theirs", 0o640)), false, Some("theirs")),
            (true, false, None, false, None),
            (false, true, None, true, Some("new")),
            (false, true, Some(("theirs", 0o600)), false, Some("theirs")),
        ];
        for (number, (before, after, host, done, content)) in cases.into_iter().enumerate() {
            let _ = fs::remove_file(&file);
            if let Some((text, mode)) = host {
                fs::write(&file, text).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            }
            let mut stage = Stage::new(place, &ours);
            let swap = Swap {
                path: RootPath::fixed("/etc/app/f"),
                expected: before.then_some(&expected),
                new: after.then_some(NewFile {
                    bytes: b"new",
                    mode: 0o600,
                    owner: root.invoker(),
                    attributes: Attributes::default(),
                }),
            };
            stage.add(swap).unwrap();
            assert_eq!(
                fs::read_dir(directory.path().join("etc/app"))
                    .unwrap()
                    .count(),
                usize::from(host.is_some())
            );
            let refused = stage.commit(true).unwrap();
            assert_eq!(refused.is_empty(), done, "case {number}");
            stage.clear().unwrap();
            assert_eq!(
                fs::read_to_string(&file).ok().as_deref(),
                content,
                "case {number}"
            );
            if let (false, Some((_, mode))) = (done, host) {
                let found = fs::metadata(&file).unwrap().permissions().mode();
                assert_eq!(found & 0o7777, mode, "case {number}");
            }
            assert_eq!(
                fs::read_dir(directory.path().join("etc")).unwrap().count(),
                1
            );
        }
    }
}

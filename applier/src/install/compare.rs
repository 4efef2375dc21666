//! Bundle, record and host: what to do with each file and directory.
//!
//! In: the planned files, the record of the last installation, the host. Out: one [`Item`] for each, all findings
//! at once; nothing is changed.
//!
//! | host | recorded | what happens |
//! |---|---|---|
//! | nothing there | – | create; but what a step of this plan took away after use is left |
//! | as planned (bytes, mode, owner) | yes / no | unchanged / adopt: only the record changes |
//! | as recorded | yes | update |
//! | otherwise | yes, and handed off | left to its new owner, whatever is allowed |
//! | otherwise | yes | drift: left, unless overwriting this path is allowed |
//! | otherwise | no | foreign: the installation is refused, unless overwriting this path is allowed |
//! | a link, a directory, a FIFO, a device | – | the installation is refused |
//!
//! A file with a hole is as planned if it is the entry's text with a value where the placeholder was: the one that was recorded when it was
//! filled, or any that could be one if the file was never recorded. What fills it is only known when its transaction is
//! committed ([`super::filled`]).
//!
//! A directory that exists keeps its mode and owner, as with kubeadm, and the difference is reported. A link to a
//! directory stands for that directory if links on the way to a file would be followed there.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::index::{Index, Place};
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;

use super::attributes::{LIMIT, file_mode, owner_fits};
use super::done_steps;
use super::drift::{self, Suspect};
use super::planned::{PlannedDirectory, PlannedEntry, PlannedFile, PlannedTransaction};
use crate::host::{Content, Directory, FileMeta, Found, HostError, Owner, Root, RootPath};
use crate::state::StateError;
use crate::state::installed::{FileRecord, Installed, InstalledNode};
use crate::state::memory::Memory;
use crate::state::salt::Salt;
use crate::steps::holes;

/// What to do with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileAction {
    /// Nothing is there: write it.
    Create,
    /// It is as it was installed: replace it.
    Update,
    /// It was changed by others or is not ours, and the operator allows to replace it.
    Overwrite,
    /// It is as planned.
    Unchanged,
    /// It is as planned, but was not installed by us: record it.
    Adopt,
    /// Its new owner changed it.
    HandedOff,
    /// It was changed by others: leave it.
    Drift,
    /// It is not ours: refuse.
    Foreign,
    /// Something is in the way: refuse.
    Obstacle(String),
}

/// What to do with a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DirectoryAction {
    /// Nothing is there: make it.
    Create,
    /// It is as planned.
    Unchanged,
    /// It exists otherwise: leave it; says how it differs.
    Left(String),
    /// Something is in the way: refuse.
    Obstacle(String),
}

/// What is at a file's place on the host.
#[derive(Debug)]
pub(crate) struct HostFile {
    /// Mode and owner.
    pub(crate) meta: FileMeta,
    /// The bytes; `None` if there are too many.
    pub(crate) bytes: Option<SecretBytes>,
}

/// A planned file and what to do with it.
#[derive(Debug)]
pub(crate) struct FileItem<'a> {
    /// What is planned.
    pub(crate) planned: PlannedFile<'a>,
    /// What to do.
    pub(crate) action: FileAction,
    /// In what the host's file differs from the plan: `content`, `mode`, `owner`.
    pub(crate) differs: Vec<&'static str>,
    /// The host's file.
    pub(crate) host: Option<HostFile>,
    /// Who could have changed it, if others did.
    pub(crate) suspect: Option<Suspect>,
}

impl FileItem<'_> {
    /// Whether the host's file has a set-user-ID, set-group-ID or sticky bit: no copy of such a file is kept, so it is not
    /// overwritten.
    pub(crate) fn has_special_bits(&self) -> bool {
        self.host
            .as_ref()
            .is_some_and(|host| file_mode(host.meta).is_none())
    }
}

/// A planned directory and what to do with it.
#[derive(Debug)]
pub(crate) struct DirectoryItem<'a> {
    /// What is planned.
    pub(crate) planned: PlannedDirectory<'a>,
    /// What to do.
    pub(crate) action: DirectoryAction,
}

/// A file or a directory.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    /// A file.
    File(FileItem<'a>),
    /// A directory.
    Directory(DirectoryItem<'a>),
}

/// A transaction with what to do for each entry.
#[derive(Debug)]
pub(crate) struct ComparedTransaction<'a> {
    /// What is planned.
    pub(crate) planned: &'a PlannedTransaction<'a>,
    /// Its entries in commit order.
    pub(crate) items: Vec<Item<'a>>,
}

/// The whole comparison.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    /// The transactions in step order.
    pub(crate) transactions: Vec<ComparedTransaction<'a>>,
    /// Missing directories on the way that the bundle does not name; made with mode 0755.
    pub(crate) parents: Vec<RootPath>,
    /// Files that were installed and are no longer part of the plan; left as they are.
    pub(crate) orphans: Vec<HostPath>,
}

/// What became of an installed file.
#[derive(Clone, Copy)]
enum Since {
    /// It is as it was installed, or as a stopped run was about to install it.
    AsInstalled,
    /// Others changed it.
    Changed,
}

/// What the comparison may rely on.
pub(crate) struct Comparer<'a> {
    /// The host.
    pub(crate) root: &'a Root,
    /// The record of the last installation.
    pub(crate) record: Option<&'a InstalledNode>,
    /// The key of the record.
    pub(crate) salt: Option<&'a Salt>,
    /// Paths that may be overwritten although others changed them.
    pub(crate) overwrite: &'a BTreeSet<HostPath>,
    /// Files that steps of this plan took away after use.
    pub(crate) used_up: BTreeSet<&'a HostPath>,
    /// The files of the whole plan, of which a part may be compared.
    pub(crate) whole: BTreeSet<&'a HostPath>,
}

impl<'a> Comparer<'a> {
    /// Compares what is planned with what `installed` says of this node and with the host.
    pub(super) fn of(
        memory: &'a Memory,
        root: &'a Root,
        index: &'a Index,
        installed: &'a Installed,
        overwrite: &'a BTreeSet<HostPath>,
    ) -> Self {
        let files = index.entries.iter().filter_map(|entry| match &entry.place {
            Place::File(placement) => Some(&placement.path),
            Place::Directory(_) | Place::Object | Place::Payload => None,
        });
        Self {
            root,
            record: installed.node(&index.cluster, &index.node.name),
            salt: memory.salt.as_ref(),
            overwrite,
            used_up: done_steps::used_up(index, &done_steps::done_before(memory, index)),
            whole: files.collect(),
        }
    }
}

impl FileAction {
    /// Whether the file is written.
    pub(crate) const fn writes(&self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Overwrite)
    }

    /// Whether the installation is refused.
    pub(crate) const fn refuses(&self) -> bool {
        matches!(self, Self::Foreign | Self::Obstacle(_))
    }

    /// One word for reports.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Overwrite => "overwrite",
            Self::Unchanged => "unchanged",
            Self::Adopt => "adopt",
            Self::HandedOff => "handed-off",
            Self::Drift => "drift",
            Self::Foreign => "foreign",
            Self::Obstacle(_) => "obstacle",
        }
    }
}

impl DirectoryAction {
    /// One word for reports.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Unchanged => "unchanged",
            Self::Left(_) => "left",
            Self::Obstacle(_) => "obstacle",
        }
    }
}

impl Item<'_> {
    /// Whether this entry changes the host.
    pub(crate) const fn writes(&self) -> bool {
        match self {
            Self::File(item) => item.action.writes(),
            Self::Directory(item) => matches!(item.action, DirectoryAction::Create),
        }
    }

    /// Whether the installation is refused because of this entry.
    pub(crate) const fn refuses(&self) -> bool {
        match self {
            Self::File(item) => item.action.refuses(),
            Self::Directory(item) => matches!(item.action, DirectoryAction::Obstacle(_)),
        }
    }

    /// Where.
    pub(crate) const fn path(&self) -> &HostPath {
        match self {
            Self::File(item) => item.planned.path,
            Self::Directory(item) => item.planned.path,
        }
    }
}

impl<'a> Comparison<'a> {
    /// Every entry in commit order.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item<'a>> {
        self.transactions
            .iter()
            .flat_map(|transaction| &transaction.items)
    }

    /// How many entries change the host.
    pub(crate) fn changes(&self) -> usize {
        self.items().filter(|item| item.writes()).count()
    }

    /// How many of them change it before the first live step.
    pub(crate) fn changes_before_live_steps(&self) -> usize {
        self.transactions
            .iter()
            .filter(|transaction| !transaction.planned.is_live)
            .flat_map(|transaction| &transaction.items)
            .filter(|item| item.writes())
            .count()
    }

    /// Whether the installation is refused.
    pub(crate) fn refuses(&self) -> bool {
        self.items().any(Item::refuses)
    }
}

impl Comparer<'_> {
    /// Compares everything.
    ///
    /// # Errors
    /// [`StateError`] if the host cannot be looked at, or the record cannot be used.
    pub(crate) fn compare<'a>(
        &self,
        planned: &'a [PlannedTransaction<'a>],
    ) -> Result<Comparison<'a>, StateError> {
        let mut transactions = Vec::new();
        for transaction in planned {
            let mut items = Vec::new();
            for entry in &transaction.entries {
                items.push(match entry {
                    PlannedEntry::File(file) => Item::File(self.compare_file(*file)?),
                    PlannedEntry::Directory(directory) => {
                        Item::Directory(self.compare_directory(*directory)?)
                    }
                });
            }
            transactions.push(ComparedTransaction {
                planned: transaction,
                items,
            });
        }
        let mut comparison = Comparison {
            transactions,
            parents: Vec::new(),
            orphans: Vec::new(),
        };
        comparison.parents = self.missing_parents(&comparison)?;
        comparison.orphans = self.orphans();
        Ok(comparison)
    }

    fn compare_file<'a>(&self, planned: PlannedFile<'a>) -> Result<FileItem<'a>, StateError> {
        let item = |action, differs, host| FileItem {
            planned,
            action,
            differs,
            host,
            suspect: None,
        };
        if let Some(reason) = not_an_owner(planned.owner) {
            return Ok(item(FileAction::Obstacle(reason), vec![], None));
        }
        let host = match look(self.root, planned.path)? {
            Look::Missing if self.used_up.contains(planned.path) => {
                return Ok(item(FileAction::HandedOff, vec![], None));
            }
            Look::Missing => return Ok(item(FileAction::Create, vec![], None)),
            Look::Obstacle(reason) => {
                return Ok(item(FileAction::Obstacle(reason), vec![], None));
            }
            Look::Found(dir, Found::File(_)) => {
                if dir.is_mount_point(RootPath::from(planned.path).file_name())? {
                    let reason = "something is mounted on it; unmount that first".to_owned();
                    return Ok(item(FileAction::Obstacle(reason), vec![], None));
                }
                // Mode, owner and bytes are those of one file, whatever becomes of its name.
                match dir.content(RootPath::from(planned.path).file_name(), LIMIT)? {
                    Some(Content { meta, bytes }) => HostFile { meta, bytes },
                    None => return Ok(item(FileAction::Create, vec![], None)),
                }
            }
            Look::Found(_, other) => {
                let reason = format!("{} is where the file should be", describe(other));
                return Ok(item(FileAction::Obstacle(reason), vec![], None));
            }
        };
        let meta = host.meta;
        let installed = self.installed(planned.path, &host)?;
        let mut differs = Vec::new();
        let as_planned = match (planned.hole, &host.bytes) {
            (_, None) => false,
            (None, Some(bytes)) => bytes.expose() == planned.bytes,
            (Some(hole), Some(bytes)) => {
                // Filled from exactly this entry, and as it was filled then.
                holes::is_filled(planned.bytes, hole.placeholder(), bytes.expose())
                    && !matches!(installed, Some(Since::Changed))
            }
        };
        if !as_planned {
            differs.push("content");
        }
        if meta.mode != u32::from(planned.mode.bits()) {
            differs.push("mode");
        }
        if !owner_fits(self.root, meta.owner, planned.owner) {
            differs.push("owner");
        }
        let action = match (installed, differs.is_empty()) {
            (Some(_), true) => FileAction::Unchanged,
            (None, true) => FileAction::Adopt,
            (Some(_), false) if planned.handoff => FileAction::HandedOff,
            (Some(Since::AsInstalled), false) => FileAction::Update,
            _ if self.overwrite.contains(planned.path) && host.bytes.is_none() => {
                FileAction::Obstacle("it is too large to keep a copy of; move it away".into())
            }
            // No copy of it could be brought back as it was: see `Bits`.
            _ if self.overwrite.contains(planned.path) && file_mode(meta).is_none() => {
                FileAction::Obstacle("it has a set-user-ID, set-group-ID or sticky bit".into())
            }
            _ if self.overwrite.contains(planned.path) => FileAction::Overwrite,
            (Some(Since::Changed), false) => FileAction::Drift,
            (None, false) => FileAction::Foreign,
        };
        let suspect = match (&action, self.record) {
            (FileAction::Drift, Some(record)) => {
                let bytes = host.bytes.as_ref().map(SecretBytes::expose);
                Some(drift::suspect(
                    self.root,
                    record,
                    self.salt,
                    planned.path,
                    bytes,
                ))
            }
            _ => None,
        };
        Ok(FileItem {
            suspect,
            ..item(action, differs, Some(host))
        })
    }

    /// Whether this file was installed here, and what became of it. `None`: it belongs to another program, also when a run
    /// was stopped before it could replace it.
    fn installed(&self, path: &HostPath, host: &HostFile) -> Result<Option<Since>, StateError> {
        let Some(recorded) = self.record.and_then(|record| record.files.get(path)) else {
            return Ok(None);
        };
        for record in [&recorded.current, &recorded.pending].into_iter().flatten() {
            if self.is_as_recorded(record, host)? {
                return Ok(Some(Since::AsInstalled));
            }
        }
        Ok(recorded.current.as_ref().map(|_| Since::Changed))
    }

    fn is_as_recorded(&self, record: &FileRecord, host: &HostFile) -> Result<bool, StateError> {
        let Some(bytes) = &host.bytes else {
            return Ok(false);
        };
        Ok(host.meta.mode == u32::from(record.mode.bits())
            && owner_fits(self.root, host.meta.owner, record.owner())
            && record.digest.matches(bytes.expose(), self.salt)?)
    }

    fn compare_directory<'a>(
        &self,
        planned: PlannedDirectory<'a>,
    ) -> Result<DirectoryItem<'a>, StateError> {
        if let Some(reason) = not_an_owner(planned.owner) {
            let action = DirectoryAction::Obstacle(reason);
            return Ok(DirectoryItem { planned, action });
        }
        let action = match look(self.root, planned.path)? {
            Look::Missing => DirectoryAction::Create,
            Look::Obstacle(reason) => DirectoryAction::Obstacle(reason),
            Look::Found(_, Found::Directory(meta)) => self.judge_directory(planned, meta, None),
            Look::Found(_, Found::Link) => {
                match self.root.open_directory(&RootPath::from(planned.path)) {
                    Ok(Some(dir)) => {
                        self.judge_directory(planned, dir.meta()?, Some("reached by a link"))
                    }
                    Ok(None) => {
                        DirectoryAction::Obstacle("a link to something that does not exist".into())
                    }
                    Err(error) if error.is_of_the_way() => {
                        DirectoryAction::Obstacle(error.to_string())
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Look::Found(_, other) => DirectoryAction::Obstacle(format!(
                "{} is where the directory should be",
                describe(other)
            )),
        };
        Ok(DirectoryItem { planned, action })
    }

    fn judge_directory(
        &self,
        planned: PlannedDirectory<'_>,
        meta: FileMeta,
        also: Option<&str>,
    ) -> DirectoryAction {
        let mut differs: Vec<String> = also.map(str::to_owned).into_iter().collect();
        if meta.mode != u32::from(planned.mode.bits()) {
            differs.push(format!(
                "mode {:04o} instead of {}",
                meta.mode, planned.mode
            ));
        }
        if !owner_fits(self.root, meta.owner, planned.owner) {
            differs.push(format!("owner {} instead of {}", meta.owner, planned.owner));
        }
        if differs.is_empty() {
            DirectoryAction::Unchanged
        } else {
            DirectoryAction::Left(differs.join(", "))
        }
    }

    fn missing_parents(&self, comparison: &Comparison<'_>) -> Result<Vec<RootPath>, HostError> {
        let planned: BTreeSet<RootPath> = comparison
            .items()
            .filter_map(|item| match item {
                Item::Directory(item) => Some(RootPath::from(item.planned.path)),
                Item::File(_) => None,
            })
            .collect();
        let mut known: BTreeMap<RootPath, bool> = BTreeMap::new();
        let mut parents = Vec::new();
        for item in comparison.items().filter(|item| item.writes()) {
            for dir in RootPath::from(item.path()).ancestors() {
                if planned.contains(&dir) || known.contains_key(&dir) {
                    continue;
                }
                let missing = self.root.open_directory(&dir)?.is_none();
                known.insert(dir.clone(), missing);
                if missing {
                    parents.push(dir);
                }
            }
        }
        Ok(parents)
    }

    fn orphans(&self) -> Vec<HostPath> {
        self.record
            .map(|record| {
                record
                    .files
                    .keys()
                    .filter(|path| !self.whole.contains(path))
                    .cloned()
                    .collect()
            })
            .unwrap_or_default()
    }
}

enum Look {
    Missing,
    Obstacle(String),
    /// The directory it is in, and what it is.
    Found(Directory, Found),
}

/// Why nothing can be given to this owner.
fn not_an_owner(owner: Owner) -> Option<String> {
    owner.is_unchanged().then(|| {
        format!("{owner} is not an owner: 4294967295 stands for \"leave it as it is\" when an owner is set")
    })
}

fn look(root: &Root, path: &HostPath) -> Result<Look, HostError> {
    let path = RootPath::from(path);
    let dir = match root.open_directory(&path.parent()) {
        Ok(Some(dir)) => dir,
        Ok(None) => return Ok(Look::Missing),
        Err(error) if error.is_of_the_way() => return Ok(Look::Obstacle(error.to_string())),
        Err(error) => return Err(error),
    };
    if let Err(error) = dir.check_name(path.file_name()) {
        return Ok(Look::Obstacle(error.to_string()));
    }
    Ok(match dir.inspect(path.file_name())? {
        Found::Missing => Look::Missing,
        found => Look::Found(dir, found),
    })
}

const fn describe(found: Found) -> &'static str {
    match found {
        Found::Missing => "nothing",
        Found::File(_) => "a file",
        Found::Directory(_) => "a directory",
        Found::Link => "a symbolic link",
        Found::Special(kind) => kind,
    }
}

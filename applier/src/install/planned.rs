//! What a trusted bundle puts on the host, in the order of its steps.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::index::{Content, Entry, EntryName, Hole, Index, Name, Place, SecretClass};
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::{PhaseName, Step};
use serde::Serialize;

use super::InstallError;
use crate::contents::Contents;
use crate::host::{Owner, RootPath};

/// The files and directories that one step brings to the host.
#[derive(Debug)]
pub(crate) struct PlannedTransaction<'a> {
    /// Position of the step that commits it, from 0.
    pub(crate) position: usize,
    /// Its name in the index.
    pub(crate) name: &'a Name,
    /// The phase of the step that commits it.
    pub(crate) phase: &'a PhaseName,
    /// Its entries in commit order.
    pub(crate) entries: Vec<PlannedEntry<'a>>,
    /// A live step commits it, once it knows what fills the holes of its files.
    pub(crate) is_live: bool,
}

/// A file or a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PlannedEntry<'a> {
    /// A file.
    File(PlannedFile<'a>),
    /// A directory.
    Directory(PlannedDirectory<'a>),
}

/// A file with everything that is to be written.
#[derive(Clone, Copy)]
pub(crate) struct PlannedFile<'a> {
    /// Where.
    pub(crate) path: &'a HostPath,
    /// Permission bits.
    pub(crate) mode: FileMode,
    /// Owner and group.
    pub(crate) owner: Owner,
    /// The bytes.
    pub(crate) bytes: &'a [u8],
    /// Set if the bytes must not be shown.
    pub(crate) secret: Option<PlannedSecret<'a>>,
    /// Another program owns the file once it is installed.
    pub(crate) handoff: bool,
    /// What only the running cluster knows, if the bytes have a placeholder for it.
    pub(crate) hole: Option<&'a Hole>,
}

/// What may be shown of a secret file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedSecret<'a> {
    /// How its twin was made.
    pub(crate) class: SecretClass,
    /// The twin: the same text with secret values replaced.
    pub(crate) twin: &'a [u8],
}

/// A directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedDirectory<'a> {
    /// Where.
    pub(crate) path: &'a HostPath,
    /// Permission bits.
    pub(crate) mode: FileMode,
    /// Owner and group.
    pub(crate) owner: Owner,
}

impl PlannedEntry<'_> {
    /// Where.
    pub(crate) const fn path(&self) -> &HostPath {
        match self {
            Self::File(file) => file.path,
            Self::Directory(directory) => directory.path,
        }
    }
}

impl std::fmt::Debug for PlannedFile<'_> {
    /// Without the bytes, which may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlannedFile")
            .field("path", &self.path)
            .field("mode", &self.mode)
            .field("owner", &self.owner)
            .field("size", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The bundle's transactions in the order of its steps.
///
/// # Errors
/// [`InstallError::NoContent`] if the bundle lacks the bytes of an entry, which its own checks rule out.
pub(crate) fn transactions<'a>(
    index: &'a Index,
    contents: &'a dyn Contents,
) -> Result<Vec<PlannedTransaction<'a>>, InstallError> {
    let entries: BTreeMap<&EntryName, &Entry> = index
        .entries
        .iter()
        .map(|entry| (&entry.name, entry))
        .collect();
    let mut planned = Vec::new();
    for (position, step) in index.steps.iter().enumerate() {
        let Some(transaction) = step.commits() else {
            continue;
        };
        let phase = step.phase();
        let found = index
            .transactions
            .iter()
            .find(|candidate| candidate.name == *transaction)
            .ok_or_else(|| missing(transaction))?;
        let entries = found
            .entries
            .iter()
            .map(|name| {
                entries
                    .get(name)
                    .and_then(|entry| plan_entry(entry, contents))
                    .ok_or_else(|| missing(name))
            })
            .collect::<Result<_, _>>()?;
        planned.push(PlannedTransaction {
            position,
            name: &found.name,
            phase,
            entries,
            is_live: step.is_live(),
        });
    }
    Ok(planned)
}

/// The chosen transactions, and of the others the directories in which these put something.
pub(crate) fn choose<'a>(
    all: Vec<PlannedTransaction<'a>>,
    chosen: &BTreeSet<usize>,
) -> Vec<PlannedTransaction<'a>> {
    let needed: BTreeSet<RootPath> = all
        .iter()
        .filter(|transaction| chosen.contains(&transaction.position))
        .flat_map(|transaction| &transaction.entries)
        .flat_map(|entry| RootPath::from(entry.path()).ancestors())
        .collect();
    let mut left = Vec::new();
    for mut transaction in all {
        if !chosen.contains(&transaction.position) {
            transaction.entries.retain(|entry| {
                let dir = matches!(entry, PlannedEntry::Directory(_));
                dir && needed.contains(&RootPath::from(entry.path()))
            });
            transaction.is_live = false;
        }
        if !transaction.entries.is_empty() {
            left.push(transaction);
        }
    }
    left
}

/// A step that is not run: it needs a running cluster, or was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemainingStep {
    /// Its position among the steps of the index, from 0.
    pub(crate) position: usize,
    /// The phase it belongs to.
    pub(crate) phase: String,
    /// What it would do, for people.
    pub(crate) what: String,
    /// The step as the index has it.
    pub(crate) step: Step,
}

/// The steps that are not among those that are `done`, in order, but for checks.
pub(crate) fn remaining(index: &Index, done: &BTreeSet<usize>) -> Vec<RemainingStep> {
    let steps = index.steps.iter().enumerate();
    let left = steps.filter(|(position, step)| !step.only_looks() && !done.contains(position));
    left.map(|(position, step)| RemainingStep {
        position,
        phase: step.phase().to_string(),
        what: step.summary(),
        step: step.clone(),
    })
    .collect()
}

fn missing(name: &dyn std::fmt::Display) -> InstallError {
    InstallError::NoContent(name.to_string())
}

fn plan_entry<'a>(entry: &'a Entry, contents: &'a dyn Contents) -> Option<PlannedEntry<'a>> {
    match (&entry.place, &entry.content) {
        (Place::Directory(place), _) => Some(PlannedEntry::Directory(PlannedDirectory {
            path: &place.path,
            mode: place.mode,
            owner: Owner {
                uid: place.uid,
                gid: place.gid,
            },
        })),
        (Place::File(place), content) => {
            let (bytes, secret) = match content {
                Content::None => return None,
                Content::Public(_) => (contents.public(&entry.name)?, None),
                Content::Sealed(sealed) => (
                    contents.secret(&entry.name)?,
                    Some(PlannedSecret {
                        class: sealed.class,
                        twin: contents.public(&sealed.twin.name)?,
                    }),
                ),
            };
            Some(PlannedEntry::File(PlannedFile {
                path: &place.path,
                mode: place.mode,
                owner: Owner {
                    uid: place.uid,
                    gid: place.gid,
                },
                bytes,
                secret,
                handoff: entry.handoff,
                hole: entry.holes.first(),
            }))
        }
        (Place::Object | Place::Payload, _) => None,
    }
}

//! `runs/<NNNN>/`: the journal and the backups of each run, under `/var/lib/kubeplan`.
//!
//! In: a root, and the lock where it is written. Out: every run that is remembered, oldest first. A directory whose journal is missing
//! or has no complete first record is of a run that never changed anything (or is being forgotten); it is removed
//! by the next one.

use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use super::installed::InstalledNode;
use super::journal::record::{Begin, Record};
use super::journal::{self, Run, Standing};
use super::{DIRECTORY, StateError, kept_attributes};
use crate::host::ownership::Guarded;
use crate::host::{
    Actions, AppendFailure, Attributes, Directory, HostError, Root, RootPath, RunTag,
};

const RUNS: &str = "runs";
const BACKUP: &str = "backup";

/// How many runs are remembered.
const KEPT: usize = 2;

/// How long backups are kept, in seconds: 30 days.
const BACKUP_LIFE: i64 = 30 * 24 * 3600;

/// The largest file of which there is a backup; no larger one is ever replaced.
const BACKUP_LIMIT: u64 = 16 * 1024 * 1024;

/// Every run that is remembered.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Oldest first.
    runs: Vec<Run>,
    /// Directories of runs that never began.
    debris: Vec<String>,
    /// The highest number of any directory.
    highest: u32,
    /// The newest journal ends with an incomplete record.
    torn: bool,
}

/// A record that could not be appended.
#[derive(Debug)]
pub(crate) struct RecordFailure {
    /// Why.
    pub(crate) error: StateError,
    /// Whether the journal certainly does not hold it.
    pub(crate) unchanged: bool,
}

impl Runs {
    /// Reads every journal.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn load(root: &Root) -> Result<Self, StateError> {
        let mut found = Self::default();
        let Some(dir) = Guarded::open(root, &DIRECTORY.join(RUNS))? else {
            return Ok(found);
        };
        let mut numbers: Vec<(u32, String)> = dir
            .directory()
            .names()?
            .into_iter()
            .filter_map(|name| Some((number_of(&name)?, name)))
            .collect();
        numbers.sort_unstable();
        for (number, name) in numbers {
            found.highest = number;
            let path = path(number).join(journal::NAME);
            let Some(dir) = dir.child(&name)? else {
                continue;
            };
            let bytes = dir.read(journal::NAME, journal::LIMIT)?;
            let read = match &bytes {
                Some(bytes) => Run::read(bytes.expose(), &path)?,
                None => None,
            };
            match read {
                Some((run, torn)) => {
                    if run.number() != number {
                        return Err(StateError::Journal {
                            path,
                            record: 0,
                            rule: "it is the journal of another run",
                        });
                    }
                    found.torn = torn;
                    found.runs.push(run);
                }
                None => found.debris.push(name),
            }
        }
        Ok(found)
    }

    /// The run that counts: the newest, or, if that one was rolled back and had been begun on top of an interrupted one, the
    /// interrupted one, which is what the host was brought back to.
    pub(crate) fn current(&self) -> Option<&Run> {
        self.current_at().and_then(|at| self.runs.get(at))
    }

    fn current_at(&self) -> Option<usize> {
        let newest = self.runs.len().checked_sub(1)?;
        let below = self
            .runs
            .iter()
            .rposition(|run| !matches!(run.standing, Standing::RolledBack(_)));
        let interrupted = below.filter(|at| {
            let run = self.runs.get(*at);
            run.is_some_and(|run| matches!(run.standing, Standing::Superseded(_)))
        });
        Some(interrupted.unwrap_or(newest))
    }

    /// The newest run that installed the node's plan and was not rolled back.
    pub(crate) fn of_plan(&self, node: &InstalledNode) -> Option<&Run> {
        let is_of = |run: &&Run| {
            run.begin.cluster.id == node.cluster_id
                && run.begin.node == node.node
                && node.plan_digest == Some(run.begin.plan_digest)
                && !matches!(run.standing, Standing::RolledBack(_))
        };
        self.runs.iter().rev().find(is_of)
    }

    /// The run that was stopped before its end, if that is how the host stands.
    pub(crate) fn interrupted(&self) -> Option<&Run> {
        self.current()
            .filter(|run| matches!(run.standing, Standing::Open | Standing::Superseded(_)))
    }

    /// The run with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&Run> {
        self.runs.iter().find(|run| run.number() == number)
    }

    /// The tags of the unfinished files of every remembered run that was interrupted. One that came to its end left none: what bears
    /// its tag was given that name by the owner of the directory.
    pub(crate) fn tags(&self) -> impl Iterator<Item = RunTag> {
        self.runs
            .iter()
            .filter(|run| {
                !matches!(
                    run.standing,
                    Standing::Finished(_) | Standing::RolledBack(_)
                )
            })
            .filter_map(|run| run.begin.stages.clone())
    }

    /// The number the next run gets.
    pub(crate) const fn next_number(&self) -> u32 {
        self.highest.saturating_add(1)
    }

    /// Begins a run: its directory, its journal with the first record. Nothing else of the host is changed before that.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn begin(
        &mut self,
        root: &Root,
        actions: &Actions,
        begin: Begin,
    ) -> Result<u32, StateError> {
        let number = begin.run;
        let place = path(number);
        Guarded::ensure(root, actions, &place.parent(), 0o700)?;
        let dir = Guarded::ensure(root, actions, &place, 0o700)?;
        Guarded::ensure(root, actions, &place.join(BACKUP), 0o700)?;
        let (line, run) = Run::start(begin, &place.join(journal::NAME))?;
        actions.create_file(dir.directory(), journal::NAME, &line, 0o600, None)?;
        actions.sync_directory(dir.directory())?;
        self.highest = number;
        self.torn = false;
        self.runs.push(run);
        Ok(number)
    }

    /// Appends a record to the journal of a run; it is durable when the call returns.
    ///
    /// # Errors
    /// [`RecordFailure`].
    pub(crate) fn record(
        &mut self,
        root: &Root,
        actions: &Actions,
        number: u32,
        record: Record,
    ) -> Result<(), RecordFailure> {
        let untouched = |error| RecordFailure {
            error,
            unchanged: true,
        };
        let place = path(number);
        let run = self
            .runs
            .iter_mut()
            .find(|run| run.number() == number)
            .ok_or_else(|| untouched(StateError::NoRun { run: number }))?;
        let (line, length, next) = run
            .with(record, &place.join(journal::NAME))
            .map_err(untouched)?;
        let dir = Guarded::must_open(root, &place).map_err(|error| untouched(error.into()))?;
        actions
            .append(dir.directory(), journal::NAME, length, &line)
            .map_err(|AppendFailure { error, unchanged }| RecordFailure {
                error: error.into(),
                unchanged,
            })?;
        *run = next;
        Ok(())
    }

    /// Makes the newest journal fit to be continued: what it says is durable, and an incomplete record is cut off.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn repair(&mut self, root: &Root, actions: &Actions) -> Result<(), StateError> {
        let Some(run) = self.runs.last() else {
            return Ok(());
        };
        let dir = Guarded::must_open(root, &path(run.number()))?;
        if self.torn {
            let bytes = dir.read(journal::NAME, journal::LIMIT)?.unwrap_or_default();
            let length = usize::try_from(run.length()).unwrap_or(usize::MAX);
            let good = bytes.expose().get(..length).unwrap_or_default();
            actions.replace_file(dir.directory(), journal::NAME, good, 0o600)?;
            self.torn = false;
        } else if matches!(run.standing, Standing::Open | Standing::RollingBack(_)) {
            // A run that failed may have read what never reached the disk.
            actions.sync_named(dir.directory(), journal::NAME)?;
        }
        Ok(())
    }

    /// Removes what no rollback needs any more: backups of runs that are confirmed, rolled back or old, and all but the
    /// last runs. Not called while a run is open.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn prune(
        &mut self,
        root: &Root,
        actions: &Actions,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let Some(dir) = Guarded::open(root, &DIRECTORY.join(RUNS))? else {
            return Ok(());
        };
        let dir = dir.directory();
        for name in std::mem::take(&mut self.debris) {
            remove_run(dir, actions, &name)?;
        }
        let old: Vec<u32> = self
            .runs
            .iter()
            .filter(|run| run.can_be_rolled_back())
            .filter(|run| match run.standing {
                Standing::Finished(time) => {
                    now.unix_seconds().saturating_sub(time.unix_seconds()) > BACKUP_LIFE
                }
                _ => false,
            })
            .map(Run::number)
            .collect();
        for number in old {
            self.record(root, actions, number, Record::Expired { time: now })
                .map_err(|failure| failure.error)?;
        }
        // Those that were rolled back do not count: what they were begun on top of may still be gone back from.
        let kept = self
            .runs
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, run)| !matches!(run.standing, Standing::RolledBack(_)))
            .nth(KEPT.saturating_sub(1))
            .map_or(0, |(at, _)| at);
        for run in self.runs.drain(..kept) {
            remove_run(dir, actions, &name_of(run.number()))?;
        }
        for run in self.runs.iter().filter(|run| !run.can_be_rolled_back()) {
            if let Some(dir) = dir.open(&name_of(run.number()))? {
                remove_backups(&dir, actions)?;
            }
        }
        Ok(())
    }

    /// Removes every run, the newest last: what is left after a failure tells of it all the same.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn forget(self, root: &Root, actions: &Actions) -> Result<(), StateError> {
        let Some(dir) = Guarded::open(root, &DIRECTORY.join(RUNS))? else {
            return Ok(());
        };
        let dir = dir.directory();
        let runs = self.runs.iter().map(|run| name_of(run.number()));
        for name in self.debris.iter().cloned().chain(runs) {
            remove_run(dir, actions, &name)?;
        }
        Ok(())
    }
}

/// The directory of a run.
pub(crate) fn path(number: u32) -> RootPath {
    DIRECTORY.join(RUNS).join(&name_of(number))
}

/// The directories that hold nothing but state, for clearing away what a killed run left there.
pub(crate) fn directories(runs: &Runs) -> Vec<RootPath> {
    let mut directories = vec![
        DIRECTORY,
        DIRECTORY.join(RUNS),
        DIRECTORY.join(super::receipts::RECEIPTS),
    ];
    directories.extend(runs.runs.iter().map(|run| path(run.number())));
    directories.extend(
        runs.debris
            .iter()
            .map(|name| DIRECTORY.join(RUNS).join(name)),
    );
    directories
}

/// Where the backups of each remembered run lie.
pub(super) fn backup_directories(runs: &Runs) -> Vec<RootPath> {
    let numbers = runs.runs.iter().map(Run::number);
    numbers.map(|run| path(run).join(BACKUP)).collect()
}

/// Keeps the old bytes of a file, and its extended attributes if it has any. They are durable when [`sync_backups`] returned.
///
/// # Errors
/// [`StateError`].
pub(crate) fn keep_backup(
    root: &Root,
    actions: &Actions,
    run: u32,
    backup: u32,
    bytes: &[u8],
    attributes: &Attributes,
) -> Result<(), StateError> {
    let dir = Guarded::must_open(root, &path(run).join(BACKUP))?;
    let dir = dir.directory();
    let beside = kept_attributes::name(backup);
    // What an attempt before this one may have left under the same names.
    for name in [&backup.to_string(), &beside] {
        if dir.inspect(name)? != crate::host::Found::Missing {
            actions.remove_file(dir, name)?;
        }
    }
    if !attributes.is_empty() {
        let path = path(run).join(BACKUP).join(&beside);
        let bytes = kept_attributes::to_bytes(attributes)
            .map_err(|source| StateError::Damaged { path, source })?;
        actions.create_file(dir, &beside, &bytes, 0o600, None)?;
    }
    actions.create_file(dir, &backup.to_string(), bytes, 0o600, None)?;
    Ok(())
}

/// Makes the names of the backups durable.
///
/// # Errors
/// [`HostError`].
pub(crate) fn sync_backups(root: &Root, actions: &Actions, run: u32) -> Result<(), HostError> {
    let dir = Guarded::must_open(root, &path(run).join(BACKUP))?;
    actions.sync_directory(dir.directory())
}

/// The old bytes of a file.
///
/// # Errors
/// [`StateError`] if they are not there.
pub(crate) fn backup(root: &Root, run: u32, backup: u32) -> Result<SecretBytes, StateError> {
    let place = path(run).join(BACKUP);
    let bytes = match Guarded::open(root, &place)? {
        Some(dir) => dir.read(&backup.to_string(), BACKUP_LIMIT)?,
        None => None,
    };
    bytes.ok_or_else(|| StateError::NoBackup {
        path: place.join(&backup.to_string()),
    })
}

/// The extended attributes that the file `of` had; none if it had none, or the run is of a version that kept none.
///
/// # Errors
/// [`StateError`] if they are not what was kept.
pub(crate) fn attributes(
    root: &Root,
    run: u32,
    backup: u32,
    of: &HostPath,
) -> Result<Attributes, StateError> {
    let place = path(run).join(BACKUP);
    let name = kept_attributes::name(backup);
    let bytes = match Guarded::open(root, &place)? {
        Some(dir) => dir.read(&name, kept_attributes::LIMIT)?,
        None => None,
    };
    let Some(bytes) = bytes else {
        return Ok(Attributes::default());
    };
    kept_attributes::from_bytes(of.as_str(), bytes.expose()).ok_or_else(|| StateError::BadBackup {
        path: place.join(&name),
        of: of.clone(),
    })
}

fn remove_run(runs: &Directory, actions: &Actions, name: &str) -> Result<(), HostError> {
    if let Some(dir) = runs.open(name)? {
        // Before the journal: without its backups a run cannot be rolled back.
        remove_backups(&dir, actions)?;
        for below in dir.names()? {
            match dir.inspect(&below)? {
                crate::host::Found::Directory(_) => remove_run(&dir, actions, &below)?,
                _ => actions.remove_file(&dir, &below)?,
            }
        }
    }
    actions.remove_directory(runs, name)?;
    actions.sync_directory(runs)
}

fn remove_backups(run: &Directory, actions: &Actions) -> Result<(), HostError> {
    if let Some(dir) = run.open(BACKUP)? {
        for file in dir.names()? {
            actions.remove_file(&dir, &file)?;
        }
        actions.remove_directory(run, BACKUP)?;
        actions.sync_directory(run)?;
    }
    Ok(())
}

fn name_of(number: u32) -> String {
    format!("{number:04}")
}

fn number_of(name: &str) -> Option<u32> {
    let number = name.parse().ok()?;
    (name_of(number) == name).then_some(number)
}

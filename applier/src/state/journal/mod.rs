//! The journal of one run: what is certain, one record after the other.
//!
//! In: records, each durable before the call returns. Out: the run as the records tell it. A journal is the one truth about a
//! run that is not over: which transaction was being committed, what was there before, where the old bytes are. It lies in
//! `/var/lib/kubeplan/runs/<NNNN>/journal`; [`line`] has its byte form, [`record`] its words.

mod line;
pub(crate) mod record;

use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::PhaseName;
use kubeplan_bundle::timestamp::Timestamp;

use self::line::{End, Lines};
use self::record::{Begin, Change, FORMAT, PlannedChanges, Record};
use super::StateError;
use super::installed::{DirectoryRecord, FileOrigin, InstalledNode};
use crate::host::RootPath;

/// The file's name in the run's directory.
pub(super) const NAME: &str = "journal";

/// Far more than any run writes.
pub(super) const LIMIT: u64 = 64 * 1024 * 1024;

/// How far one transaction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// No file was changed; directories may have been made.
    Planned,
    /// Files may have been changed, some of them or all.
    Prepared,
    /// All are in place.
    Committed,
    /// All are as before.
    Undone,
}

/// One transaction of a run.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// What it changes.
    pub(crate) planned: PlannedChanges,
    /// How far it came.
    pub(crate) progress: Progress,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was stopped, or is being written right now.
    Open,
    /// It came to its end.
    Finished(Timestamp),
    /// It was stopped, and another bundle was installed on top of it.
    Superseded(u32),
    /// It is being rolled back.
    RollingBack(Timestamp),
    /// It was rolled back.
    RolledBack(Timestamp),
}

/// A step that needed a running cluster, and was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DoneStep {
    /// Its position among the steps of the index, from 0.
    pub(crate) position: usize,
    /// kubeadm's phase.
    pub(crate) phase: PhaseName,
    /// What it did.
    pub(crate) what: String,
}

/// A run as its journal tells it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// What it is about.
    pub(crate) begin: Begin,
    /// Its transactions in order, each with how far it came.
    pub(crate) attempts: Vec<Attempt>,
    /// How it stands.
    pub(crate) standing: Standing,
    /// Steps that were done in the cluster.
    pub(crate) live_steps: Vec<DoneStep>,
    /// What steps leave in the cluster that were begun and maybe not done; `what` says what stays.
    pub(crate) begun: Vec<DoneStep>,
    /// When the operator confirmed it.
    pub(crate) confirmed: Option<Timestamp>,
    /// Whether its backups are gone because of their age.
    pub(crate) expired: bool,
    /// Files that a rollback brings back although others changed them.
    pub(crate) overwrite: Vec<HostPath>,
    /// Where the transactions begin that were planned last.
    pass: usize,
    end: End,
}

impl Run {
    /// The first line of a journal, and the run it begins.
    ///
    /// # Errors
    /// [`StateError`] if the record has no canonical form.
    pub(super) fn start(begin: Begin, path: &RootPath) -> Result<(Vec<u8>, Self), StateError> {
        let record = Record::Begin(Box::new(begin.clone()));
        let (line, end) = End::default()
            .line(&record)
            .map_err(|source| StateError::Damaged {
                path: path.clone(),
                source,
            })?;
        Ok((line, Self::new(begin, end)))
    }

    fn new(begin: Begin, end: End) -> Self {
        let mut run = Self {
            begin: Begin {
                transactions: Vec::new(),
                ..begin.clone()
            },
            attempts: Vec::new(),
            standing: Standing::Open,
            live_steps: Vec::new(),
            begun: Vec::new(),
            confirmed: None,
            expired: false,
            overwrite: Vec::new(),
            pass: 0,
            end,
        };
        run.plan(begin.transactions);
        run
    }

    /// Reads a journal. `None` if not even its first record is complete: nothing was changed then. Also says whether an
    /// incomplete record follows the last one.
    ///
    /// # Errors
    /// [`StateError`] if it is damaged, or of a format this version does not know.
    pub(super) fn read(bytes: &[u8], path: &RootPath) -> Result<Option<(Self, bool)>, StateError> {
        let damaged = |number, rule| StateError::Journal {
            path: path.clone(),
            record: number,
            rule,
        };
        refuse_other_formats(bytes, path)?;
        let Lines { records, end, torn } =
            line::read(bytes).map_err(|damage| damaged(damage.number, damage.rule))?;
        let mut records = records.into_iter();
        let mut run = match records.next() {
            None => return Ok(None),
            Some(Record::Begin(begin)) => Self::new(*begin, end),
            Some(_) => return Err(damaged(0, "it is not the beginning of a run")),
        };
        for (number, record) in (1..).zip(records) {
            run.fold(record).map_err(|rule| damaged(number, rule))?;
        }
        Ok(Some((run, torn)))
    }

    /// The line for one more record, where it goes, and the run with it.
    ///
    /// # Errors
    /// [`StateError`] if the record has no canonical form, or does not fit.
    pub(super) fn with(
        &self,
        record: Record,
        path: &RootPath,
    ) -> Result<(Vec<u8>, u64, Self), StateError> {
        let (line, end) = self
            .end
            .line(&record)
            .map_err(|source| StateError::Damaged {
                path: path.clone(),
                source,
            })?;
        let mut next = self.clone();
        next.fold(record).map_err(|rule| StateError::Journal {
            path: path.clone(),
            record: self.end.number,
            rule,
        })?;
        next.end = end;
        Ok((line, self.end.length, next))
    }

    /// How many bytes of the file say something.
    pub(super) const fn length(&self) -> u64 {
        self.end.length
    }

    /// The run's number.
    pub(crate) const fn number(&self) -> u32 {
        self.begin.run
    }

    /// The transaction that was being committed when the run stopped; `None` if every one that was begun is over.
    pub(crate) fn in_flight(&self) -> Option<&Attempt> {
        self.attempts
            .iter()
            .skip(self.pass)
            .find(|attempt| attempt.progress != Progress::Committed)
            .filter(|attempt| attempt.progress != Progress::Undone)
    }

    /// The number of the next transaction.
    pub(crate) fn next_transaction(&self) -> u32 {
        self.attempts
            .iter()
            .map(|attempt| attempt.planned.number)
            .max()
            .unwrap_or_default()
            .saturating_add(1)
    }

    /// The name of the next backup.
    pub(crate) fn next_backup(&self) -> u32 {
        self.changes()
            .filter_map(|change| change.before().map(|(_, backup)| backup))
            .max()
            .unwrap_or_default()
            .saturating_add(1)
    }

    /// Every change, whatever became of it.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.attempts
            .iter()
            .flat_map(|attempt| &attempt.planned.changes)
    }

    /// Every change that is in place, as far as the journal knows.
    pub(crate) fn in_place(&self) -> impl Iterator<Item = &Change> {
        self.attempts
            .iter()
            .filter(|attempt| attempt.progress == Progress::Committed)
            .flat_map(|attempt| &attempt.planned.changes)
    }

    /// The files and directories that changes which are in place left there: what a step took away is not among them.
    pub(crate) fn paths_in_place(&self) -> Vec<&HostPath> {
        let mut paths: Vec<&HostPath> = Vec::new();
        for change in self.in_place() {
            paths.retain(|path| *path != change.path());
            if !matches!(change, Change::Remove { .. }) {
                paths.push(change.path());
            }
        }
        paths
    }

    /// What was done in the cluster and no rollback takes back: steps that are done, and what others that were begun may have
    /// left there.
    pub(crate) fn stays(&self) -> impl Iterator<Item = &DoneStep> {
        self.live_steps.iter().chain(&self.begun)
    }

    /// Whether the files from before the run can be brought back.
    pub(crate) const fn can_be_rolled_back(&self) -> bool {
        self.confirmed.is_none()
            && !self.expired
            && !matches!(self.standing, Standing::RolledBack(_))
    }

    /// Until when the operator has to confirm; `None` if that is not asked for, or was done.
    pub(crate) fn waits_for_confirm(&self) -> Option<Timestamp> {
        self.begin.confirm_by.filter(|_| self.can_be_rolled_back())
    }

    /// Adds to the record of the node what this run brought into place.
    pub(crate) fn settle(&self, node: &mut InstalledNode) {
        for change in self.in_place() {
            let (path, after, replaced) = match change {
                Change::MakeDirectory { path, after } => {
                    let directory = DirectoryRecord {
                        mode: after.mode,
                        uid: after.uid,
                        gid: after.gid,
                    };
                    node.directories.insert(path.clone(), directory);
                    continue;
                }
                Change::Create { path, after } => (path, after, false),
                Change::Replace { path, after, .. } => (path, after, true),
                Change::Edit { path, after, .. } => {
                    if let (Some(file), Some(record)) = (node.files.get_mut(path), after.record()) {
                        file.current = Some(record);
                        file.pending = None;
                    }
                    continue;
                }
                Change::Remove { path, .. } => {
                    node.files.remove(path);
                    continue;
                }
            };
            let Some(record) = after.record() else {
                continue;
            };
            let file = node.files.entry(path.clone()).or_default();
            file.origin = match (replaced, &file.current) {
                (false, _) => Some(FileOrigin::Created),
                (true, None) => Some(FileOrigin::Replaced),
                // Ours replaced by ours: how it came here does not change.
                (true, Some(_)) => file.origin,
            };
            file.current = Some(record);
            file.pending = None;
        }
    }

    fn plan(&mut self, transactions: Vec<PlannedChanges>) {
        self.attempts
            .retain(|attempt| attempt.progress != Progress::Planned);
        self.pass = self.attempts.len();
        self.attempts
            .extend(transactions.into_iter().map(|planned| Attempt {
                planned,
                progress: Progress::Planned,
            }));
    }

    fn fold(&mut self, record: Record) -> Result<(), &'static str> {
        match record {
            Record::Begin(_) => return Err("a run begins once"),
            Record::Resumed { transactions, .. } => {
                if self
                    .in_flight()
                    .is_some_and(|attempt| attempt.progress == Progress::Prepared)
                {
                    return Err("the transaction before is not over");
                }
                self.standing = Standing::Open;
                self.plan(transactions);
            }
            Record::Filled { transactions, .. } => {
                if self.in_flight().is_some() {
                    return Err("the transaction before is not over");
                }
                self.plan(transactions);
            }
            Record::LiveStepBegun {
                position,
                phase,
                leaves,
                ..
            } => {
                self.begun.retain(|step| step.position != position);
                self.begun.push(DoneStep {
                    position,
                    phase,
                    what: leaves,
                });
            }
            Record::Prepared { transaction } => self.advance(transaction, Progress::Prepared)?,
            Record::Committed { transaction } => self.advance(transaction, Progress::Committed)?,
            Record::Undone { transaction, .. } => self.advance(transaction, Progress::Undone)?,
            Record::LiveStep {
                position,
                phase,
                what,
                ..
            } => {
                // A run that goes on does them again.
                self.live_steps.retain(|step| step.position != position);
                self.live_steps.push(DoneStep {
                    position,
                    phase,
                    what,
                });
            }
            Record::Finished { time } => self.standing = Standing::Finished(time),
            Record::Superseded { by } => self.standing = Standing::Superseded(by),
            Record::RollbackBegun { time, overwrite } => {
                self.standing = Standing::RollingBack(time);
                self.overwrite.extend(overwrite);
            }
            Record::RolledBack { time, .. } => self.standing = Standing::RolledBack(time),
            Record::Confirmed { time } => self.confirmed = Some(time),
            Record::Expired { .. } => self.expired = true,
        }
        Ok(())
    }

    fn advance(&mut self, number: u32, to: Progress) -> Result<(), &'static str> {
        let attempt = self
            .attempts
            .iter_mut()
            .find(|attempt| attempt.planned.number == number)
            .ok_or("it names a transaction that the run does not have")?;
        let fits = match to {
            Progress::Planned => false,
            Progress::Prepared => attempt.progress == Progress::Planned,
            Progress::Committed => attempt.progress == Progress::Prepared,
            Progress::Undone => attempt.progress != Progress::Undone,
        };
        if !fits {
            return Err("it does not follow from what the transaction did before");
        }
        attempt.progress = to;
        Ok(())
    }
}

/// Another version's journal is not a damaged one.
fn refuse_other_formats(bytes: &[u8], path: &RootPath) -> Result<(), StateError> {
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let body = first
        .splitn(4, |byte| *byte == b' ')
        .nth(3)
        .unwrap_or_default();
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body)
        && let Some(found) = value.get("format").and_then(serde_json::Value::as_str)
        && found != FORMAT
    {
        return Err(StateError::Format {
            path: path.clone(),
            found: found.escape_debug().take(80).collect(),
            expected: FORMAT,
        });
    }
    Ok(())
}

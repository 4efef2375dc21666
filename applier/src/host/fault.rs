//! The kinds of durable actions, and failures to simulate at them.
//!
//! In: the number of an action. Out: whether it happens, fails, or whether the program is as if dead by then. Outside
//! tests nothing ever fails by intent ([`Fault::None`]).

use std::fmt;

use rustix::io::Errno;

/// One kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `mkdir`.
    CreateDirectory,
    /// `open` with `O_CREAT` and `O_EXCL`.
    CreateFile,
    /// `write`.
    Write,
    /// `write` at the end of a journal.
    AppendRecord,
    /// `ftruncate`, after a record could not be appended as a whole.
    CutRecord,
    /// `fchown`.
    SetOwner,
    /// `fchmod`.
    SetMode,
    /// `fsync` of a file.
    SyncFile,
    /// `rename`.
    Rename,
    /// `renameat2` with `RENAME_EXCHANGE`.
    Exchange,
    /// `link`, where a file system knows no `RENAME_NOREPLACE`.
    Link,
    /// `fsync` of a folder.
    SyncDirectory,
    /// `unlink`.
    RemoveFile,
    /// `rmdir`.
    RemoveDirectory,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl Action {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::CreateDirectory => "create folder",
            Self::CreateFile => "create file",
            Self::Write => "write",
            Self::AppendRecord => "append a record to",
            Self::CutRecord => "cut an incomplete record off",
            Self::SetOwner => "set the owner of",
            Self::SetMode => "set the mode of",
            Self::SyncFile => "sync file",
            Self::Rename => "rename to",
            Self::Exchange => "exchange",
            Self::Link => "link to",
            Self::SyncDirectory => "sync folder",
            Self::RemoveFile => "remove file",
            Self::RemoveDirectory => "remove folder",
        }
    }
}

/// A failure to simulate; [`Fault::None`] outside tests. Actions are numbered from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing fails.
    #[default]
    None,
    /// As if the process were killed after this many actions: no later one happens, clean-up included.
    StopAfter(u64),
    /// As if the power failed after this many actions: as [`Fault::StopAfter`], and what was not synced is lost.
    LoseUnsynced(u64),
    /// The action with this number fails; later ones work, clean-up included.
    FailAt(u64),
    /// The action with this number fails as the operating system would let it; later ones work.
    FailWith(u64, Failure),
    /// The action with this number and all later ones fail, clean-up included, as on a broken disk.
    FailFrom(u64, Failure),
}

/// How an action fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// `ENOSPC`.
    NoSpace,
    /// `EIO`.
    Io,
    /// `EROFS`.
    ReadOnly,
    /// `EPERM`.
    NotPermitted,
}

impl Failure {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::NoSpace, Self::Io, Self::ReadOnly, Self::NotPermitted];

    const fn errno(self) -> Errno {
        match self {
            Self::NoSpace => Errno::NOSPC,
            Self::Io => Errno::IO,
            Self::ReadOnly => Errno::ROFS,
            Self::NotPermitted => Errno::PERM,
        }
    }
}

/// What becomes of one action.
pub(super) enum Verdict {
    /// It is performed.
    Happens,
    /// The program is dead by then.
    Dead,
    /// It fails; with an error of the operating system if there is one.
    Fails(Option<Errno>),
}

impl Fault {
    /// What becomes of the action with this number.
    pub(super) const fn verdict(self, number: u64) -> Verdict {
        match self {
            Self::StopAfter(limit) | Self::LoseUnsynced(limit) if number >= limit => Verdict::Dead,
            Self::FailAt(at) if number == at => Verdict::Fails(None),
            Self::FailWith(at, how) if number == at => Verdict::Fails(Some(how.errno())),
            Self::FailFrom(from, how) if number >= from => Verdict::Fails(Some(how.errno())),
            _ => Verdict::Happens,
        }
    }

    /// Whether what was not synced is lost.
    pub(super) const fn loses_unsynced(self) -> bool {
        matches!(self, Self::LoseUnsynced(_))
    }
}

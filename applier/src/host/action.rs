//! The kinds of durable actions.

use std::fmt;

/// One kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
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
    /// `fsetxattr`.
    SetAttribute,
    /// `fremovexattr`.
    RemoveAttribute,
    /// `fsync` of a file.
    SyncFile,
    /// `rename`.
    Rename,
    /// `renameat2` with `RENAME_EXCHANGE`.
    Exchange,
    /// `link`, where a file system knows no `RENAME_NOREPLACE`.
    Link,
    /// `fsync` of a directory.
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
            Self::CreateDirectory => "create directory",
            Self::CreateFile => "create file",
            Self::Write => "write",
            Self::AppendRecord => "append a record to",
            Self::CutRecord => "cut an incomplete record off",
            Self::SetOwner => "set the owner of",
            Self::SetMode => "set the mode of",
            Self::SetAttribute => "set an attribute of",
            Self::RemoveAttribute => "remove an attribute of",
            Self::SyncFile => "sync file",
            Self::Rename => "rename to",
            Self::Exchange => "exchange",
            Self::Link => "link to",
            Self::SyncDirectory => "sync directory",
            Self::RemoveFile => "remove file",
            Self::RemoveDirectory => "remove directory",
        }
    }
}

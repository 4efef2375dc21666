//! Failures of durable actions.
//!
//! In: which action fails, and how. Out: for each action, in order, whether it happens.

use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use rustix::io::Errno;

use crate::power_loss::Unsynced;

/// A failure to simulate. Actions are numbered from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing fails.
    #[default]
    None,
    /// The process is killed after this many actions: no later action happens, clean-up included.
    StopAfter(u64),
    /// The power fails after this many actions: as [`Fault::StopAfter`], and unsynced changes are lost.
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

    fn error(self) -> io::Error {
        match self {
            Self::NoSpace => Errno::NOSPC,
            Self::Io => Errno::IO,
            Self::ReadOnly => Errno::ROFS,
            Self::NotPermitted => Errno::PERM,
        }
        .into()
    }
}

/// Why an action does not happen.
#[derive(Debug)]
pub enum Prevented {
    /// The run ends here.
    Stopped,
    /// It fails.
    Failed(io::Error),
}

/// Whether one action happens.
enum Verdict {
    Happens,
    /// The process was killed before.
    Dead,
    Fails(Prevented),
}

impl Fault {
    fn verdict(self, number: u64) -> Verdict {
        match self {
            Self::StopAfter(limit) | Self::LoseUnsynced(limit) if number >= limit => Verdict::Dead,
            Self::FailAt(at) if number == at => Verdict::Fails(Prevented::Stopped),
            Self::FailWith(at, how) if number == at => {
                Verdict::Fails(Prevented::Failed(how.error()))
            }
            Self::FailFrom(from, how) if number >= from => {
                Verdict::Fails(Prevented::Failed(how.error()))
            }
            _ => Verdict::Happens,
        }
    }
}

/// Counts the durable actions of one run, and makes them fail as its fault says. Clones share the count.
#[derive(Clone, Debug)]
pub struct Faults(Rc<State>);

#[derive(Debug)]
struct State {
    fault: Fault,
    count: Cell<u64>,
    unsynced: Option<Unsynced>,
}

impl Faults {
    /// For a run that fails as `fault` says.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        let loses = matches!(fault, Fault::LoseUnsynced(_));
        Self(Rc::new(State {
            fault,
            count: Cell::new(0),
            unsynced: loses.then(Unsynced::default),
        }))
    }

    /// How many actions were performed, or were to be and failed.
    #[must_use]
    pub fn performed(&self) -> u64 {
        self.0.count.get()
    }

    /// Decides whether the next action happens; `losing` is the name, in its open directory, whose thing it replaces or removes.
    ///
    /// # Errors
    /// [`Prevented`].
    pub fn verdict(&self, losing: Option<(BorrowedFd<'_>, &str)>) -> Result<(), Prevented> {
        let number = self.0.count.get();
        match self.0.fault.verdict(number) {
            Verdict::Dead => {
                if let Some(unsynced) = self.unsynced() {
                    unsynced.lose();
                }
                Err(Prevented::Stopped)
            }
            Verdict::Happens => {
                self.0.count.set(number + 1);
                if let (Some(unsynced), Some((directory, name))) = (self.unsynced(), losing) {
                    unsynced.save(directory, name);
                }
                Ok(())
            }
            Verdict::Fails(prevented) => {
                self.0.count.set(number + 1);
                Err(prevented)
            }
        }
    }

    /// What was not synced yet, if that is to be lost.
    #[must_use]
    pub fn unsynced(&self) -> Option<&Unsynced> {
        self.0.unsynced.as_ref()
    }
}

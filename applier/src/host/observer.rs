//! The one seam at durable actions.
//!
//! Production code has nothing here ([`super::Actions::default`]), and every action happens. Tests put a model of failures
//! there (the crate `kubeplan-testkit`), which counts the actions, lets one fail, and undoes what was not synced.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

/// Is told of every durable action, and may prevent it.
pub trait Observer: fmt::Debug {
    /// An action is about to happen; `losing` is the name of what it replaces or removes.
    ///
    /// # Errors
    /// Why it does not happen.
    fn before(&self, losing: Option<Place<'_>>) -> Result<(), Prevented>;

    /// Something changed, or was made durable.
    fn after(&self, change: Change<'_>);
}

/// Why an action does not happen.
#[derive(Debug)]
pub enum Prevented {
    /// The run ends here.
    Stopped,
    /// The operating system refuses it.
    Failed(io::Error),
}

/// A name in an open directory.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The directory.
    pub directory: BorrowedFd<'a>,
    /// The name.
    pub name: &'a str,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// A file or directory was created.
    Created(Place<'a>),
    /// It got another name, which was free.
    Moved(Place<'a>, Place<'a>),
    /// It got another name, and what had that name is gone.
    Replaced(Place<'a>, Place<'a>),
    /// Two files changed their names.
    Exchanged(Place<'a>, Place<'a>),
    /// A file or directory was removed, if there was one.
    Removed(Place<'a>),
    /// Bytes are written to a file.
    Written {
        /// The file.
        file: BorrowedFd<'a>,
        /// How many bytes it has.
        before: u64,
    },
    /// A file got an extended attribute.
    Attributed {
        /// The file.
        file: BorrowedFd<'a>,
        /// The attribute.
        name: &'a str,
    },
    /// The bytes and attributes of a file are durable.
    FileSynced(BorrowedFd<'a>),
    /// The names in a directory are durable.
    DirectorySynced(BorrowedFd<'a>),
}

#[cfg(test)]
kubeplan_testkit::observe!(crate::host);

#[cfg(test)]
impl super::Actions {
    /// Actions that fail as `fault` says, and what counts them.
    pub(crate) fn failing(fault: kubeplan_testkit::Fault) -> (Self, kubeplan_testkit::Faults) {
        let faults = kubeplan_testkit::Faults::new(fault);
        (Self::observed(std::rc::Rc::new(faults.clone())), faults)
    }
}

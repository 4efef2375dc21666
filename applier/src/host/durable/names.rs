//! Files that get another name.

use rustix::fs::{AtFlags, RenameFlags, linkat, renameat, renameat_with};
use rustix::io::Errno;

use super::{Action, Actions, Change, Placing, at};
use crate::host::directory::Directory;
use crate::host::error::HostError;

impl Actions {
    /// Gives the file `old` the name `new`, unless something has that name already: it is not touched then.
    ///
    /// Where a file system does not know how to do that in one step, the file is linked to the new name, which fails if that
    /// exists, and the old name removed.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn place(
        &self,
        from: &Directory,
        old: &str,
        to: &Directory,
        new: &str,
    ) -> Result<Placing, HostError> {
        from.check_name(old)?;
        to.check_name(new)?;
        let path = to.path().join(new);
        if !self.no_flags.get() {
            let placed = self.perform(Action::Rename, path.as_str(), || {
                match renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
                    Ok(()) => Ok(Some(Placing::Done)),
                    Err(Errno::EXIST | Errno::NOENT) => Ok(Some(Placing::Refused)),
                    Err(Errno::INVAL | Errno::NOSYS) => Ok(None),
                    Err(errno) => Err(errno),
                }
            })?;
            match placed {
                Some(Placing::Done) => {
                    self.changed(Change::Moved(at(from, old), at(to, new)));
                    return Ok(Placing::Done);
                }
                Some(Placing::Refused) => return Ok(Placing::Refused),
                None => self.no_flags.set(true),
            }
        }
        let linked = self.perform(Action::Link, path.as_str(), || {
            match linkat(from, old, to, new, AtFlags::empty()) {
                Ok(()) => Ok(Placing::Done),
                Err(Errno::EXIST | Errno::NOENT) => Ok(Placing::Refused),
                Err(errno) => Err(errno),
            }
        })?;
        if linked == Placing::Done {
            self.changed(Change::Created(at(to, new)));
            self.remove_file(from, old)?;
        }
        Ok(linked)
    }

    /// Lets two files change their names, in one step. `false` if the file system cannot, or one of them is not there:
    /// nothing changed then.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn exchange(
        &self,
        one: &Directory,
        first: &str,
        other: &Directory,
        second: &str,
    ) -> Result<bool, HostError> {
        if self.no_flags.get() {
            return Ok(false);
        }
        one.check_name(first)?;
        other.check_name(second)?;
        let path = other.path().join(second);
        let done = self.perform(Action::Exchange, path.as_str(), || {
            match renameat_with(one, first, other, second, RenameFlags::EXCHANGE) {
                Ok(()) => Ok(Some(true)),
                Err(Errno::NOENT) => Ok(Some(false)),
                Err(Errno::INVAL | Errno::NOSYS) => Ok(None),
                Err(errno) => Err(errno),
            }
        })?;
        match done {
            None => self.no_flags.set(true),
            Some(true) => {
                self.changed(Change::Exchanged(at(one, first), at(other, second)));
            }
            Some(false) => {}
        }
        Ok(done.unwrap_or_default())
    }

    /// Whether the file system was found to know no flags of `renameat2`.
    pub(crate) const fn has_no_flags(&self) -> bool {
        self.no_flags.get()
    }

    /// Renames a file over whatever has the new name; a link there is replaced, not followed.
    ///
    /// # Errors
    /// [`HostError`].
    pub(crate) fn rename(
        &self,
        from: &Directory,
        old: &str,
        to: &Directory,
        new: &str,
    ) -> Result<(), HostError> {
        from.check_name(old)?;
        to.check_name(new)?;
        let path = to.path().join(new);
        self.perform_on(Action::Rename, path.as_str(), Some(at(to, new)), || {
            renameat(from, old, to, new)
        })?;
        self.changed(Change::Replaced(at(from, old), at(to, new)));
        Ok(())
    }
}

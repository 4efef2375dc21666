//! Who owns a file.

use std::fmt;

/// User and group of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// User.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
}

impl Owner {
    /// Whether `chown` would take one of the numbers for "leave it as it is".
    pub(crate) const fn is_unchanged(self) -> bool {
        self.uid == u32::MAX || self.gid == u32::MAX
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

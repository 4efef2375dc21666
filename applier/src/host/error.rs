//! What can go wrong on a host.

use std::fmt;
use std::io;

use super::fault::Action;

/// A failed operation on the host. Names the path below the root, never content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// The operating system refused.
    #[error("cannot {operation} `{path}`")]
    Io {
        /// What was tried: `open`, `rename`, ….
        operation: &'static str,
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A kernel before Linux 5.6.
    #[error(
        "this kernel cannot open a path safely below a folder (openat2, Linux 5.6 or later, is missing)"
    )]
    NoOpenat2,
    /// A symbolic link on the way that is not followed.
    #[error("the symbolic link `{path}` is not followed: {reason}")]
    Link {
        /// The link.
        path: String,
        /// Why.
        reason: LinkRefusal,
    },
    /// Something other than a folder on the way to a path.
    #[error("`{path}` is not a folder")]
    NotADirectory {
        /// What it is not.
        path: String,
    },
    /// Something other than a regular file where one is read.
    #[error("`{path}` is not a regular file")]
    NotAFile {
        /// What it is not.
        path: String,
    },
    /// A file that is larger than anything sensible.
    #[error("`{path}` is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A file that is not UTF-8 text.
    #[error("`{path}` is not UTF-8 text")]
    NotText {
        /// The file.
        path: String,
    },
    /// The run was stopped by [`super::fault::Fault`].
    #[error("stopped at durable action {number} ({action} `{path}`)")]
    Stopped {
        /// The number of the action that did not happen.
        number: u64,
        /// What it was.
        action: Action,
        /// Where.
        path: String,
    },
    /// Others changed a file at the very moment when it was to be changed.
    #[error("`{path}` was changed by others meanwhile; what they wrote is left as it is")]
    Changed {
        /// The file.
        path: String,
    },
    /// No random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
    /// Something that another user can change, where what it says decides what this program does.
    #[error(transparent)]
    Exposed(#[from] Box<Exposed>),
}

/// A directory or file that another user can change, or lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} `{path}` {exposure}")]
pub(crate) struct Exposed {
    /// `directory` or `file`.
    pub(crate) kind: &'static str,
    /// Where, below the root.
    pub(crate) path: String,
    /// How.
    pub(crate) exposure: Exposure,
    /// The command that mends it.
    pub(crate) mend: String,
}

/// How another user can change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// It belongs to this user.
    Owner(u32),
    /// With this mode, the group or other users may write.
    Writable(u32),
    /// With this mode, the group or other users may open it.
    Shared(u32),
    /// It has other names, in directories that were not checked.
    Links,
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(uid) => write!(f, "is owned by user {uid}, who can change it"),
            Self::Writable(mode) => write!(
                f,
                "has mode {mode:04o}: users other than its owner can change it"
            ),
            Self::Shared(mode) => write!(
                f,
                "has mode {mode:04o}: users other than its owner can open and lock it"
            ),
            Self::Links => f.write_str("has more than one name (hard links)"),
        }
    }
}

/// Why a symbolic link is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkRefusal {
    /// It climbs above the root.
    LeavesRoot,
    /// Its target does not exist inside the root.
    Dangling {
        /// The text of the link.
        target: String,
    },
    /// Its owner is neither root nor, without privileges, the invoking user.
    Owner {
        /// Who owns it.
        uid: u32,
    },
    /// More links than the kernel would follow.
    TooMany,
}

impl fmt::Display for LinkRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeavesRoot => f.write_str("it leads out of the root"),
            Self::Dangling { target } => write!(
                f,
                "its target `{}` does not exist inside the root",
                target.escape_debug()
            ),
            Self::Owner { uid } => write!(f, "it is owned by user {uid}"),
            Self::TooMany => f.write_str("too many links on the way"),
        }
    }
}

impl HostError {
    /// What to do about it, where there is one command for that.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed(exposed) => {
                Some(format!("check what it holds, then run `{}`", exposed.mend))
            }
            _ => None,
        }
    }

    /// Wraps an error of the operating system.
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<String>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            operation,
            path: path.into(),
            source: source.into(),
        }
    }
}

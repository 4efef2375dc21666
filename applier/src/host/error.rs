//! What can go wrong on a host.

use std::fmt;
use std::io;

use kubeplan_terminal::Advice;

use super::action::Action;

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
        "this kernel cannot open a path safely below a directory (openat2, Linux 5.6 or later, is missing)"
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
    /// A way into a directory in which no bundle, record or operator changes anything.
    #[error("`{path}` cannot be a destination: {reason}")]
    NotADestination {
        /// The path.
        path: String,
        /// Why.
        reason: Refusal,
    },
    /// A directory in which another user can exchange files.
    #[error(
        "`{path}` belongs to user {} and has mode {mode:04o}: another user can replace what is in it; give it to root, with mode 0755",
        owner.uid
    )]
    NotPrivate {
        /// The directory.
        path: String,
        /// Whose it is.
        owner: super::owner::Owner,
        /// Its permission bits.
        mode: u32,
    },
    /// A user or group number that `chown` takes for "leave it as it is".
    #[error("`{path}` cannot be given to {owner}: 4294967295 is not the number of a user or group")]
    NotAnOwner {
        /// The file or directory.
        path: String,
        /// The owner.
        owner: super::owner::Owner,
    },
    /// Something other than a directory on the way to a path.
    #[error("`{path}` is not a directory")]
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
    /// A symbolic link where a file is read that decides what this program does.
    #[error("`{path}` is a symbolic link, which is not followed here")]
    LinkedFile {
        /// The link.
        path: String,
        /// What to do about it.
        #[source]
        mend: Advice,
    },
    /// A file named by the operator that is not a regular one.
    #[error(
        "`{path}` is {what}, and this program reads regular files only: write its content to a file, and name that"
    )]
    NotARegularFile {
        /// The file.
        path: String,
        /// What it is.
        what: &'static str,
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
    /// An [`super::Observer`] stopped the run.
    #[error("stopped before a durable action ({action} `{path}`)")]
    Stopped {
        /// The action that did not happen.
        action: Action,
        /// Where.
        path: String,
    },
    /// Others changed a file at the very moment when it was to be changed.
    #[error("`{path}` was changed in the meantime; it is left as it is")]
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
#[derive(Debug, thiserror::Error)]
#[error("the {kind} `{path}` {exposure}")]
pub(crate) struct Exposed {
    /// `directory` or `file`.
    pub(crate) kind: &'static str,
    /// Where, with the path of the root if that is not the running system.
    pub(crate) path: String,
    /// How.
    pub(crate) exposure: Exposure,
    /// The command that mends it.
    #[source]
    pub(crate) mend: Advice,
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
    /// It is the kernel's, and leads to something else than its text says.
    Kernel,
}

/// Why a directory is not a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It belongs to this program.
    Own,
    /// It belongs to the kernel: the name of the directory, or of its file system.
    Kernel(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("it leads into a directory that belongs to kubeapply itself"),
            Self::Kernel(name) => write!(f, "it leads into {name}, which belongs to the kernel"),
        }
    }
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
            Self::Kernel => f.write_str("it leads into a process, and not to where its text says"),
        }
    }
}

impl HostError {
    /// The symbolic link `path` where a file is read.
    pub(crate) fn linked(path: impl Into<String>) -> Self {
        let path = path.into();
        Self::LinkedFile {
            mend: Advice::hint(format!(
                "put the file itself in the place of the link `{path}`"
            )),
            path,
        }
    }

    /// Whether the way to a path leads over something that is not followed, entered or changed.
    pub(crate) const fn is_of_the_way(&self) -> bool {
        matches!(
            self,
            Self::Link { .. } | Self::NotADirectory { .. } | Self::NotADestination { .. }
        )
    }

    /// Whether the way ends at a link whose target does not exist.
    pub(crate) const fn is_dangling(&self) -> bool {
        matches!(
            self,
            Self::Link {
                reason: LinkRefusal::Dangling { .. },
                ..
            }
        )
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

impl Exposed {
    /// What `command` mends.
    pub(crate) fn new(kind: &'static str, path: String, exposure: Exposure, command: &str) -> Self {
        Self {
            kind,
            path,
            exposure,
            mend: Advice::hint(format!("check what it holds, then run `{command}`")),
        }
    }
}

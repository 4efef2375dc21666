//! Failures as the operator sees them: what kind, what happened, what to do next.

use std::error::Error;
use std::fmt;

use crate::host::HostError;
use crate::state::StateError;

/// What kind of failure, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something did not work.
    Failed,
    /// Bad usage or configuration.
    Usage,
    /// The bundle is not accepted: not intact, not trusted, not for this host, not now.
    Refused,
    /// The host is not in a state the bundle can be installed on.
    Preflight,
    /// Some of the changes were made.
    PartWay,
    /// Another run holds the lock.
    Locked,
}

impl Kind {
    /// The process's exit code.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 4,
            Self::Preflight => 5,
            Self::PartWay => 6,
            Self::Locked => 7,
        }
    }
}

/// A failure with its kind and hints.
#[derive(Debug)]
pub(crate) struct CliError {
    kind: Kind,
    error: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
}

impl CliError {
    /// Wraps an error.
    pub(crate) fn new(kind: Kind, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// Bad usage or configuration.
    pub(crate) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Usage, error)
    }

    /// The bundle is not accepted.
    pub(crate) fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Refused, error)
    }

    /// Another run holds the lock.
    pub(crate) fn locked(holder: Option<u32>) -> Self {
        let who = holder.map_or_else(
            || "another process".to_owned(),
            |pid| format!("process {pid}"),
        );
        Self::new(
            Kind::Locked,
            format!("another run holds the lock of this host ({who})"),
        )
        .hint("wait until it has finished and run the command again")
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The kind.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The hints.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for CliError {
    /// The message and its causes, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        Self::new(Kind::Failed, error)
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        Self::new(Kind::Failed, error)
    }
}

//! Failures as the operator sees them: what kind, what happened, what to do next.

use std::error::Error;
use std::fmt;

use kubeplan_bundle::exit::Exit;

use crate::host::HostError;
use crate::host::lock::Holder;
use crate::state::StateError;

/// A failure, the exit code it ends with, and hints.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    error: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
}

impl CliError {
    /// Wraps an error.
    pub(crate) fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            exit,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// Bad usage or configuration.
    pub(crate) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// The bundle is not accepted.
    pub(crate) fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Refused, error)
    }

    /// Another run holds the lock.
    pub(crate) fn locked(holder: Option<&Holder>) -> Self {
        let who = holder.map_or_else(
            || "another process".to_owned(),
            |holder| {
                let mut who = format!("process {}", holder.pid);
                if let Some(command) = &holder.command {
                    who.push_str(&format!(", `{command}`"));
                }
                if let Some(since) = holder.since {
                    who.push_str(&format!(", started {since}"));
                }
                who
            },
        );
        Self::new(
            Exit::Locked,
            format!("another run holds the lock of this host ({who})"),
        )
        .hint("wait until it has finished and run the command again")
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the hints that an error knows itself.
    pub(crate) fn hints_of(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// The error and the hints, for an error of another kind.
    pub(crate) fn into_parts(self) -> (Box<dyn Error + Send + Sync>, Vec<String>) {
        (self.error, self.hints)
    }

    /// The code the run ends with.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
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
        let hint = error.hint();
        Self::new(Exit::Failed, error).hints_of(hint)
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Failed, error).hints_of(hint)
    }
}

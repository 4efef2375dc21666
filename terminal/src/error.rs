//! Errors that end a run: exit code, message and causes, details, hints.

use std::error::Error;
use std::fmt;
use std::io;

use kubeplan_bundle::exit::Exit;

use crate::advice::{Hint, causes, details, hints, with_causes};
use crate::text::Text;

/// An error for the user: its exit code, message, details and hints.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    error: Box<dyn Error + Send + Sync>,
    details: Text,
    hints: Vec<Hint>,
}

/// An action that another error stopped.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
struct Doing {
    doing: String,
    source: Box<dyn Error + Send + Sync>,
}

impl CliError {
    /// Wraps an error. Takes details and hints from the [`Advice`](crate::Advice) among its causes.
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        Self {
            exit,
            details: details(error.as_ref()),
            hints: hints(error.as_ref()).into_iter().cloned().collect(),
            error,
        }
    }

    /// An error of usage or configuration.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// A refusal of a bundle.
    pub fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Refused, error)
    }

    /// An error of the action `doing`, and its cause.
    pub fn caused(
        exit: Exit,
        doing: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let (doing, source) = (doing.into(), source.into());
        Self::new(exit, Doing { doing, source })
    }

    /// The same failure with what it is about before its message.
    #[must_use]
    pub fn about(self, what: impl fmt::Display) -> Self {
        let doing = what.to_string();
        let source = self.error;
        Self {
            error: Box::new(Doing { doing, source }),
            ..self
        }
    }

    /// The same failure with another exit code.
    #[must_use]
    pub const fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Adds a hint, unless the error has it already.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        let hint = hint.into();
        if !self.hints.iter().any(|said| **said == *hint) {
            self.hints.push(hint);
        }
        self
    }

    /// Adds lines that belong to the message; they stand below it.
    #[must_use]
    pub fn detail(mut self, lines: &Text) -> Self {
        self.details.append(lines);
        self
    }

    /// The code the run ends with.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// Lines that belong to the message.
    #[must_use]
    pub const fn details(&self) -> &Text {
        &self.details
    }

    /// The hints.
    #[must_use]
    pub fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// The kind of the I/O error that was the cause, if one was.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        let mut causes = causes(self.error.as_ref());
        causes.find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()))
    }
}

impl From<io::Error> for CliError {
    /// An error of the stream that a result is written to.
    fn from(error: io::Error) -> Self {
        Self::caused(Exit::Failed, "writing output", error)
    }
}

impl fmt::Display for CliError {
    /// The message and its causes, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self.error.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Advice;

    #[test]
    fn details_and_hints_of_a_cause_are_kept_when_it_is_wrapped() {
        #[derive(Debug, thiserror::Error)]
        #[error("2 things have to be put right")]
        struct Several(#[source] Advice);

        let items = vec!["a has no certificate".to_owned(), "b\nc".to_owned()];
        let error = CliError::caused(Exit::Usage, "no", Several(Advice::items(items)))
            .about("node a")
            .hint("do this")
            .hint("do this");
        assert_eq!(
            error.to_string(),
            "node a: no: 2 things have to be put right"
        );
        assert_eq!(
            error.details().as_str(),
            "  - a has no certificate\n  - b\\nc\n"
        );
        assert_eq!(error.hints().len(), 1);
    }

    #[test]
    fn the_kind_of_a_failed_file_operation_is_found() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let error = CliError::caused(Exit::Failed, "reading a", missing);
        assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound));
        assert_eq!(CliError::usage("no").io_kind(), None);
    }
}

//! What ends a run early: a kind that decides the exit code, what happened, and what to do next.

use std::error::Error;
use std::fmt::Write as _;

use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::Text;

use crate::files::Exposed;
use crate::pki::PkiError;

/// An error on its way to the user.
#[derive(Debug)]
pub struct CliError {
    /// Decides the exit code.
    pub exit: Exit,
    /// What could not be done, and to what.
    pub message: String,
    /// What to do next.
    pub hints: Vec<String>,
    /// Why.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl CliError {
    /// An error without a cause.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hints: Vec::new(),
            source: None,
        }
    }

    /// Bad usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// An error with its cause.
    pub fn caused(
        exit: Exit,
        message: impl Into<String>,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..Self::new(exit, message)
        }
    }

    /// The kind of the I/O error that was the cause, if one was.
    pub(super) fn io_kind(&self) -> Option<std::io::ErrorKind> {
        let error = self.source.as_deref()?.downcast_ref::<std::io::Error>()?;
        Some(error.kind())
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl CliError {
    /// `error: message: cause: cause` on one line, a line for each error that a cause is made of, and one for each hint.
    pub fn text(&self) -> Text {
        let mut line = format!("error: {}", self.message);
        let mut items = Vec::new();
        let mut cause = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            // Writing to a `String` does not fail.
            let _ = write!(line, ": {error}");
            items.extend(error.downcast_ref().map(PkiError::items));
            cause = error.source();
        }
        let mut text = Text::of(line);
        let items = items.iter().flatten();
        text.extend(items.map(|item| format!("  - {item}")));
        text.extend(self.hints.iter().map(|hint| format!("  hint: {hint}")));
        text
    }
}

/// Turns a failed file operation into an error that names the file.
pub(super) fn io_error<'a>(
    doing: &str,
    path: &'a std::path::Path,
) -> impl FnOnce(std::io::Error) -> CliError + use<'a> {
    let message = format!("{doing} {}", path.display());
    move |error| {
        let hint = Exposed::hint_if_denied(&error, path);
        let mut failed = CliError::caused(Exit::Failed, message, error);
        failed.hints.extend(hint);
        failed
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::caused(Exit::Failed, "writing output", error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cause_is_made_of_is_a_line_each() {
        let one = |name: &str| PkiError::KeyWithoutCertificate {
            key: format!("{name}.key"),
            certificate: format!("{name}.crt"),
        };
        let several = PkiError::Several(vec![one("a"), one("b\nc")]);
        let text = CliError::caused(Exit::Usage, "no", several)
            .hint("do this")
            .text();
        let lines: Vec<&str> = text.as_str().lines().collect();
        assert_eq!(lines[0], "error: no: 2 things have to be put right");
        assert!(lines[1].starts_with("  - `a.key` has no certificate"));
        assert!(lines[2].starts_with("  - `b\\nc.key` has no certificate"));
        assert_eq!(lines[3..], ["  hint: do this"]);
    }
}

//! Failures as the operator sees them: what kind, what happened, what to do next.

use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::ops::Deref;

use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{Text, cell};

use crate::host::HostError;
use crate::host::lock::Holder;
use crate::state::StateError;
use crate::{reset, steps};

/// The longest command line of another process that is shown, in characters.
const MAX_COMMAND: usize = 80;

/// A failure, the exit code it ends with, and hints.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    error: Box<dyn Error + Send + Sync>,
    details: Text,
    hints: Vec<Hint>,
}

/// What to do next: one line, and the lines of something that it cites.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    line: String,
    lines: Text,
}

impl Hint {
    /// A line, and the lines below it.
    pub(crate) const fn citing(line: String, lines: Text) -> Self {
        Self { line, lines }
    }

    /// The lines below it.
    pub(crate) const fn lines(&self) -> &Text {
        &self.lines
    }
}

impl Deref for Hint {
    type Target = str;

    /// The line.
    fn deref(&self) -> &str {
        &self.line
    }
}

impl Borrow<str> for Hint {
    /// The line.
    fn borrow(&self) -> &str {
        &self.line
    }
}

impl From<String> for Hint {
    fn from(line: String) -> Self {
        Self::citing(line, Text::new())
    }
}

impl From<&str> for Hint {
    fn from(line: &str) -> Self {
        line.to_owned().into()
    }
}

/// Items of a list, a line each, as they stand below an error.
pub(crate) fn list<D: fmt::Display>(items: impl IntoIterator<Item = D>) -> Text {
    let mut text = Text::new();
    for item in items {
        text.line(format_args!("  - {item}"));
    }
    text
}

impl CliError {
    /// Wraps an error, with the hint of the cause that has one: who wraps an error need not think of it.
    pub(crate) fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        let hints = hint_of_causes(error.as_ref());
        Self {
            exit,
            error,
            details: Text::new(),
            hints: hints.into_iter().map(Hint::from).collect(),
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
    ///
    /// Any user can give a process any command line, so one is only cited if it is known whose it is, and as what it is: what
    /// the process calls itself.
    pub(crate) fn locked(holder: Option<&Holder>) -> Self {
        let who = holder.map_or_else(
            || "another process".to_owned(),
            |holder| {
                let mut who = format!("process {}", holder.pid);
                if let Some(user) = holder.user {
                    who.push_str(&format!(" of user {user}"));
                }
                if let Some(command) = &holder.command {
                    let command = cell(command, MAX_COMMAND);
                    who.push_str(&format!(", which calls itself `{command}`"));
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

    /// The same failure with another exit code.
    pub(crate) const fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Adds what to do next, unless that was said.
    pub(crate) fn hint(mut self, hint: impl Into<Hint>) -> Self {
        let hint = hint.into();
        if !self.hints.iter().any(|said| said.line == hint.line) {
            self.hints.push(hint);
        }
        self
    }

    /// Adds lines that belong to the message; they stand below it.
    pub(crate) fn detail(mut self, lines: &Text) -> Self {
        self.details.append(lines);
        self
    }

    /// The error, the lines that belong to it and the hints, for an error of another kind.
    pub(crate) fn into_parts(self) -> (Box<dyn Error + Send + Sync>, Text, Vec<Hint>) {
        (self.error, self.details, self.hints)
    }

    /// The code the run ends with.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Lines that belong to the message.
    pub(crate) const fn details(&self) -> &Text {
        &self.details
    }

    /// The hints.
    pub(crate) fn hints(&self) -> &[Hint] {
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

/// The command that mends what the host refused, whatever that error is the cause of.
///
/// An error that passes a [`HostError`] on as its own (`#[error(transparent)]`) hides it from its causes; such types are asked too.
fn hint_of_causes(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let hint = if let Some(error) = error.downcast_ref::<HostError>() {
            error.hint()
        } else if let Some(error) = error.downcast_ref::<StateError>() {
            error.hint()
        } else if let Some(error) = error.downcast_ref::<steps::StepError>() {
            error.host_hint()
        } else if let Some(error) = error.downcast_ref::<reset::StepError>() {
            error.host_hint()
        } else {
            None
        };
        if hint.is_some() {
            return hint;
        }
        cause = error.source();
    }
    None
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        Self::new(Exit::Failed, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Exposed, Exposure};

    #[derive(Debug, thiserror::Error)]
    #[error("stopped part-way")]
    struct PartWay<E: Error + 'static>(#[source] E);

    #[test]
    fn the_command_that_mends_something_is_kept_whatever_wraps_it() {
        let exposed = || {
            HostError::from(Box::new(Exposed {
                kind: "directory",
                path: "/state".into(),
                exposure: Exposure::Writable(0o777),
                mend: "chmod go-w /state".into(),
            }))
        };
        let state = || StateError::from(exposed());
        let recorded = || steps::StepError::Record(Box::new(state()));
        let errors: [Box<dyn Error + Send + Sync>; 8] = [
            Box::new(exposed()),
            Box::new(state()),
            Box::new(PartWay(exposed())),
            Box::new(PartWay(state())),
            Box::new(PartWay(steps::StepError::from(exposed()))),
            Box::new(PartWay(recorded())),
            Box::new(PartWay(reset::StepError::from(exposed()))),
            Box::new(PartWay(reset::StepError::from(state()))),
        ];
        for error in errors {
            let error = CliError::new(Exit::Partial, error).hint("then run it again");
            let hints: Vec<&str> = error.hints().iter().map(|hint| &**hint).collect();
            assert_eq!(
                hints,
                [
                    "check what it holds, then run `chmod go-w /state`",
                    "then run it again"
                ],
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_foreign_command_line_is_cited_escaped_cut_and_marked() {
        let holder = |command: Option<&str>| Holder {
            pid: 7,
            user: Some(1000),
            command: command.map(str::to_owned),
            since: None,
        };
        let line = format!("x\nhint: run \u{1b}[1A{}", "y".repeat(1000));
        let error = CliError::locked(Some(&holder(Some(&line)))).to_string();
        assert!(
            error.starts_with(
                "another run holds the lock of this host (process 7 of user 1000, which calls itself `x\\nhint: run \\u{1b}[1Ayyy"
            ),
            "{error}"
        );
        assert!(error.ends_with("yy…`)"), "{error}");
        assert!(error.chars().count() < 200, "{error}");
        let error = CliError::locked(Some(&holder(None))).to_string();
        assert!(error.ends_with("(process 7 of user 1000)"), "{error}");
    }
}

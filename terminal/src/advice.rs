//! Walks the causes of an error, and finds the hints among them.

use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::ops::Deref;

use crate::text::Text;

/// A hint: one line, and the lines that it quotes.
#[derive(Clone, Debug)]
pub struct Hint {
    line: String,
    lines: Text,
}

impl Hint {
    /// A line, and the lines below it.
    #[must_use]
    pub const fn citing(line: String, lines: Text) -> Self {
        Self { line, lines }
    }

    /// The lines below it.
    #[must_use]
    pub const fn lines(&self) -> &Text {
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
#[must_use]
pub fn list<D: fmt::Display>(items: impl IntoIterator<Item = D>) -> Text {
    let items = items.into_iter();
    items.map(|item| format!("  - {item}")).collect()
}

/// What belongs to an error besides its message: hints, lines such as the single problems that it consists of, and the cause.
///
/// An error carries it as its `source`. It is found however many errors wrap that error, also transparent ones
/// (`#[error(transparent)]`), and is not written as a cause.
#[derive(Debug, Default)]
pub struct Advice(Box<Parts>);

/// What an [`Advice`] holds; in a box of its own, because every error that can carry one has room for it.
#[derive(Debug, Default)]
struct Parts {
    hints: Vec<Hint>,
    details: Text,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Advice {
    /// Creates a hint.
    #[must_use]
    pub fn hint(hint: impl Into<Hint>) -> Self {
        Self::default().and(hint)
    }

    /// The single problems, a line each.
    #[must_use]
    pub fn items<D: fmt::Display>(items: impl IntoIterator<Item = D>) -> Self {
        Self::lines(list(items))
    }

    /// Lines that stand below the message.
    #[must_use]
    pub fn lines(details: Text) -> Self {
        let parts = Parts {
            details,
            ..Parts::default()
        };
        Self(Box::new(parts))
    }

    /// The cause of the error that carries this.
    #[must_use]
    pub fn because(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let parts = Parts {
            cause: Some(cause.into()),
            ..Parts::default()
        };
        Self(Box::new(parts))
    }

    /// Adds what to do next; hints of causes come before it.
    #[must_use]
    pub fn and(mut self, hint: impl Into<Hint>) -> Self {
        self.0.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hints: Vec<&str> = self.0.hints.iter().map(|hint| &**hint).collect();
        f.write_str(&hints.join("; "))
    }
}

impl Error for Advice {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let cause = self.0.cause.as_deref()?;
        Some(cause)
    }
}

/// `error` and its causes, the outermost first.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    chain(error).filter(|error| !error.is::<Advice>())
}

/// `error` and its causes on one line: `what failed: why: why`.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes: Vec<String> = causes(error).map(ToString::to_string).collect();
    causes.join(": ")
}

/// The last cause, for errors of libraries whose outer ones only say that something failed.
#[must_use]
pub fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// The hints of `error` and its causes, each once, that of the innermost cause first: it is closest to the fault.
#[must_use]
pub fn hints<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a Hint> {
    let mut inwards: Vec<&Advice> = advice(error).collect();
    inwards.reverse();
    let mut hints: Vec<&Hint> = Vec::new();
    for hint in inwards.into_iter().flat_map(|advice| &advice.0.hints) {
        if !hints.iter().any(|said| said.line == hint.line) {
            hints.push(hint);
        }
    }
    hints
}

/// The lines that belong to `error` and its causes, those of the outermost first.
#[must_use]
pub fn details(error: &(dyn Error + 'static)) -> Text {
    let mut text = Text::new();
    for advice in advice(error) {
        text.append(&advice.0.details);
    }
    text
}

fn advice<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a Advice> {
    chain(error).filter_map(|error| error.downcast_ref())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file is open to other users")]
    struct Exposed(#[source] Advice);

    #[derive(Debug, thiserror::Error)]
    enum Host {
        #[error(transparent)]
        Exposed(#[from] Exposed),
        #[error("cannot read it")]
        Read(#[source] std::io::Error),
    }

    #[derive(Debug, thiserror::Error)]
    enum State {
        #[error(transparent)]
        Host(#[from] Host),
    }

    #[derive(Debug, thiserror::Error)]
    #[error("stopped part-way")]
    struct PartWay(#[source] Advice);

    fn exposed() -> PartWay {
        let state = State::from(Host::Exposed(Exposed(Advice::hint("chmod it"))));
        PartWay(Advice::because(state).and("resume").and("chmod it"))
    }

    #[test]
    fn advice_is_found_when_it_is_wrapped_and_is_not_a_cause() {
        let error = exposed();
        let found: Vec<&str> = hints(&error).into_iter().map(|hint| &**hint).collect();
        assert_eq!(found, ["chmod it", "resume"]);
        assert_eq!(
            with_causes(&error),
            "stopped part-way: the file is open to other users"
        );
        assert_eq!(
            innermost(&error).to_string(),
            "the file is open to other users"
        );
    }

    #[test]
    fn causes_are_written_in_their_order() {
        let state = State::from(Host::Read(std::io::Error::other("gone")));
        let error = PartWay(Advice::because(state));
        assert_eq!(
            with_causes(&error),
            "stopped part-way: cannot read it: gone"
        );
        assert_eq!(innermost(&error).to_string(), "gone");
        assert!(hints(&error).is_empty());
    }

    #[test]
    fn lines_of_every_cause_are_kept() {
        let inner = PartWay(Advice::items(["b\nc"]));
        let mut outer = Advice::because(inner);
        outer.0.details = list(["a"]);
        assert_eq!(details(&PartWay(outer)).as_str(), "  - a\n  - b\\nc\n");
    }
}
